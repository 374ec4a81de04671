/**
 * Tokens that were found good, so that showing one again costs no signature.
 *
 * A token is found by a hash of the last characters of its signature and believed only if the
 * whole of it is equal, character by character. Only good tokens get in, so nobody fills the
 * memory without holding as many good tokens, and nobody chooses their hashes.
 *
 * Every token has a place in `entries`. Places with hashes of one bucket are chained by their
 * numbers. What is full gives up the token that was longest without use, roughly: a hand goes
 * round the places and takes the first that was not used since it last passed (the "clock" of
 * page replacement).
 *
 * Measured, microseconds a look-up with a fresh string each time (making the string, 0.07, 0.15
 * and 0.41 us, is in each figure), at 100 / 5,000 / 100,000 tokens of 684 characters, Node 20:
 *
 *     own table by 8 characters, then ===            0.13 / 0.37 / 1.5
 *     Map by a 30-bit number made of 5 characters    0.14 / 0.40 / 1.6
 *     Map by 12 characters, then ===                 0.16 / 0.43 / 1.6
 *     Map by 43 characters, then ===                 0.22 / 0.48 / 1.5-1.7
 *     Map by the whole token                         0.99 / 1.25 / 2.6
 *
 * What rules a `Map` out is not the look-up. V8 links each table that a `Map` has outgrown to its
 * successor. Once one of them is in the old generation, all that follow survive every minor
 * collection with all tokens that were ever in them: 1.3 KB a verified token, 2.5 us of garbage
 * collection each. Here places are overwritten and nothing is linked.
 */
import type { PlacedSubject } from './cut-offs.ts'
import type { PlacedScope } from './narrowing.ts'
import type { Accepted } from './verdicts.ts'

/** A good token and what it takes to judge it once more. */
export interface SeenToken {
  /** The whole token, in memory of its own. */
  readonly token: string
  /** `hashOf(token)`. */
  readonly hash: number
  /** Takes the place of a wider one when a scope was taken; never the other way round. */
  verdict: Accepted
  readonly subjects: readonly PlacedSubject[]
  /** Its scopes; `undefined` as long as nobody had to ask which of them are left. */
  scopes: readonly PlacedScope[] | undefined
  /** The key that signed it. */
  readonly kid: string
  /** First millisecond in which it is over, the tolerance of the clock included. */
  readonly endsAtMs: number
  /** Version of the cut-offs under which it was last found live. */
  judgedVersion: number
  /** Whether it was used since the hand last passed. */
  isFresh: boolean
}

/** A bounded memory of good tokens. A place goes by its number, from 1; 0 is none. */
export interface SeenTokens {
  /** The tokens by their places; the first is empty for good. */
  readonly entries: (SeenToken | undefined)[]
  /** The first place of each bucket. Buckets are a power of two, so that a hash is masked. */
  readonly heads: Int32Array
  /** The place that follows each place in its bucket. */
  readonly links: Int32Array
  /** The place that the hand has come to. */
  hand: number
}

// Entries that the hand spares at most before it takes one, used or not.
const sparedMax = 64

/** An empty memory for `entriesMax` tokens; 0 remembers nothing. */
export function createSeenTokens(entriesMax: number): SeenTokens {
  const buckets = 2 ** Math.ceil(Math.log2(entriesMax + 1))
  return {
    entries: new Array<SeenToken | undefined>(entriesMax + 1).fill(undefined),
    heads: new Int32Array(buckets),
    links: new Int32Array(entriesMax + 1),
    hand: 0,
  }
}

/** The hash by which a token is found: its last 8 characters, which are random. */
export function hashOf(token: string): number {
  const { length } = token
  let hash = length
  for (let at = length < 8 ? 0 : length - 8; at < length; at++) {
    hash = Math.imul(hash ^ token.charCodeAt(at), 0x5bd1e995)
    hash ^= hash >>> 15
  }
  return hash
}

/** The entry of a token, if exactly this token is remembered. */
export function findSeen(seen: SeenTokens, token: string): SeenToken | undefined {
  const { entries, heads, links } = seen
  const hash = hashOf(token)
  let place = heads[hash & (heads.length - 1)] as number
  while (place !== 0) {
    const entry = entries[place] as SeenToken
    if (entry.hash === hash && entry.token === token) {
      entry.isFresh = true
      return entry
    }
    place = links[place] as number
  }
  return undefined
}

/** Remembers a good token that is not remembered yet, in place of another one when full. */
export function rememberSeen(seen: SeenTokens, entry: SeenToken): void {
  const { entries, heads, links } = seen
  if (entries.length === 1) return
  const place = makeRoom(seen)
  const bucket = entry.hash & (heads.length - 1)
  entries[place] = entry
  links[place] = heads[bucket] as number
  heads[bucket] = place
}

/** Drops a token that is good no longer. */
export function forgetSeen(seen: SeenTokens, entry: SeenToken): void {
  const { entries, heads, links } = seen
  const bucket = entry.hash & (heads.length - 1)
  let before = 0
  let place = heads[bucket] as number
  while (place !== 0 && entries[place] !== entry) {
    before = place
    place = links[place] as number
  }
  if (place === 0) return
  const next = links[place] as number
  if (before === 0) heads[bucket] = next
  else links[before] = next
  entries[place] = undefined
}

/** Drops every token whose key is not among `kids`. */
export function keepSeenOf(seen: SeenTokens, kids: ReadonlySet<string>): void {
  for (const entry of seen.entries) {
    if (entry !== undefined && !kids.has(entry.kid)) forgetSeen(seen, entry)
  }
}

/**
 * Copies a token, or a piece of one, into memory of its own.
 *
 * What callers hand over is often a view of a longer string, a header line or a whole message,
 * and remembering the view would keep all of that alive. Joining two halves gives V8 a string
 * that is written out afresh when it is first read; other engines at worst copy for nothing.
 */
export function ownCopy(text: string): string {
  const half = text.length >> 1
  const copy = text.slice(0, half) + text.slice(half)
  copy.charCodeAt(0)
  return copy
}

/** Moves the hand to a place that is free, or takes one that was not used lately. */
function makeRoom(seen: SeenTokens): number {
  const { entries } = seen
  for (let spared = 0; ; spared++) {
    seen.hand = (seen.hand % (entries.length - 1)) + 1
    const entry = entries[seen.hand]
    if (entry === undefined) return seen.hand
    if (!entry.isFresh || spared >= sparedMax) {
      forgetSeen(seen, entry)
      return seen.hand
    }
    entry.isFresh = false
  }
}
