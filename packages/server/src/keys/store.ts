import type { AccessKeySlot } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'
import type { SealedAccessKey, StoredSlot } from './model.ts'

/** Lists the access keys of every resource that is not deleted, those of the oldest first. */
export async function listAccessKeys(db: Queries): Promise<readonly StoredSlot[]> {
  const rows = await db<AccessKeyRow[]>`
    select
      key.resource_id, key.slot, key.generation, key.sealed_key,
      key.former_generation, key.former_sealed_key, key.former_until
    from access_key as key
    join resource on resource.resource_id = key.resource_id
    where resource.deleted_at is null
    order by resource.created_at, key.resource_id, key.slot
  `
  return rows.map(slotFrom)
}

/** Finds the access keys of one resource, primary first; empty when it is deleted. */
export async function findAccessKeys(
  db: Queries,
  resourceId: string,
): Promise<readonly StoredSlot[]> {
  const rows = await db<AccessKeyRow[]>`
    select
      resource_id, slot, generation, sealed_key,
      former_generation, former_sealed_key, former_until
    from access_key
    where resource_id = ${resourceId}
    order by slot
  `
  return rows.map(slotFrom)
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
  readonly former_generation: string | number | null
  readonly former_sealed_key: Buffer | null
  readonly former_until: Date | null
}

function slotFrom(row: AccessKeyRow): StoredSlot {
  const { resource_id: resourceId, slot, former_sealed_key: sealedKey, former_until: until } = row
  const former =
    sealedKey === null || until === null
      ? undefined
      : {
          key: { resourceId, slot, generation: Number(row.former_generation), sealedKey },
          validUntilMs: until.getTime(),
        }
  const generation = Number(row.generation)
  return { current: { resourceId, slot, generation, sealedKey: row.sealed_key }, former }
}
