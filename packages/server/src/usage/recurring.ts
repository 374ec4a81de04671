import { serverLimits } from '../contract/limits.ts'
import type { Database } from '../database/connect.ts'
import type { Log } from '../foundation/log.ts'
import { startRecurringWork } from '../foundation/recurring-work.ts'
import { foldRecords, listResourcesWithRecords } from './store.ts'

/** What the recurring work on usage needs. */
export interface UsageWork {
  readonly db: Database
  readonly log: Log
}

/**
 * Folds records of usage into hours, once before it returns and then every minute. What it never
 * gets to is told all the same: it only keeps telling cheap.
 *
 * @returns what ends it.
 */
export async function startUsageWork({ db, log }: UsageWork): Promise<() => Promise<void>> {
  const work = await startRecurringWork({
    tasks: [{ name: 'fold records of usage', run: () => foldAll(db) }],
    intervalMs: serverLimits.usageFoldIntervalMs,
    log,
  })
  return work.stop
}

/** Folds every record that there is, in batches. */
export async function foldAll(db: Database): Promise<void> {
  const recordsMax = serverLimits.usageRecordsFoldedAtOnceMax
  for (const resourceId of await listResourcesWithRecords(db)) {
    while ((await foldRecords(db, resourceId, recordsMax)) === recordsMax) {}
  }
}
