import { isDatabaseUnavailable } from '../database/availability.ts'
import { pauseFor, type Timers } from '../foundation/timers.ts'
import type { FollowedLog } from './followed-log.ts'
import type { NodeRow, Watch } from './model.ts'
import type { Session } from './port.ts'

/** Waits until every node has applied what was voided. */
export interface Confirmations {
  /** Settles when no node accepts a token below a number: when all have applied it, or later. */
  readonly confirm: (seq: number, timeline?: string) => Promise<void>
  /** Takes out the nodes that have been silent for a lease. */
  readonly endSilent: (session: Session, rows: readonly NodeRow[]) => Promise<readonly NodeRow[]>
}

/** What confirming needs to know of this node. */
export interface ConfirmationOptions {
  readonly session: () => Session | undefined
  readonly nodeId: () => string | undefined
  readonly appliedSeq: () => number
  readonly watch: Watch
  readonly followed: Pick<FollowedLog, 'isShown'>
  /** This node's own clock, milliseconds. */
  readonly monotonicNow: () => number
  readonly timers: Timers
  /** After this no node has a lease that it did not ask for after the waiting began. */
  readonly leaseMs: number
  /** Hears why the table could not be read. */
  readonly onFailure: (error: unknown) => void
  /** Hears that a node was silent for a lease and is waited for no longer. */
  readonly onEnded: (nodeId: string) => void
}

/** One voiding that waits. */
interface Waiter {
  readonly seq: number
  readonly timeline: string | undefined
  readonly settle: () => void
}

/** Everybody who waits, and whether somebody looks for them. */
interface Room extends ConfirmationOptions {
  readonly waiting: Set<Waiter>
  isLooking: boolean
}

/**
 * Pauses between looks at the table, in milliseconds. Nodes need about as long as two or three
 * looks take, so the first come back to back; whoever has not answered by then is slow or dead.
 */
const pausesMs = [0, 0, 0, 0, 1, 1, 2, 4, 8, 15, 25]

/**
 * Creates what confirms.
 *
 * Everybody who waits looks at the table together, by one statement after the other. A look counts
 * for those only who were waiting when it was asked for: one that began before a commit may have
 * missed a node that joined since. Rows of another log than that of what is voided count for
 * nobody (`followed-log.ts`).
 *
 * Rejected: having every node notify of what it has applied. Each notice takes the lock under which
 * all notices of a database commit, the one of the next voiding among them, and wakes every node.
 */
export function createConfirmations(options: ConfirmationOptions): Confirmations {
  const { timers } = options
  const room: Room = { ...options, waiting: new Set(), isLooking: false }
  return {
    confirm(seq, timeline) {
      return new Promise((resolve) => {
        const startedAtMs = options.monotonicNow()
        const settle = () => {
          stopWaiting()
          room.waiting.delete(waiter)
          resolve()
        }
        const waitOut = () => {
          const leftMs = startedAtMs + options.leaseMs - options.monotonicNow()
          if (leftMs > 0) stopWaiting = timers.callAfter(leftMs, waitOut)
          else settle()
        }
        const waiter: Waiter = { seq, timeline, settle }
        let stopWaiting = timers.callAfter(options.leaseMs, waitOut)
        room.waiting.add(waiter)
        startLooking(room)
      })
    },
    endSilent: (session, rows) => endSilent(options, session, rows),
  }
}

function startLooking(room: Room): void {
  if (room.isLooking) return
  room.isLooking = true
  keepLooking(room)
    .catch(async (error: unknown) => {
      room.onFailure(error)
      await pauseFor(room.timers, pausesMs.at(-1) ?? 0)
    })
    .finally(() => {
      room.isLooking = false
      if (room.waiting.size > 0) startLooking(room)
    })
}

async function keepLooking(room: Room): Promise<void> {
  let fruitless = 0
  while (room.waiting.size > 0) {
    const { followed, leaseMs } = room
    const asked = [...room.waiting].filter(({ timeline }) => followed.isShown(timeline, leaseMs))
    const seq = asked.length === 0 ? 0 : ((await look(room)) ?? 0)
    const settled = asked.filter(
      (waiter) => waiter.seq <= seq && followed.isShown(waiter.timeline, leaseMs),
    )
    for (const waiter of settled) waiter.settle()
    fruitless = settled.length > 0 ? 0 : fruitless + 1
    const pauseMs = pausesMs[Math.min(fruitless, pausesMs.length - 1)] ?? 0
    if (pauseMs > 0) await pauseFor(room.timers, pauseMs)
  }
}

/** The number that all have applied; `undefined` when nobody could be asked. */
async function look(options: ConfirmationOptions): Promise<number | undefined> {
  const { watch, monotonicNow, appliedSeq } = options
  const session = options.session()
  if (session === undefined) return undefined
  try {
    const rows = await session.listNodes()
    watch.note(rows, monotonicNow())
    const others = await endSilent(options, session, rows)
    return others.reduce((least, row) => Math.min(least, row.appliedSeq), appliedSeq())
  } catch (error) {
    // A session that breaks is opened anew, and its last statement may learn of it first.
    if (session.isOpen() && !isDatabaseUnavailable(error)) throw error
    return undefined
  }
}

/** Gives the nodes that are left, without this one. */
async function endSilent(
  options: ConfirmationOptions,
  session: Session,
  rows: readonly NodeRow[],
): Promise<readonly NodeRow[]> {
  const standing: NodeRow[] = []
  for (const row of rows) {
    if (row.nodeId === options.nodeId()) continue
    const isOver = options.watch.isOver(row, options.monotonicNow())
    if (isOver && (await session.endLease(row))) options.onEnded(row.nodeId)
    else standing.push(row)
  }
  return standing
}
