/** Chance that is the same for the same seed. */
export interface Chance {
  /** A number from `least` up to, and not including, `most`. */
  readonly between: (least: number, most: number) => number
  /** A whole number from 0 to `limit - 1`. */
  readonly below: (limit: number) => number
  readonly happens: (probability: number) => boolean
  readonly pick: <Value>(values: readonly Value[]) => Value
  readonly bytes: (size: number) => Buffer
  /** Chance of its own for one part: what another part draws changes nothing here. */
  readonly forkFor: (part: string) => Chance
}

/** Creates the chance of a seed, a whole number. */
export function createChance(seed: number): Chance {
  let state = mix(seed)
  const next = () => {
    // Mulberry32: 32 bits of state are plenty for some thousand draws, and it is quick.
    state = (state + 0x6d2b79f5) | 0
    let word = Math.imul(state ^ (state >>> 15), 1 | state)
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word
    return ((word ^ (word >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    between: (least, most) => least + next() * (most - least),
    below,
    happens: (probability) => next() < probability,
    pick<Value>(values: readonly Value[]) {
      return values[below(values.length)] as Value
    },
    bytes(size) {
      const words = new Uint32Array(Math.ceil(size / 4)).map(() => next() * 4_294_967_296)
      return Buffer.from(words.buffer, 0, size)
    },
    forkFor(part) {
      let mixed = seed
      for (let at = 0; at < part.length; at++) mixed = mix(mixed ^ part.charCodeAt(at))
      return createChance(mixed)
    },
  }
}

function mix(word: number): number {
  let mixed = Math.imul((word ^ (word >>> 16)) + 0x9e3779b9, 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
