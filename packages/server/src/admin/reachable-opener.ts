import type { Database } from '../database/connect.ts'
import type { Sealer } from '../foundation/seal.ts'
import { slotTexts } from './created-resource.ts'
import { type Installation, openAdminToken } from './installation.ts'
import { type Reachable, reachableAt } from './reachable.ts'

/** What the secrets of a server are opened from, and what else is told with them. */
export interface ReachableWorld {
  readonly db: Database
  readonly sealer: Sealer
  readonly installation: Pick<Installation, 'resources' | 'subscriptionId'>
  readonly domain: string | undefined
  readonly caFile: string | undefined
  readonly httpPort: number | undefined
}

/**
 * Creates the function that says how the resource of the first start is reached. Each time it opens
 * the secrets anew: what stayed in memory would be in every image of it.
 */
export function reachableOpener(endpoint: string, world: ReachableWorld): () => Promise<Reachable> {
  const { db, sealer, installation, domain, caFile, httpPort } = world
  return async () => {
    const adminToken = await openAdminToken(db, sealer)
    const keys = await slotTexts(db, installation.resources[0]?.resourceId, sealer)
    return reachableAt(endpoint, { installation, adminToken, domain, keys, caFile, httpPort })
  }
}
