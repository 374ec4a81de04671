import type { Queries } from '../database/connect.ts'
import type { Platform } from '../foundation/platform.ts'
import type { Sealer } from '../foundation/seal.ts'
import { type ActiveAccessKey, activeAccessKey, newAccessKey } from './model.ts'
import { insertAccessKey } from './store.ts'

/** What making access keys takes. */
export interface KeyMaker {
  readonly platform: Platform
  readonly sealer: Sealer
}

/** Stores a fresh key in each slot of a resource that has none. */
export async function insertFirstKeys(
  db: Queries,
  resourceId: string,
  maker: KeyMaker,
): Promise<readonly ActiveAccessKey[]> {
  const active: ActiveAccessKey[] = []
  for (const slot of ['primary', 'secondary'] as const) {
    const { stored, secret } = newAccessKey({ resourceId, slot, generation: 1 }, maker)
    await insertAccessKey(db, stored, maker.platform.now())
    active.push(activeAccessKey(stored, secret))
  }
  return active
}
