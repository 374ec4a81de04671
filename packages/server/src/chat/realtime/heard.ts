/**
 * What was heard lately, and the number below which nothing is still to come.
 *
 * Numbers of notices are taken before the commit, so one may be heard after a higher one. A
 * transaction that tells something is over in milliseconds; after ten seconds a number counts as
 * heard or never to be. Above that floor the heard numbers are kept one by one, which is also what
 * keeps a notice from being taken twice where it comes by two ways.
 */

/** The numbers heard by one who listens. */
export interface Heard {
  /** Notes a number; false when it was heard a moment ago. */
  readonly note: (seq: number) => boolean
  /** Everything up to this number was heard, or will never be. */
  readonly floorSeq: () => number
  /** The highest number of all. */
  readonly lastSeq: () => number
  /** Lets the floor stand where it is, and forgets nothing above it, until it is let go. */
  readonly hold: () => () => void
}

const settledAfterMs = 10_000

/**
 * Begins to listen after a number.
 *
 * @param monotonicNow - a clock in milliseconds that nobody sets.
 */
export function createHeard(startSeq: number, monotonicNow: () => number): Heard {
  /** Number and time, in the order in which they were heard; a set keeps that order. */
  const lately = new Map<number, number>()
  let floorSeq = startSeq
  let lastSeq = startSeq
  let holdCount = 0
  const settle = () => {
    if (holdCount > 0) return
    const untilMs = monotonicNow() - settledAfterMs
    for (const [seq, atMs] of lately) {
      if (atMs > untilMs) return
      lately.delete(seq)
      floorSeq = Math.max(floorSeq, seq)
    }
  }
  return {
    note(seq) {
      settle()
      if (lately.has(seq)) return false
      lately.set(seq, monotonicNow())
      lastSeq = Math.max(lastSeq, seq)
      return true
    },
    floorSeq() {
      settle()
      return floorSeq
    },
    lastSeq: () => lastSeq,
    hold() {
      settle()
      holdCount += 1
      return () => {
        holdCount -= 1
      }
    },
  }
}
