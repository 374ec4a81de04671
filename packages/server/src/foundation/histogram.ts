/** Durations counted by how long they were. */
export interface Histogram {
  readonly observe: (durationMs: number) => void
  readonly boundsMs: readonly number[]
  /** What was counted so far; changes with the next observation. */
  readonly counted: Readonly<HistogramCounts>
}

/** The plain numbers of a histogram. */
interface HistogramCounts {
  /** Durations in each bucket alone, not in those below it; what is beyond the last is in none. */
  readonly buckets: readonly number[]
  readonly sumMs: number
  readonly count: number
}

/**
 * Creates a histogram in plain numbers: that of the library takes 3 us for each observation (it
 * builds a key of the labels), and a request has some 80 in all.
 *
 * @param boundsMs - rising; each belongs to its own bucket.
 */
export function createHistogram(boundsMs: readonly number[]): Histogram {
  const buckets = boundsMs.map(() => 0)
  const counted = { buckets, sumMs: 0, count: 0 }
  return {
    boundsMs,
    counted,
    observe(durationMs) {
      counted.sumMs += durationMs
      counted.count += 1
      const bucket = boundsMs.findIndex((upToMs) => durationMs <= upToMs)
      if (bucket !== -1) buckets[bucket] = (buckets[bucket] ?? 0) + 1
    },
  }
}
