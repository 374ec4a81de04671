import type { Database } from '../database/connect.ts'
import type { Sealer } from '../foundation/seal.ts'
import { openAccessKey } from '../keys/model.ts'
import { findAccessKeys } from '../keys/store.ts'
import type { Resource } from '../resources/model.ts'
import { openAdminToken } from './installation.ts'
import { type Reachable, reachableAt, type SlotTexts } from './reachable.ts'

/** What the secrets of a server are opened from, and what else is told with them. */
export interface ReachableWorld {
  readonly db: Database
  readonly sealer: Sealer
  /** Oldest first. */
  readonly resources: readonly Resource[]
  readonly domain: string | undefined
  readonly caFile: string | undefined
  readonly httpPort: number | undefined
}

/**
 * Creates the function that says how the resource of the first start is reached. Each time it opens
 * the secrets anew: what stayed in memory would be in every image of it.
 */
export function reachableOpener(endpoint: string, world: ReachableWorld): () => Promise<Reachable> {
  const { db, sealer, resources, domain, caFile, httpPort } = world
  return async () => {
    const adminToken = await openAdminToken(db, sealer)
    const keys = await openSlotTexts(db, resources[0]?.resourceId ?? '', sealer)
    const installation = { resources }
    return reachableAt(endpoint, { installation, adminToken, domain, keys, caFile, httpPort })
  }
}

/** The keys of a resource in the clear, for whoever is told them. */
export async function openSlotTexts(
  db: Database,
  resourceId: string,
  sealer: Sealer,
): Promise<SlotTexts> {
  const texts = { primary: '', secondary: '' }
  for (const { current } of await findAccessKeys(db, resourceId)) {
    texts[current.slot] = openAccessKey(current, sealer)?.toString('base64') ?? ''
  }
  return texts
}
