import { serverLimits } from './contract/limits.ts'
import type { Database } from './database/connect.ts'
import { dropExpiredTokenPartitions, makeRoomForTokens } from './database/partitions.ts'
import { deleteForgottenEvents } from './events/store.ts'
import type { Log } from './foundation/log.ts'
import { type RecurringWork, startRecurringWork, type Task } from './foundation/recurring-work.ts'
import { deleteOldPurges } from './resources/purge-store.ts'
import { deletePurgedSubscriptions } from './resources/subscriptions.ts'

/** What house-keeping needs beside the database. */
export interface HouseKeeping {
  readonly now: () => number
  readonly turnKeys: () => Promise<void>
  readonly log: Log
}

/** Starts house-keeping, with a first round. */
export function startHouseKeeping(db: Database, keeping: HouseKeeping): Promise<RecurringWork> {
  const { houseKeepingIntervalMs: intervalMs } = serverLimits
  return startRecurringWork({ tasks: tasksOf(db, keeping), intervalMs, log: keeping.log })
}

/**
 * What is done every ten minutes. Ledger rows reach 24 hours ahead and partitions 48, so a day of
 * failed rounds passes before anything suffers.
 */
function tasksOf(db: Database, { now, turnKeys }: HouseKeeping): readonly Task[] {
  return [
    { name: 'make room in the ledger', run: () => makeRoomForTokens(db, now()) },
    { name: 'drop expired tokens', run: () => dropExpiredTokenPartitions(db, now()) },
    { name: 'forget events', run: () => deleteForgottenEvents(db, now()) },
    { name: 'forget deleted subscriptions', run: () => deletePurgedSubscriptions(db) },
    { name: 'turn the signing keys', run: turnKeys },
    { name: 'forget purges', run: () => deleteOldPurges(db, now()) },
  ]
}
