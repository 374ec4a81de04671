/** Calls back later, on the clock of whoever hands it in. */
export interface Timers {
  /**
   * Calls once, when so many milliseconds have passed, or a little later.
   *
   * @returns takes it back; harmless after the call.
   */
  readonly callAfter: (delayMs: number, call: () => void) => () => void
}

/** The timers of this process. */
export const systemTimers: Timers = {
  callAfter(delayMs, call) {
    const timer = setTimeout(call, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Settles when so many milliseconds have passed. */
export function pauseFor(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.callAfter(delayMs, resolve)
  })
}
