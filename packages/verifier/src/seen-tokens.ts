/**
 * Tokens that were found good, so that showing one again costs no signature.
 *
 * A token is found by the last 12 characters of its signature and believed only if the whole of
 * it is equal, character by character. Only good tokens get in, so nobody fills the memory
 * without holding as many good tokens. What is full gives up the entry that was longest without
 * use, roughly: a hand goes round the entries in the order they came and takes the first that
 * was not used since it last passed (the "clock" of page replacement). The hand is an iterator of
 * the `Map`, which stays valid while entries come and go.
 *
 * Measured, microseconds a look-up with a fresh string each time (making the string, 0.07, 0.15
 * and 0.41 us, is in each figure), at 100 / 5,000 / 100,000 tokens of 684 characters, Node 20:
 *
 *     this: Map by 12 characters, then ===           0.16 / 0.43 / 1.6
 *     Map by 43 characters, then ===                 0.22 / 0.48 / 1.5-1.7
 *     Map by a 30-bit number made of 5 characters    0.14 / 0.40 / 1.6
 *     own hash table by 8 characters                 0.13 / 0.37 / 1.5
 *     Map by the whole token                         0.99 / 1.25 / 2.6
 *
 * A slice of 13 characters or more is a view that V8 hashes and compares on a slow path and that
 * keeps the string alive it was cut from; one of 12 is a copy. Numbers are faster still, but two
 * tokens in 10^5 share one and would push each other out by turns. The own table saves 0.03 us of
 * what is mostly waiting for memory and takes 40 lines. Two maps that swap when one is full, the
 * usual cheap ageing, look up twice and keep half as many tokens.
 */
import type { SubjectKind } from '@parley/protocol'
import type { Fingerprint } from './fingerprints.ts'
import type { Accepted } from './verdicts.ts'

/** A subject of a token, with the place where a table keeps its cut-off. */
export interface PlacedSubject extends Fingerprint {
  readonly kind: SubjectKind
  readonly carried: number
}

/** A good token and what it takes to judge it once more. */
export interface SeenToken {
  /** The whole token, in memory of its own. */
  readonly token: string
  readonly verdict: Accepted
  readonly subjects: readonly PlacedSubject[]
  /** The key that signed it. */
  readonly kid: string
  /** First millisecond in which it is over, the tolerance of the clock included. */
  readonly endsAtMs: number
  /** Version of the cut-offs under which it was last found live. */
  judgedVersion: number
  /** Whether it was used since the hand last passed. */
  isFresh: boolean
}

/** A bounded memory of good tokens. */
export interface SeenTokens {
  readonly entries: Map<string, SeenToken>
  readonly entriesMax: number
  hand: Iterator<SeenToken, undefined>
}

const tailCharacters = 12

// Entries that the hand spares at most before it takes one, used or not.
const sparedMax = 64

/** An empty memory for `entriesMax` tokens; 0 remembers nothing. */
export function createSeenTokens(entriesMax: number): SeenTokens {
  const entries = new Map<string, SeenToken>()
  return { entries, entriesMax, hand: entries.values() }
}

/** The entry of a token, if exactly this token is remembered. */
export function findSeen(seen: SeenTokens, token: string): SeenToken | undefined {
  const entry = seen.entries.get(token.slice(-tailCharacters))
  if (entry === undefined || entry.token !== token) return undefined
  entry.isFresh = true
  return entry
}

/** Remembers a good token, in place of another one when full. */
export function rememberSeen(seen: SeenTokens, entry: SeenToken): void {
  if (seen.entriesMax === 0) return
  const tail = tailOf(entry.token)
  if (seen.entries.size >= seen.entriesMax && !seen.entries.has(tail)) makeRoom(seen)
  seen.entries.set(tail, entry)
}

/** Drops a token that is good no longer. */
export function forgetSeen(seen: SeenTokens, entry: SeenToken): void {
  seen.entries.delete(tailOf(entry.token))
}

/** Drops every token whose key is not among `kids`. */
export function keepSeenOf(seen: SeenTokens, kids: ReadonlySet<string>): void {
  for (const [tail, entry] of seen.entries) {
    if (!kids.has(entry.kid)) seen.entries.delete(tail)
  }
}

/**
 * Copies a token, or a piece of one, into memory of its own.
 *
 * What callers hand over is often a view of a longer string, a header line or a whole message,
 * and remembering the view would keep all of that alive. Joining two halves gives V8 a string
 * that is written out afresh when it is first cut; other engines at worst copy for nothing.
 */
export function ownCopy(text: string): string {
  const half = text.length >> 1
  const copy = text.slice(0, half) + text.slice(half)
  tailOf(copy)
  return copy
}

function tailOf(token: string): string {
  return token.slice(-tailCharacters)
}

function makeRoom(seen: SeenTokens): void {
  for (let spared = 0; ; spared++) {
    const { value: entry } = seen.hand.next()
    if (entry === undefined) {
      seen.hand = seen.entries.values()
    } else if (entry.isFresh && spared < sparedMax) {
      entry.isFresh = false
    } else {
      forgetSeen(seen, entry)
      return
    }
  }
}
