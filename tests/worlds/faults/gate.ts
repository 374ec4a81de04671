/** Lets many be inside at once, or one alone. */
export interface Gate {
  /** Does something together with others, as soon as nobody is alone. */
  readonly admit: (work: () => Promise<void>) => Promise<void>
  /** Lets nobody in any more; settles when the last has gone. */
  readonly close: () => Promise<void>
  readonly open: () => void
}

/** Creates a gate that is open. */
export function createGate(): Gate {
  let opened = Promise.resolve()
  let open = () => {}
  let insideCount = 0
  let announceEmpty = () => {}
  return {
    async admit(work) {
      await opened
      insideCount += 1
      try {
        await work()
      } finally {
        insideCount -= 1
        if (insideCount === 0) announceEmpty()
      }
    },
    async close() {
      opened = new Promise((resolve) => {
        open = resolve
      })
      if (insideCount === 0) return
      await new Promise<void>((resolve) => {
        announceEmpty = resolve
      })
    },
    open: () => open(),
  }
}
