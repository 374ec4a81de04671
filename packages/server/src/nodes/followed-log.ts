import type { LogEnd } from '../events/store.ts'

/** Which log a node follows, and whether the tables beside it show everybody who may accept. */
export interface FollowedLog {
  /** The timeline of its database; empty before anything was read. */
  readonly timeline: () => string
  /** Whether an event was appended to it; one that does not say was. */
  readonly has: (timeline: string | undefined) => boolean
  /**
   * Whether rows that tell how far others are can confirm an event: those of its own log, and only
   * when this has been followed for so long that no lease is left of another one.
   *
   * @param waitMs - for so long such a lease is waited for.
   */
  readonly isShown: (timeline: string | undefined, waitMs: number) => boolean
  /** Turns to another log. */
  readonly turnTo: (logEnd: LogEnd) => void
}

/** Of a database that is what it was made as: no standby has ever been promoted. */
const firstTimeline = '00000001'

/**
 * Follows a log from now on.
 *
 * A standby that lagged behind when it was promoted lacks the last rows of the primary, those of
 * nodes that joined there among them. Such a node goes on by its lease, and by rows alone nobody
 * could tell. Its lease was asked for before the promotion, so it is over a lease after anybody has
 * seen the new timeline. Until then the rows count for nothing, and voidings are confirmed by time.
 *
 * Rejected: asking operators to promote no standby within a lease. Automatic failovers do.
 *
 * @param timeline - of what memory was read by; empty where nothing was.
 * @param monotonicNow - the node's own clock, milliseconds.
 */
export function createFollowedLog(timeline: string, monotonicNow: () => number): FollowedLog {
  let followed = timeline
  const mayBeNew = (found: string) => found !== '' && found !== firstTimeline
  let sinceMs = mayBeNew(timeline) ? monotonicNow() : undefined
  const has = (of: string | undefined) => of === undefined || of === followed
  return {
    timeline: () => followed,
    has,
    isShown: (of, waitMs) =>
      has(of) && (sinceMs === undefined || monotonicNow() - sinceMs >= waitMs),
    turnTo({ timeline: found }) {
      if (followed !== '' || mayBeNew(found)) sinceMs = monotonicNow()
      followed = found
    },
  }
}
