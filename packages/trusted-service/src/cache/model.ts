/**
 * The sealed cache: tokens that are kept so that not every page view asks the service for one.
 *
 * Whoever reads the store learns nothing he can use. A token is sealed with AES-256-GCM under a
 * key that is derived for its identity alone, bound to identity, scopes and lifetime as additional
 * data: moved to another place it does not open. The keys of its row are keyed hashes, so neither
 * identities nor scopes can be read or searched for. Secrets have ids; the first seals, the others
 * still open: a day after a new one was put in front, the last token of the old one is over.
 *
 * A token is handed out only while it has at least the chosen rest of its life left. Before that,
 * from an instant drawn when it was sealed, it is handed out and replaced behind the scenes; the
 * draw keeps tokens that were issued together from being replaced together. Whoever asks while
 * one is being issued waits for that one.
 *
 * Forgetting wins over what is under way: a token whose identity was forgotten while it was being
 * issued is not kept, and is issued once more, since it may be of before.
 *
 * Rejected: one key for all (one leak opens all, and 2^32 random nonces are reached in a busy
 * year); no hash over the identity (the store would be a list of who is here); the token's own
 * `exp` as the only bound (a cached token would be handed out in its last second).
 */
import type { Scope } from '@parley/protocol'

/** What a cached token is of: all three must agree. */
export interface TokenRequest {
  readonly identity: string
  /** At least one; the order does not matter. */
  readonly scopes: readonly Scope[]
  /** The lifetime that is asked of the service, whole minutes, 60..1440. */
  readonly lifetimeMinutes: number
}

/** A token as the cache keeps it. */
export interface CachedToken {
  readonly token: string
  readonly expiresAtMs: number
  /** From when on it is replaced early. */
  readonly refreshAtMs: number
}

/** The name of a request: equal requests have equal texts, and different ones different. */
export function nameOf({ identity, scopes, lifetimeMinutes }: TokenRequest): string {
  return JSON.stringify([identity, [...new Set(scopes)].sort(), lifetimeMinutes])
}

/** What is done about a token that was found. */
export type Freshness = 'fresh' | 'early' | 'over'

/**
 * Decides what is done about a cached token: handed out, handed out and replaced, or replaced.
 *
 * @param asked.restMs - what it must still live, at least.
 */
export function freshnessOf(asked: {
  readonly token: CachedToken
  readonly nowMs: number
  readonly restMs: number
}): Freshness {
  const { token, nowMs, restMs } = asked
  if (token.expiresAtMs - nowMs < restMs) return 'over'
  return nowMs >= token.refreshAtMs ? 'early' : 'fresh'
}

/**
 * Draws the instant from which a token is replaced early: somewhere in the `aheadMs` before it
 * would be refused, or in the second half of its useful life where that is shorter.
 *
 * @param asked.chance - 0..1, drawn once for each token.
 */
export function refreshInstant(asked: {
  readonly nowMs: number
  readonly expiresAtMs: number
  readonly restMs: number
  readonly aheadMs: number
  readonly chance: number
}): number {
  const { nowMs, expiresAtMs, restMs, aheadMs, chance } = asked
  const refusedAtMs = expiresAtMs - restMs
  const spanMs = Math.min(aheadMs, Math.max(0, (refusedAtMs - nowMs) / 2))
  return Math.round(refusedAtMs - spanMs * chance)
}
