import { serverLimits } from '../contract/limits.ts'
import type { Queries } from '../database/connect.ts'
import type { Reseal } from '../foundation/seal.ts'
import { purposeOf } from './model.ts'
import { listSealedSlots, type SealedSlot, updateSealedSlots } from './reseal-store.ts'

/**
 * Seals the access keys of every resource anew, a batch at a time. Run it in a transaction.
 *
 * @returns how many were sealed under the former master key.
 */
export async function resealAccessKeys(db: Queries, reseal: Reseal): Promise<number> {
  const batchMax = serverLimits.secretsResealedAtOnceMax
  let resealedCount = 0
  let last: SealedSlot | undefined
  for (;;) {
    const batch = await listSealedSlots(db, last, batchMax)
    const changed: SealedSlot[] = []
    for (const slot of batch) {
      const resealed = resealSlot(slot, reseal)
      if (resealed.count > 0) changed.push(resealed.slot)
      resealedCount += resealed.count
    }
    if (changed.length > 0) await updateSealedSlots(db, changed)
    last = batch.at(-1)
    if (batch.length < batchMax) return resealedCount
  }
}

function resealSlot(
  slot: SealedSlot,
  reseal: Reseal,
): { readonly slot: SealedSlot; readonly count: number } {
  const { sealedKey, formerGeneration, formerSealedKey } = slot
  const current = reseal(sealedKey, purposeOf(slot))
  const former =
    formerGeneration === undefined || formerSealedKey === undefined
      ? undefined
      : reseal(formerSealedKey, purposeOf({ ...slot, generation: formerGeneration }))
  const resealed = {
    ...slot,
    sealedKey: current ?? sealedKey,
    formerSealedKey: former ?? formerSealedKey,
  }
  return { slot: resealed, count: [current, former].filter((one) => one !== undefined).length }
}
