import type { AccessKeySlot } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'

/** The sealed bytes of one slot, whosever and in whatever state. */
export interface SealedSlot {
  readonly resourceId: string
  readonly slot: AccessKeySlot
  readonly generation: number
  readonly sealedKey: Buffer
  readonly formerGeneration: number | undefined
  readonly formerSealedKey: Buffer | undefined
}

/**
 * Lists slots of all resources, deleted ones too, a batch at a time.
 *
 * @param after - the last slot of the batch before; absent: the first batch.
 */
export async function listSealedSlots(
  db: Queries,
  after: Pick<SealedSlot, 'resourceId' | 'slot'> | undefined,
  slotsMax: number,
): Promise<readonly SealedSlot[]> {
  const { resourceId = '00000000-0000-0000-0000-000000000000', slot = '' } = after ?? {}
  const rows = await db<SealedSlotRow[]>`
    select resource_id, slot, generation, sealed_key, former_generation, former_sealed_key
    from access_key
    where (resource_id, slot) > (${resourceId}::uuid, ${slot}::text)
    order by resource_id, slot
    limit ${slotsMax}
  `
  return rows.map((row) => ({
    resourceId: row.resource_id,
    slot: row.slot,
    generation: Number(row.generation),
    sealedKey: row.sealed_key,
    formerGeneration: row.former_generation === null ? undefined : Number(row.former_generation),
    formerSealedKey: row.former_sealed_key ?? undefined,
  }))
}

/** Puts other sealed bytes of the same keys in the place of those stored. */
export async function updateSealedSlots(db: Queries, slots: readonly SealedSlot[]): Promise<void> {
  const { byteaArray } = db.types
  await db`
    update access_key
    set sealed_key = resealed.sealed_key, former_sealed_key = resealed.former_sealed_key
    from unnest(
      ${slots.map((one) => one.resourceId)}::uuid[],
      ${slots.map((one) => one.slot)}::text[],
      ${byteaArray(slots.map((one) => one.sealedKey))}::bytea[],
      ${byteaArray(slots.map((one) => one.formerSealedKey ?? null))}::bytea[]
    ) as resealed (resource_id, slot, sealed_key, former_sealed_key)
    where access_key.resource_id = resealed.resource_id
    and access_key.slot = resealed.slot
  `
}

interface SealedSlotRow {
  readonly resource_id: string
  readonly slot: AccessKeySlot
  readonly generation: string | number
  readonly sealed_key: Buffer
  readonly former_generation: string | number | null
  readonly former_sealed_key: Buffer | null
}
