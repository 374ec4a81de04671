/** Chance that comes again with its seed. */

/** A sequence of choices. */
export interface Chance {
  /** A number from 0 up to 1. */
  readonly next: () => number
  /** A number from one up to another. */
  readonly between: (least: number, most: number) => number
  readonly pick: <Value>(from: readonly [Value, ...Value[]]) => Value
}

/** Creates the sequence of a seed. @source mulberry32, a generator in the public domain. */
export function createChance(seed: number): Chance {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    between: (least, most) => least + next() * (most - least),
    pick: (from) => from[Math.floor(next() * from.length)] ?? from[0],
  }
}
