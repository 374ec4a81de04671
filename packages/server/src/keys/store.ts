import type { AccessKeySlot } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'
import type { SealedAccessKey } from './model.ts'

/** Lists the access keys of every resource, at most `keysMax`, those of the oldest first. */
export async function listAccessKeys(
  db: Queries,
  keysMax: number,
): Promise<readonly SealedAccessKey[]> {
  const rows = await db<AccessKeyRow[]>`
    select key.resource_id, key.slot, key.generation, key.sealed_key
    from access_key as key
    join resource on resource.resource_id = key.resource_id
    order by resource.created_at, key.resource_id, key.slot
    limit ${keysMax}
  `
  return rows.map((row) => ({
    resourceId: row.resource_id,
    slot: row.slot,
    generation: Number(row.generation),
    sealedKey: row.sealed_key,
  }))
}

/** Stores the key of a slot that has none yet. */
export async function insertAccessKey(
  db: Queries,
  key: SealedAccessKey,
  nowMs: number,
): Promise<void> {
  await db`
    insert into access_key (resource_id, slot, generation, sealed_key, created_at)
    values (
      ${key.resourceId},
      ${key.slot},
      ${key.generation},
      ${key.sealedKey},
      ${new Date(nowMs)}
    )
  `
}

interface AccessKeyRow {
  readonly resource_id: string
  readonly slot: AccessKeySlot
  readonly generation: string | number
  readonly sealed_key: Buffer
}
