/**
 * A node is one process that accepts tokens from memory. Two rules make "revoked" true on all of
 * them, whatever crashes, pauses or is cut off:
 *
 * 1. A node accepts only while it holds a lease, by its own clock. A renewal tells how far the log
 *    reaches, and gives a lease, counted from before it was sent, once all of that is applied.
 * 2. A voiding is answered when every node in the table has applied it; or a lease later.
 *
 *     absent --row, then a renewal--> current --lease over--> silent
 *       ^                                ^                       |
 *       |                                +--renewal, row found --+
 *       +------- row taken out by another node, or by itself at its end
 *
 * The second rule needs no more than the first. A lease that is held a whole lease after a voiding
 * was committed was asked for after that, so its node has applied the voiding. Hence the bound:
 * whatever is dead, paused or cut off, the database itself included, costs a voiding one lease.
 * The table makes it milliseconds: it says whom to wait for, and how far each of them is.
 *
 * Renewing counts the row up, and finds it only if nobody has taken it out. Whoever waits for a
 * silent node takes its row out, and only with the count that it has seen standing still for a
 * whole lease, so that nobody has to wait for it again; a node that finds no row joins anew, and
 * has no lease until it stands in the table and has read the log after that.
 *
 * No instant of one machine is ever compared with that of another: each side measures a duration
 * on a clock of its own that never goes back, and the two must only run about equally fast
 * (11 % each, by `marginMs`). A node asks its wall clock as well: that one goes on while a machine
 * sleeps, and stepped forward it costs one renewal.
 *
 * A node that runs but does not keep up with the log for a lease has none, and stops renewing its
 * row too, so that it holds up no voiding after that.
 *
 * Rejected: instants in the row, by the clock of the database (a step of that clock, or a standby
 * with another one, ends leases early); asking every node over a connection of its own (the same
 * wait, and a second network that can be cut differently); no leases but a fixed wait (every
 * voiding pays for the worst case).
 */

/** How long leases are and how often they are renewed. */
export interface LeaseTerms {
  /** For this long a silent node is waited for, on the clock of who waits. */
  readonly leaseMs: number
  /** By so much a node holds its own lease to be shorter. */
  readonly marginMs: number
  /** Time between two renewals. */
  readonly renewalMs: number
}

/** A database that is silent for 600 ms is borne. @source docs/decisions/0012. */
export const leaseTerms: LeaseTerms = { leaseMs: 1000, marginMs: 200, renewalMs: 200 }

/** One instant on both clocks of a node, milliseconds. */
export interface Instant {
  /** Never goes back, and may stand still while the machine sleeps. */
  readonly monotonicMs: number
  /** May be set, and goes on while the machine sleeps. */
  readonly wallMs: number
}

/** Whether a node may accept by a renewal that it asked for at an instant: by both its clocks. */
export function isLeaseHeld(askedAt: Instant, now: Instant, terms: LeaseTerms): boolean {
  return leaseLeftMs(askedAt, now, terms) > 0
}

/** Time left of a lease that was asked for at an instant, milliseconds; 0 when it is over. */
export function leaseLeftMs(
  askedAt: Instant,
  now: Instant,
  { leaseMs, marginMs }: LeaseTerms,
): number {
  const passedMs = Math.max(now.monotonicMs - askedAt.monotonicMs, now.wallMs - askedAt.wallMs)
  return Math.max(0, leaseMs - marginMs - passedMs)
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

/**
 * Whether memory may go on by the log that a connection shows. Not after the promotion of a
 * standby: the numbers that it did not have are given again, for other events. Nor where the log
 * ends before what was applied.
 *
 * @param known.appliedSeq - from before the connection was opened.
 */
export function isSameLog(
  known: { readonly timeline: string; readonly appliedSeq: number },
  found: { readonly timeline: string; readonly lastSeq: number },
): boolean {
  return found.timeline === known.timeline && found.lastSeq >= known.appliedSeq
}

/** Knows since when a node has not kept up with the log. */
export interface Pace {
  /** Notes how far the log reached and how far it was applied. */
  readonly note: (log: { readonly lastSeq: number; readonly appliedSeq: number }) => void
  /** Whether something has been known of for a lease and is still not applied. */
  readonly isStalled: (appliedSeq: number, nowMs: number) => boolean
  /** Forgets everything: what was known of may be in no log any more. */
  readonly clear: () => void
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
    clear() {
      missing = undefined
    },
  }
}
