/**
 * Counts what happened within the last so many seconds, in as many bytes however much that is.
 *
 * The time is cut in slices, a tenth of the window each; what is counted is the slice at hand and
 * the ten before it. So a limit is never exceeded within any window, wherever it begins, and room
 * comes back at most a tenth of the window later than by an exact count.
 *
 * Rejected: a bucket that fills by and by. It lets a full bucket and a full refill through within
 * one window, twice what was promised. Rejected: the instants of all requests, which are exact and
 * take memory as long as somebody floods.
 */

/** Slices of a window, and the one at hand. */
const slices = 10
const kept = slices + 1

/** The count of one window. */
export interface SlidingCount {
  readonly sliceMs: number
  /** Number of the slice at hand since the clock's zero. */
  slice: number
  readonly counts: Uint32Array
  total: number
}

/** Creates a count of nothing. */
export function createSlidingCount(windowMs: number, nowMs: number): SlidingCount {
  const sliceMs = windowMs / slices
  const counts = new Uint32Array(kept)
  return { sliceMs, slice: Math.floor(nowMs / sliceMs), counts, total: 0 }
}

/** How much happened within the last window, at most: see above. */
export function countNow(count: SlidingCount, nowMs: number): number {
  const now = Math.floor(nowMs / count.sliceMs)
  const passed = Math.min(now - count.slice, kept)
  for (let step = 1; step <= passed; step++) {
    const place = (count.slice + step) % kept
    count.total -= count.counts[place] ?? 0
    count.counts[place] = 0
  }
  if (passed > 0) count.slice = now
  return count.total
}

/**
 * Counts one more, in the slice at hand.
 *
 * @returns the slice, by which it can be taken back.
 */
export function addOne(count: SlidingCount): number {
  const place = count.slice % kept
  count.counts[place] = (count.counts[place] ?? 0) + 1
  count.total += 1
  return count.slice
}

/** Takes back what was counted in a slice, if that still counts. */
export function takeBack(count: SlidingCount, slice: number): void {
  const place = slice % kept
  if (count.slice - slice >= kept || (count.counts[place] ?? 0) === 0) return
  count.counts[place] = (count.counts[place] ?? 0) - 1
  count.total -= 1
}

/** Time until fewer than `max` have happened within the last window, if nothing more does. */
export function timeToRoomMs(count: SlidingCount, max: number, nowMs: number): number {
  let left = countNow(count, nowMs)
  for (let age = kept - 1; age >= 0 && left >= max; age--) {
    const slice = count.slice - age
    left -= count.counts[(slice + kept * kept) % kept] ?? 0
    if (left < max) return (slice + kept) * count.sliceMs - nowMs
  }
  return 0
}
