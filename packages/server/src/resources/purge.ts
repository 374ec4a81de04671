/**
 * The purge of deleted resources, in the background.
 *
 * A deletion takes effect before it is answered: the cut-off voids every token, the keys are gone,
 * nothing is issued or created any more. What is left are rows that nobody reaches, perhaps
 * millions. They are deleted here, one resource at a time, in batches, each a transaction that
 * deletes some rows and adds their number to the report. So a `kill -9` at any instant loses at
 * most the batch at hand, which was not counted either; the next start goes on with what is there.
 *
 * Nothing but the rows says what is left to do: a batch takes the next rows in the order of their
 * key. The place reached is kept in memory, because an index remembers what was deleted until it is
 * vacuumed, and each batch would walk over all that the batches before it deleted.
 *
 * No batch locks anything of another resource. Rejected: one `delete` of the resource's row, which
 * cascades. With a million identities it is one transaction of minutes, at the end of which the log
 * is flushed at once, and a crash before that end has deleted nothing.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { appendAudit } from '../audit/store.ts'
import type { Database, Queries } from '../database/connect.ts'
import type { Log } from '../foundation/log.ts'
import { printResourcePath } from './model.ts'
import { firstPace, nextPace, type Pace } from './purge-pace.ts'
import {
  addToPurge,
  finishPurge,
  listUnfinishedPurges,
  lockDeletedResource,
  type PurgeCount,
  type PurgeReport,
} from './purge-store.ts'

/** What one room contributes: how its rows of a deleted resource are deleted. */
export interface PurgeStep {
  /** The table that it empties. */
  readonly table: string
  /** What the report calls its rows; absent: they are not counted. */
  readonly counted?: PurgeCount
  /** Deletes the first rows of a resource after a place, in one short statement. */
  readonly deleteRows: (db: Queries, resourceId: string, batch: PurgeBatch) => Promise<PurgedBatch>
}

/** The rows that a batch may delete. */
export interface PurgeBatch {
  /** Id of the last row that was deleted before; all zeros at the beginning. */
  readonly after: string
  readonly rowsMax: number
}

/** What a batch deleted. */
export interface PurgedBatch {
  readonly rowCount: number
  /** Id of the last of its rows; absent where there were none, or rows have no order. */
  readonly last: string | undefined
}

/** What purging needs. */
export interface PurgeWorld {
  readonly db: Database
  readonly steps: readonly PurgeStep[]
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  readonly newGuid: () => string
  readonly log: Log
  /** How many requests were answered so far: while it grows, the purge rests. */
  readonly answeredCount: () => number
}

/** What has been purged since the start. */
export interface PurgeTotals {
  /** Deleted resources with rows left, when that was last looked at. */
  unfinished: number
  identities: number
  tokens: number
  finished: number
  /** Time within batches, and of rest between them, milliseconds. */
  workedMs: number
  restedMs: number
}

/** The purge of this server. */
export interface Purger {
  /** Looks for deleted resources at once; does not wait for them to be purged. */
  readonly wake: () => void
  readonly totals: Readonly<PurgeTotals>
  /** Ends after the batch at hand. */
  readonly stop: () => Promise<void>
}

/** Deleted resources that are read at once; the next are read when these are purged. */
const purgesInRoundMax = 100
/** Time after which a purge that failed is tried again. */
const retryMs = 5000

/** Starts the purge with what former runs left over. */
export function startPurger(world: PurgeWorld): Purger {
  const totals: PurgeTotals = {
    unfinished: 0,
    finished: 0,
    identities: 0,
    tokens: 0,
    workedMs: 0,
    restedMs: 0,
  }
  const stopping = new AbortController()
  const run: Run = { ...world, totals, stopping: stopping.signal, pace: firstPace }
  let isAsked = false
  let working: Promise<void> | undefined
  const work = async () => {
    while (isAsked && !stopping.signal.aborted) {
      isAsked = false
      const isDone = await purgeRound(run)
      if (isDone) continue
      isAsked = true
      await rest(run, retryMs)
    }
    working = undefined
  }
  const wake = () => {
    isAsked = true
    working ??= work()
  }
  wake()
  return {
    wake,
    totals,
    async stop() {
      stopping.abort()
      await working
    },
  }
}

interface Run extends PurgeWorld {
  readonly totals: PurgeTotals
  readonly stopping: AbortSignal
  pace: Pace
}

/** Purges what is deleted. Gives `false` when something failed and must be tried again. */
async function purgeRound(run: Run): Promise<boolean> {
  try {
    for (;;) {
      const reports = await listUnfinishedPurges(run.db, purgesInRoundMax)
      run.totals.unfinished = reports.length
      let isDone = true
      for (const report of reports) {
        if (run.stopping.aborted) return true
        if (!(await tryPurge(run, report))) isDone = false
      }
      if (reports.length === 0 || !isDone) return isDone
    }
  } catch (error) {
    run.log.error({ err: error }, 'deleted resources could not be listed; tried again')
    return false
  }
}

/** One resource that cannot be purged does not keep the others. */
async function tryPurge(run: Run, report: PurgeReport): Promise<boolean> {
  const { resourceId } = report
  try {
    await purgeResource(run, report)
    return true
  } catch (error) {
    run.log.error({ err: error, resourceId }, 'a purge failed; it is tried again')
    return false
  }
}

async function purgeResource(run: Run, report: PurgeReport): Promise<void> {
  const { resourceId } = report
  for (;;) {
    for (const step of run.steps) {
      if (!(await emptyTable(run, resourceId, step))) return
    }
    if (await tryFinish(run, report)) break
  }
  run.totals.finished += 1
  run.totals.unfinished -= 1
  run.log.info({ resourceId }, 'a deleted resource is purged')
}

const beginning = '00000000-0000-0000-0000-000000000000'

/** Gives `false` when it was stopped. */
async function emptyTable(run: Run, resourceId: string, step: PurgeStep): Promise<boolean> {
  let after = beginning
  while (!run.stopping.aborted) {
    const { rowsMax } = run.pace
    const answeredBefore = run.answeredCount()
    const beganAt = performance.now()
    const { rowCount, last } = await inBatch(run.db, async (db) => {
      const deleted = await step.deleteRows(db, resourceId, { after, rowsMax })
      await addToPurge(db, resourceId, countsOf(step, deleted.rowCount))
      return deleted
    })
    const tookMs = performance.now() - beganAt
    run.totals.workedMs += tookMs
    addTo(run.totals, countsOf(step, rowCount))
    const areOthersServed = await wasAnybodyAnswered(run, answeredBefore)
    run.pace = nextPace(run.pace, { rowCount, tookMs, areOthersServed })
    if (rowCount === 0) return true
    after = last ?? beginning
    await rest(run, run.pace.restMs)
  }
  return false
}

/**
 * Deletes the last row, unless somebody who began before the deletion has added others since.
 *
 * Row and report are closed in one transaction with the line in the audit log that says so.
 */
async function tryFinish(run: Run, report: PurgeReport): Promise<boolean> {
  const { resourceId } = report
  const { rowsMax } = run.pace
  const isFinished = await inBatch(run.db, async (db) => {
    await lockDeletedResource(db, resourceId)
    for (const step of run.steps) {
      const { rowCount } = await step.deleteRows(db, resourceId, { after: beginning, rowsMax })
      await addToPurge(db, resourceId, countsOf(step, rowCount))
      addTo(run.totals, countsOf(step, rowCount))
      if (rowCount > 0) return false
    }
    const atMs = run.now()
    // Another node may have come to the end of it first, and told so.
    if (!(await finishPurge(db, resourceId, atMs))) return true
    const target = printResourcePath(report)
    const requestId = run.newGuid()
    const act = { actor: 'server', operation: 'Parley_PurgeResource', target, resourceId }
    await appendAudit(db, [{ ...act, requestId, atMs }])
    return true
  })
  return isFinished
}

/**
 * One batch. Its commit does not wait for the disk: a batch that a power cut takes back was not
 * counted either, and is done again. So those who wait for the disk wait for themselves alone.
 *
 * Plans are made once. PostgreSQL would else plan the cascade from an identity to its tokens, over
 * every partition, for each identity anew: 210 us instead of 21 for each.
 */
function inBatch<Value>(db: Database, act: (db: Queries) => Promise<Value>): Promise<Value> {
  return db.begin(async (transaction) => {
    await transaction`
      select
        set_config('synchronous_commit', 'off', true),
        set_config('plan_cache_mode', 'force_generic_plan', true)
    `
    return act(transaction)
  }) as Promise<Value>
}

function countsOf(step: PurgeStep, rowCount: number): Record<PurgeCount, number> {
  const counts = { identities: 0, tokens: 0 }
  if (step.counted !== undefined) counts[step.counted] = rowCount
  return counts
}

function addTo(totals: PurgeTotals, deleted: Record<PurgeCount, number>): void {
  totals.identities += deleted.identities
  totals.tokens += deleted.tokens
}

async function wasAnybodyAnswered(run: Run, answeredBefore: number): Promise<boolean> {
  // Those who came meanwhile take their turn first, and count.
  await new Promise((resolve) => setImmediate(resolve))
  return run.answeredCount() !== answeredBefore
}

async function rest(run: Run, ms: number): Promise<void> {
  if (ms === 0 || run.stopping.aborted) return
  run.totals.restedMs += ms
  // An abort is the one reason for which it rejects.
  await delay(ms, undefined, { signal: run.stopping, ref: false }).catch(() => undefined)
}
