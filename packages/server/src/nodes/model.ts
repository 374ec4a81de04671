/**
 * A node is one process that accepts tokens from memory. Two rules make "revoked" true on all of
 * them, whatever crashes, pauses or is cut off:
 *
 * 1. A node accepts only while it holds a lease, by its own clock, counted from before it asked.
 * 2. A voiding is answered when every node has applied it, or has lost its lease.
 *
 *     absent --insert, read the log to its end--> current --lease over--> silent
 *       ^                                            ^                       |
 *       |                                            +--renewal, row found --+
 *       +---------------- row taken out by another node, or by itself at its end
 *
 * The row in the table `node` is the lease. Renewing counts it up, and finds it only if nobody has
 * taken it out; whoever waits for a silent node takes the row out, and only with the count that it
 * has seen standing still for a whole lease. The database decides which of the two came first, so
 * no instant of one machine is ever compared with that of another: each side measures a duration
 * on a clock of its own that never goes back, and the two must only run about equally fast
 * (`marginMs` in `leaseMs`: 10 %).
 *
 * What follows from the row alone: as long as it stands, no voiding was answered without this
 * node. So a node that was silent and finds its row may go on at once. One that finds none joins
 * anew: row first, then the log to the end as it stands after that, then the first verdict. A
 * voiding that was answered before the row could be seen is in that part of the log.
 *
 * A node that runs but does not keep up with the log for a lease stops renewing, so that it holds
 * up the others for that long and no longer; it refuses until it has caught up.
 *
 * Rejected: instants in the row, by the clock of the database (a step of that clock, or a standby
 * with another one, ends leases early); asking every node over a connection of its own (the same
 * wait, and a second network that can be cut differently); no leases but a fixed wait (every
 * voiding pays for the worst case).
 */

/** How long leases are and how often they are renewed. */
export interface LeaseTerms {
  /** For this long a silent node is waited for. */
  readonly leaseMs: number
  /** By so much a node holds its own lease to be shorter. */
  readonly marginMs: number
  /** Time between two renewals. */
  readonly renewalMs: number
}

/** Three renewals may fail before a node refuses. */
export const leaseTerms: LeaseTerms = { leaseMs: 1000, marginMs: 100, renewalMs: 250 }

/** Until when a node may accept, on its own clock, after a renewal that was asked for at `atMs`. */
export function leaseEndsAt(askedAtMs: number, { leaseMs, marginMs }: LeaseTerms): number {
  return askedAtMs + leaseMs - marginMs
}

/** A node as the table shows it. */
export interface NodeRow {
  readonly nodeId: string
  readonly renewals: number
  readonly appliedSeq: number
}

/** Knows for how long the counts of other nodes have stood still. */
export interface Watch {
  /**
   * Notes what the table showed.
   *
   * @param readAtMs - after the answer came, on this node's own clock.
   */
  readonly note: (rows: readonly NodeRow[], readAtMs: number) => void
  /** Whether a lease is over: its count has stood still for all of it. */
  readonly isOver: (row: NodeRow, nowMs: number) => boolean
  /**
   * Forgets everything. A database that was restarted may have lost the last renewals, and shows
   * an old count again that seems to have stood still all the time.
   */
  readonly clear: () => void
}

/** Creates a watch that knows nothing. */
export function createWatch(leaseMs: number): Watch {
  let seen = new Map<string, { readonly renewals: number; readonly sinceMs: number }>()
  return {
    note(rows, readAtMs) {
      const now: typeof seen = new Map()
      for (const { nodeId, renewals } of rows) {
        const known = seen.get(nodeId)
        const stands = known?.renewals === renewals
        now.set(nodeId, stands ? known : { renewals, sinceMs: readAtMs })
      }
      seen = now
    },
    isOver({ nodeId, renewals }, nowMs) {
      const known = seen.get(nodeId)
      return known?.renewals === renewals && nowMs - known.sinceMs >= leaseMs
    },
    clear() {
      seen = new Map()
    },
  }
}

/** Knows since when a node has not kept up with the log. */
export interface Pace {
  /** Notes how far the log reached and how far it was applied. */
  readonly note: (log: { readonly lastSeq: number; readonly appliedSeq: number }) => void
  /** Whether something has been known of for a lease and is still not applied. */
  readonly isStalled: (appliedSeq: number, nowMs: number) => boolean
}

/** Creates a pace. @param now - the node's own clock. */
export function createPace(leaseMs: number, now: () => number): Pace {
  let missing: { readonly seq: number; readonly sinceMs: number } | undefined
  const look = (appliedSeq: number) => {
    if (missing !== undefined && appliedSeq >= missing.seq) missing = undefined
  }
  return {
    note({ lastSeq, appliedSeq }) {
      look(appliedSeq)
      if (lastSeq > appliedSeq) missing ??= { seq: lastSeq, sinceMs: now() }
    },
    isStalled(appliedSeq, nowMs) {
      look(appliedSeq)
      return missing !== undefined && nowMs - missing.sinceMs >= leaseMs
    },
  }
}
