import type { Database, Queries } from '../database/connect.ts'
import type { Meter } from './model.ts'
import { listUnpurged } from './store.ts'

/** What one room contributes: how what it stored of a meter is counted again. */
export interface UsageSource {
  readonly meter: Meter
  /** Counts what is stored now, by the hour of its instant; milliseconds since the Unix epoch. */
  readonly countStored: (db: Queries, resourceId: string) => Promise<ReadonlyMap<number, number>>
}

/** An hour in which what was counted is not what is stored. */
export interface UsageDifference {
  readonly meter: Meter
  readonly hourMs: number
  /** What was used and not purged. */
  readonly counted: number
  readonly stored: number
}

/**
 * Counts again what a resource has stored, and compares. Both are read in one snapshot, so that it
 * may be asked at any time; it takes as long as it takes to look at every stored thing.
 *
 * @returns nothing when all is well. A resource that is deleted has no answer: see `countPurged`.
 */
export async function differencesOf(
  db: Database,
  resourceId: string,
  sources: readonly UsageSource[],
): Promise<readonly UsageDifference[]> {
  return db.begin('isolation level repeatable read read only', async (snapshot) => {
    const differences: UsageDifference[] = []
    for (const { meter, countStored } of sources) {
      const counted = await listUnpurged(snapshot, resourceId, meter)
      const stored = await countStored(snapshot, resourceId)
      for (const hourMs of new Set([...counted.keys(), ...stored.keys()])) {
        const both = { counted: counted.get(hourMs) ?? 0, stored: stored.get(hourMs) ?? 0 }
        if (both.counted !== both.stored) differences.push({ meter, hourMs, ...both })
      }
    }
    return differences.toSorted((one, other) => one.hourMs - other.hourMs)
  })
}
