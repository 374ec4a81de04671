/** The clock by which a server notices that it was held up. */
export interface SleepingClock {
  /** Milliseconds; goes on by a minute at each look while the server is to sleep. */
  readonly monotonicNow: () => number
  /** Puts the server to sleep. */
  readonly sleep: () => { readonly wake: () => void }
}

/** Creates a clock that is awake. */
export function createSleepingClock(): SleepingClock {
  let [sleptMs, napMs] = [0, 0]
  const wake = () => {
    napMs = 0
  }
  return {
    monotonicNow: () => {
      sleptMs += napMs
      return performance.now() + sleptMs
    },
    sleep: () => {
      napMs = 60_000
      return { wake }
    },
  }
}
