import { isGuid, limits } from '@parley/protocol'
import { type Jwks, readKeySet, type VerificationKey } from './keys.ts'
import { systemMonotonicNow, systemNow } from './platform.ts'

/** What a verifier needs to know before it can decide anything. */
export interface VerifierOptions {
  /**
   * The public keys of the server, as published at its `/.well-known/jwks.json`: P-256 for ES256
   * or RSA of 2048..8192 bits for RS256. Keys of other kinds are left aside.
   */
  readonly keys: Jwks
  /** The `iss` of the server's tokens, compared character by character. */
  readonly issuer: string
  /** A resource id, a GUID in lower case: tokens of other resources are refused. Default: any. */
  readonly audience?: string
  /**
   * How far this clock may lag behind or run ahead of the server's, in seconds, 0..300: tokens
   * are accepted so much longer after `exp` and so much earlier before `nbf`. Default 0.
   */
  readonly clockToleranceSeconds?: number
  /**
   * How many good tokens are remembered, so that their signatures need not be verified again.
   * Whole number, 0..1,000,000, about 2 KiB each; default 10,000; 0 remembers none.
   */
  readonly seenTokensMax?: number
  /** The wall clock, milliseconds since the Unix epoch, UTC. Default: that of the platform. */
  readonly now?: () => number
  /** A clock that never goes back, milliseconds. Default: that of the platform. */
  readonly monotonicNow?: () => number
}

/** Options with every default in its place. */
export interface Settings {
  readonly keys: readonly VerificationKey[]
  readonly issuer: string
  readonly audience: string | undefined
  readonly toleranceMs: number
  readonly seenTokensMax: number
  readonly now: () => number
  readonly monotonicNow: () => number
}

const { clockToleranceSecondsMax } = limits
const seenTokensDefault = 10_000
const seenTokensLimit = 1_000_000

/**
 * Checks options and fills in the defaults.
 *
 * @throws TypeError for options that no correct program passes; the message names the option.
 */
export function checkOptions(options: VerifierOptions): Settings {
  const { issuer, audience, clockToleranceSeconds = 0 } = options
  const { seenTokensMax = seenTokensDefault } = options
  const { now = systemNow, monotonicNow = systemMonotonicNow } = options
  if (typeof issuer !== 'string' || issuer === '') {
    throw new TypeError('issuer: expected the `iss` of the tokens, a text that is not empty')
  }
  if (audience !== undefined && (typeof audience !== 'string' || !isGuid(audience))) {
    throw new TypeError('audience: expected the id of a resource, a GUID in lower case')
  }
  if (!(clockToleranceSeconds >= 0 && clockToleranceSeconds <= clockToleranceSecondsMax)) {
    throw new TypeError(`clockToleranceSeconds: expected 0..${clockToleranceSecondsMax}`)
  }
  const isCount = Number.isInteger(seenTokensMax) && seenTokensMax >= 0
  if (!isCount || seenTokensMax > seenTokensLimit) {
    throw new TypeError(`seenTokensMax: expected a whole number, 0..${seenTokensLimit}`)
  }
  const toleranceMs = clockToleranceSeconds * 1000
  const keys = checkKeys(options.keys)
  return { keys, issuer, audience, toleranceMs, seenTokensMax, now, monotonicNow }
}

/**
 * The usable keys of a set.
 *
 * @throws TypeError for a set that cannot be used; the message names the fault of `readKeySet`.
 */
export function checkKeys(keys: Jwks): readonly VerificationKey[] {
  const read = readKeySet(keys)
  if (!read.ok) throw new TypeError(`keys: ${read.fault.kind}`)
  return read.value
}
