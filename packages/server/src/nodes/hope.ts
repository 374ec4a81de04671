/** Lets many wait for something to be true, each so long as it likes. */
export function createHope(isTrue: () => boolean): {
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
          clearTimeout(timer)
          hoping.delete(settle)
          resolve(isTrue())
        }
        const timer = setTimeout(settle, timeoutMs)
        hoping.add(settle)
      })
    },
    look() {
      if (hoping.size > 0 && isTrue()) for (const settle of hoping) settle()
    },
  }
}
