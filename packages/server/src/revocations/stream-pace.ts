/** Work that is done as soon as it is asked for, and no more often than its own cost allows. */
export interface Pace {
  /** Asks for the work; however often that is done before its turn, it is done once. */
  readonly ask: () => void
}

/** What is paced. */
export interface PacedWork {
  readonly work: () => void
  /** A clock that never goes back, milliseconds. */
  readonly monotonicNow: () => number
  /** Longest rest between the end of the work and the next time, in milliseconds. */
  readonly restMsMax: number
}

/** By what the cost of the work is multiplied: it takes a third of a core at most. */
const restFactor = 2

/** How much of a difference counts: a time that others of the machine held up is not the cost. */
const [shareOfMore, shareOfLess] = [0.1, 0.5]

/**
 * Paces work by its cost: after each time it rests for twice as long as that usually takes.
 *
 * What is asked for after a rest is done in the same turn of the event loop, so that at a low rate
 * nobody waits. At a high rate more and more comes together, and the rest of the process still gets
 * two thirds of its core. A fixed interval is too long for few streams or too short for many.
 */
export function createPace({ work, monotonicNow, restMsMax }: PacedWork): Pace {
  let isAsked = false
  let usualMs: number | undefined
  let restUntilMs = Number.NEGATIVE_INFINITY
  const run = () => {
    isAsked = false
    const beganMs = monotonicNow()
    work()
    // What a turn writes to sockets leaves when the turn is over, and that is the larger part.
    queueMicrotask(() => {
      const endedMs = monotonicNow()
      usualMs = usualAfter(usualMs, endedMs - beganMs)
      restUntilMs = endedMs + Math.min(usualMs * restFactor, restMsMax)
    })
  }
  return {
    ask() {
      if (isAsked) return
      isAsked = true
      const restMs = restUntilMs - monotonicNow()
      if (restMs > 0) setTimeout(run, Math.ceil(restMs)).unref()
      else setImmediate(run)
    },
  }
}

function usualAfter(usualMs: number | undefined, tookMs: number): number {
  if (usualMs === undefined) return tookMs
  return usualMs + (tookMs - usualMs) * (tookMs > usualMs ? shareOfMore : shareOfLess)
}
