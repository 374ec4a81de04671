/** Counts how often somebody asks. */
export interface RateLimit {
  /**
   * Counts one request.
   *
   * @returns 0 when it may pass, else how many whole seconds to wait.
   */
  take(key: string): number
}

const minuteMs = 60_000

/**
 * Lets `perMinute` requests of each key pass at once and that many a minute in the long run.
 *
 * Keeps one instant for each key (the generic cell rate algorithm): when the key's debt is paid
 * off. It counts in this process; behind several, each lets its own share pass.
 *
 * @param options.keysMax - whom it remembers at most; beyond, those who asked first are forgotten.
 */
export function createRateLimit(options: {
  readonly perMinute: number
  readonly now: () => number
  readonly keysMax?: number
}): RateLimit {
  const { perMinute, now, keysMax = 50_000 } = options
  if (!(perMinute >= 1)) throw new TypeError('rate: expected 1 a minute or more')
  const spacingMs = minuteMs / perMinute
  const paidAtMs = new Map<string, number>()
  return {
    take: (key) => {
      const nowMs = now()
      const paidMs = Math.max(paidAtMs.get(key) ?? nowMs, nowMs)
      const waitMs = paidMs + spacingMs - nowMs - minuteMs
      // Less than the rounding of an instant is no wait.
      if (waitMs > 0.001) return Math.ceil(waitMs / 1000)
      paidAtMs.delete(key)
      paidAtMs.set(key, paidMs + spacingMs)
      if (paidAtMs.size > keysMax) paidAtMs.delete(paidAtMs.keys().next().value ?? '')
      return 0
    },
  }
}
