/**
 * How fast a purge goes: in batches of some milliseconds, with rests in between for as long as
 * others are served.
 *
 * Both follow what was measured. A batch that took long makes the next one smaller, whatever the
 * reason was: a slow disk, wide rows, a busy machine. A rest is a multiple of what the batch
 * before it took, so the share of the machine that a purge takes has a bound that no load moves:
 * where others make a batch wait for its processor, the rest after it grows with it. And where
 * nobody else asked for anything since the last batch there is nobody to rest for.
 *
 * Measured by `bench/purge.ts`. Rejected: a fixed number of rows a second (too much for one machine
 * and idle on another), and rests alone, with batches of fixed size (a batch is what a request
 * waits behind, so its length is in its p99).
 */

/** How the next batch is done. */
export interface Pace {
  /** Rows of the next batch at most. */
  readonly rowsMax: number
  /** How long to rest before it. */
  readonly restMs: number
}

/** How the last batch went. */
export interface BatchMeasured {
  readonly rowCount: number
  /** From its begin to its commit, by a clock that only goes forward. */
  readonly tookMs: number
  /** Whether anybody else was answered since the batch before it. */
  readonly areOthersServed: boolean
}

const batchMs = 10
const rowsMin = 16
const rowsMaxMax = 4096
/** Of the time that a purge takes while others are served, it rests three quarters. */
const restForWork = 3

/** The pace at which a purge begins. */
export const firstPace: Pace = { rowsMax: 128, restMs: 0 }

/** Decides the pace after a batch. */
export function nextPace({ rowsMax }: Pace, measured: BatchMeasured): Pace {
  const { rowCount, tookMs, areOthersServed } = measured
  const restMs = areOthersServed ? tookMs * restForWork : 0
  // The last rows of a table say nothing about how long a whole batch takes.
  if (rowCount < rowsMax && tookMs <= batchMs) return { rowsMax, restMs }
  // At most twice as many, so that one that was lucky does not make the next one long.
  const factor = Math.min(2, Math.max(0.25, batchMs / Math.max(tookMs, 0.1)))
  const wanted = Math.round(rowsMax * factor)
  return { rowsMax: Math.min(rowsMaxMax, Math.max(rowsMin, wanted)), restMs }
}
