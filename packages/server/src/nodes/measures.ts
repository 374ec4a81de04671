import type { Tail } from '../events/tail.ts'
import { createHistogram } from '../foundation/histogram.ts'
import type { Watched, WatchedNumber } from '../foundation/metrics.ts'
import type { DatabaseClock } from './database-clock.ts'

/** What a node measures, for operators. */
export interface Measures {
  readonly watched: readonly Watched[]
  /** Measures how long voidings wait for their confirmation. */
  readonly timed: (confirm: Confirm) => Confirm
}

type Confirm = (seq: number, timeline?: string) => Promise<void>

/** What is measured. */
export interface MeasuresOptions {
  readonly tail: Pick<Tail, 'appliedSeq' | 'follow' | 'onApplied'>
  readonly clock: Pick<DatabaseClock, 'at' | 'errorMs'>
  readonly life: { readonly nodesCount: number }
  /** Time that is left of the lease, milliseconds; 0 when there is none. */
  readonly leaseLeftMs: () => number
  /** The node's own clock, milliseconds. */
  readonly monotonicNow: () => number
}

/** Up to a lease and its margin, and beyond. */
const boundsMs = [0.5, 1, 2, 3, 5, 10, 20, 50, 100, 250, 500, 1000, 2000, 5000]

/**
 * Creates the measures of a node.
 *
 * Every event is measured on every node, those of this node among them: from the instant that the
 * appending statement noted by the database's clock, until everything in memory that follows the
 * log has taken it into account, by that same clock. The commit is within it, so it is a little too
 * long rather than too short.
 */
export function createMeasures(options: MeasuresOptions): Measures {
  const { tail, clock, life, leaseLeftMs, monotonicNow } = options
  const applied = createHistogram(boundsMs)
  const confirmed = createHistogram(boundsMs)
  // An event comes again when another follower failed at it, and counts once.
  const pending = new Map<number, number>()
  tail.follow({
    apply: ({ seq, appendedAtMs }) => {
      if (appendedAtMs !== undefined) pending.set(seq, appendedAtMs)
      return undefined
    },
  })
  tail.onApplied(() => {
    const nowMs = clock.at(monotonicNow())
    for (const [seq, appendedAtMs] of pending) {
      if (seq > tail.appliedSeq()) continue
      pending.delete(seq)
      if (nowMs !== undefined) applied.observe(Math.max(0, nowMs - appendedAtMs))
    }
  })
  return {
    timed: (confirm) => async (seq, timeline) => {
      const startedAtMs = monotonicNow()
      await confirm(seq, timeline)
      confirmed.observe(monotonicNow() - startedAtMs)
    },
    watched: [
      {
        name: 'parley_revocation_applied_seconds',
        help: 'Time from the appending of an event until this node has applied it.',
        type: 'histogram',
        histogram: applied,
      },
      {
        name: 'parley_revocation_confirmed_seconds',
        help: 'Time from a commit until no node accepts what it voids, on the node that answers.',
        type: 'histogram',
        histogram: confirmed,
      },
      gauge(
        'parley_database_clock_error_seconds',
        'By so much parley_revocation_applied_seconds may be wrong.',
        () => {
          return clock.errorMs() / 1000
        },
      ),
      gauge('parley_node_lease_seconds', 'Time that is left of the lease of this node.', () => {
        return leaseLeftMs() / 1000
      }),
      gauge('parley_node_applied_seq', 'Number up to which this node has applied the log.', () =>
        tail.appliedSeq(),
      ),
      gauge('parley_nodes', 'Nodes that this node last saw, itself among them.', () => {
        return life.nodesCount
      }),
    ],
  }
}

function gauge(name: string, help: string, read: () => number): WatchedNumber {
  return { name, help, type: 'gauge', read }
}
