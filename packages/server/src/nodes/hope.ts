import type { Timers } from '../foundation/timers.ts'

/** Lets many wait for something to be true, each so long as it likes. */
export function createHope(
  isTrue: () => boolean,
  timers: Timers,
): {
  readonly whenTrue: (timeoutMs: number) => Promise<boolean>
  /** To be called whenever it may have become true. */
  readonly look: () => void
} {
  const hoping = new Set<() => void>()
  return {
    whenTrue(timeoutMs) {
      if (isTrue()) return Promise.resolve(true)
      return new Promise((resolve) => {
        const settle = () => {
          stopWaiting()
          hoping.delete(settle)
          resolve(isTrue())
        }
        const stopWaiting = timers.callAfter(timeoutMs, settle)
        hoping.add(settle)
      })
    },
    look() {
      if (hoping.size > 0 && isTrue()) for (const settle of hoping) settle()
    },
  }
}
