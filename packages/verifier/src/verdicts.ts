import type { AccessTokenClaims, CheckedClaims, Scope, SubjectKind } from '@parley/protocol'

/**
 * What a token says once it is believed. The object and everything in it is frozen, and it is the
 * same object each time the same token is seen again: compare it, keep it, key a `WeakMap` by it.
 * When scopes were taken from the token since, another object takes its place.
 */
export interface Accepted {
  readonly ok: true
  /** What was signed. Of `acsScope` some may have been taken since: `scopes` is what counts. */
  readonly claims: AccessTokenClaims
  /** The identity that holds the token, `8:acs:<resource>_<id>`. */
  readonly identity: string
  /** The resource that the identity belongs to, a GUID. */
  readonly resourceId: string
  /** What the token opens at this moment, in the order of the token; at least one. */
  readonly scopes: readonly Scope[]
  /** `exp` in milliseconds since the Unix epoch; the tolerance of the clock is not in it. */
  readonly expiresAtMs: number
}

/** A refusal that its reason says all about. */
export interface PlainRefusal {
  readonly ok: false
  readonly reason:
    | 'too-long'
    | 'malformed'
    | 'header-not-allowed'
    | 'algorithm-not-allowed'
    | 'wrong-type'
    | 'unknown-key'
    | 'bad-signature'
    | 'bad-claims'
    | 'wrong-issuer'
    | 'wrong-audience'
    | 'stale'
}

/** The token is over. */
export interface Expired {
  readonly ok: false
  readonly reason: 'expired'
  /** `exp` in milliseconds since the Unix epoch. */
  readonly expiredAtMs: number
}

/** The token says of itself that it does not count yet, or was issued in the future. */
export interface NotYetValid {
  readonly ok: false
  readonly reason: 'not-yet-valid'
  /** `nbf` or `iat`, whichever refused it, in milliseconds since the Unix epoch. */
  readonly validFromMs: number
}

/** The token was genuine and in time, and somebody has made it void. */
export interface Void {
  readonly ok: false
  readonly reason: 'void'
  /**
   * The first thing found cut off that the token depends on; there may be more. `identity-scope`:
   * the identity was stepped down, and no scope of the token is left.
   */
  readonly voidedBy: SubjectKind
}

/** Why a token does not open. Not for the caller's eyes: tell him no more than "refused". */
export type Refused = PlainRefusal | Expired | NotYetValid | Void

/** The tag of each refusal; the README has the table of what they mean. */
export type Reason = Refused['reason']

/** What a verifier decides about one token at one moment. */
export type Verdict = Accepted | Refused

/** The verdict on a token that opens some scopes. */
export function accept({
  claims,
  resourceId,
  scopes,
}: Pick<CheckedClaims, 'claims' | 'resourceId' | 'scopes'>): Accepted {
  return Object.freeze({
    ok: true,
    claims,
    identity: claims.sub,
    resourceId,
    scopes: Object.freeze(scopes),
    expiresAtMs: claims.exp * 1000,
  })
}

/** The refusal for a reason that needs no more words; one frozen object for each. */
export function refuse(reason: PlainRefusal['reason']): PlainRefusal {
  return refusals[reason]
}

function plain(reason: PlainRefusal['reason']): PlainRefusal {
  return Object.freeze({ ok: false, reason })
}

const refusals: Readonly<Record<PlainRefusal['reason'], PlainRefusal>> = {
  'too-long': plain('too-long'),
  malformed: plain('malformed'),
  'header-not-allowed': plain('header-not-allowed'),
  'algorithm-not-allowed': plain('algorithm-not-allowed'),
  'wrong-type': plain('wrong-type'),
  'unknown-key': plain('unknown-key'),
  'bad-signature': plain('bad-signature'),
  'bad-claims': plain('bad-claims'),
  'wrong-issuer': plain('wrong-issuer'),
  'wrong-audience': plain('wrong-audience'),
  stale: plain('stale'),
}
