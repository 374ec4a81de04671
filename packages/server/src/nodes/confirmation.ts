import { setTimeout as delay } from 'node:timers/promises'
import { isDatabaseUnavailable } from '../database/availability.ts'
import { Unconfirmed } from '../events/feed.ts'
import type { NodeRow, Watch } from './model.ts'
import type { Session } from './session.ts'
import { endLease, listNodes } from './store.ts'

/** Waits until every node has applied what was voided. */
export interface Confirmations {
  /** Settles when all nodes have applied a number; rejects with `Unconfirmed`. */
  readonly confirm: (seq: number) => Promise<void>
  /** Takes out the nodes that have been silent for a lease. */
  readonly endSilent: (session: Session, rows: readonly NodeRow[]) => Promise<readonly NodeRow[]>
  /** Rejects whoever waits. */
  readonly close: () => void
}

/** What confirming needs to know of this node. */
export interface ConfirmationOptions {
  readonly session: () => Session | undefined
  readonly nodeId: () => string | undefined
  readonly appliedSeq: () => number
  readonly watch: Watch
  /** This node's own clock, milliseconds. */
  readonly monotonicNow: () => number
  readonly timeoutMs: number
  /** Hears that a node was silent for a lease and is waited for no longer. */
  readonly onEnded: (nodeId: string) => void
}

/** One voiding that waits. */
interface Waiter {
  readonly seq: number
  readonly settle: (error?: Unconfirmed) => void
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
 * missed a node that joined since.
 *
 * Rejected: having every node notify of what it has applied. Measured with 4 nodes, a notice from
 * each of three costs more than the looks and their updates, and comes no sooner.
 */
export function createConfirmations(options: ConfirmationOptions): Confirmations {
  const { watch, monotonicNow, appliedSeq } = options
  const waiting = new Set<Waiter>()
  let isLooking = false

  const endSilent = async (session: Session, rows: readonly NodeRow[]) => {
    const standing: NodeRow[] = []
    for (const row of rows) {
      if (row.nodeId === options.nodeId()) continue
      const isOver = watch.isOver(row, monotonicNow())
      if (isOver && (await endLease(session.db, row))) options.onEnded(row.nodeId)
      else standing.push(row)
    }
    return standing
  }

  /** The number that all have applied; `undefined` when nobody could be asked. */
  const look = async (): Promise<number | undefined> => {
    const session = options.session()
    if (session === undefined) return undefined
    try {
      const rows = await listNodes(session.db)
      watch.note(rows, monotonicNow())
      const others = await endSilent(session, rows)
      return others.reduce((least, row) => Math.min(least, row.appliedSeq), appliedSeq())
    } catch (error) {
      // A session that breaks is opened anew, and its last statement may learn of it first.
      if (session.isOpen() && !isDatabaseUnavailable(error)) throw error
      return undefined
    }
  }

  const settleAll = (error?: Unconfirmed) => {
    for (const waiter of waiting) waiter.settle(error)
  }

  const keepLooking = async () => {
    let fruitless = 0
    while (waiting.size > 0) {
      const asked = [...waiting]
      const seq = (await look()) ?? 0
      const settled = asked.filter((waiter) => waiter.seq <= seq)
      for (const waiter of settled) waiter.settle()
      fruitless = settled.length > 0 ? 0 : fruitless + 1
      const pauseMs = pausesMs[Math.min(fruitless, pausesMs.length - 1)] ?? 0
      if (pauseMs > 0) await delay(pauseMs)
    }
  }

  const start = () => {
    if (isLooking) return
    isLooking = true
    keepLooking()
      .catch((cause: unknown) => settleAll(new Unconfirmed('the nodes cannot be read', { cause })))
      .finally(() => {
        isLooking = false
        if (waiting.size > 0) start()
      })
  }

  return {
    confirm(seq) {
      return new Promise((resolve, reject) => {
        const settle = (error?: Unconfirmed) => {
          clearTimeout(timer)
          waiting.delete(waiter)
          if (error === undefined) resolve()
          else reject(error)
        }
        const waiter: Waiter = { seq, settle }
        const late = () => settle(new Unconfirmed(`event ${seq} was not confirmed in time`))
        const timer = setTimeout(late, options.timeoutMs)
        waiting.add(waiter)
        start()
      })
    },
    endSilent,
    close: () => settleAll(new Unconfirmed('the server stops')),
  }
}
