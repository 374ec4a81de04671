/** A lock of the simulated database: who asks first has it first. */
export interface Lock {
  /** Calls when the lock is held, at once where it is free; `release` passes it on. */
  readonly take: (call: (release: () => void) => void) => void
}

/** Creates a lock that is free. */
export function createLock(): Lock {
  const waiting: ((release: () => void) => void)[] = []
  let isHeld = false
  const release = () => {
    const next = waiting.shift()
    if (next === undefined) isHeld = false
    else next(release)
  }
  return {
    take(call) {
      if (isHeld) {
        waiting.push(call)
        return
      }
      isHeld = true
      call(release)
    },
  }
}
