import { serverLimits } from '../contract/limits.ts'
import type { Database } from '../database/connect.ts'
import type { Log } from '../foundation/log.ts'
import { startRecurringWork } from '../foundation/recurring-work.ts'
import type { KeyRing } from './key-ring.ts'
import type { OverlapWatch } from './overlaps.ts'
import { flushKeyUses } from './uses.ts'

/** What the recurring work on access keys needs. */
export interface KeyWork {
  readonly db: Database
  readonly keyRing: KeyRing
  readonly overlaps: OverlapWatch
  readonly log: Log
}

/**
 * Ends overlaps that are over and notes when keys were last used, once before it returns and then
 * every few seconds.
 *
 * @returns what ends it, with a last note.
 */
export async function startKeyWork(world: KeyWork): Promise<() => Promise<void>> {
  const { db, keyRing, overlaps, log } = world
  const flush = () => flushKeyUses(db, keyRing)
  const work = await startRecurringWork({
    tasks: [
      { name: 'end overlaps of access keys', run: overlaps.endDue },
      { name: 'note uses of access keys', run: flush },
    ],
    intervalMs: serverLimits.keyRoundIntervalMs,
    log,
  })
  return async () => {
    await overlaps.close()
    await work.stop()
    // A stop goes on when the database has gone.
    await flush().catch((error: unknown) => {
      log.warn({ err: error }, 'the last uses of access keys were not noted')
    })
  }
}
