/**
 * An access token is a signed statement: this identity may use these primitives until then. It is
 * issued to a trusted server, handed to a device, and never stored here; what is stored is a line
 * in the ledger (which token, whose, for what, how long), so that one can be asked who still gets
 * in, and void a single one.
 *
 * States: live, then either expired (by time) or void (by will). Live means that the signature and
 * registered claims hold, now is before `exp`, and every generation in the token is the current
 * one. An identity may have any number of live tokens; each stands for itself.
 *
 * A token never outlives what was asked for: its start is rounded down to a whole second and its
 * end is derived from the start. Revocation does not look at these times at all; see `voiding.ts`
 * of the protocol. Rejected: `iat` against a "valid from" instant, as ACS once had it. Two tokens
 * of one second cannot be told apart, and two nodes never agree on the instant.
 */
import {
  type AccessKeyGeneration,
  type AccessTokenClaims,
  fail,
  limits,
  ok,
  printAccessKeyGeneration,
  printIdentityName,
  type Result,
  type Scope,
  scopeMask,
  scopesInMask,
} from '@parley/protocol'
import type { ScopeUnknown } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import { scopesIn } from '../contract/scopes.ts'
import type { IdentityVersion } from '../contract/versions.ts'
import { type Resource, regionClaim, resourceLocationClaim } from '../resources/model.ts'

/** A lifetime outside 60..1440 minutes. */
export interface LifetimeOutOfRange {
  readonly kind: 'lifetime-out-of-range'
  readonly minutes: number
}

/** A token was asked for without a scope. */
export interface ScopesMissing {
  readonly kind: 'scopes-missing'
  readonly field: string
}

/** When a token starts and stops being valid, NumericDate; the end is exclusive. */
export interface TokenWindow {
  readonly issuedAtSeconds: number
  readonly expiresAtSeconds: number
}

/**
 * Decides when a new access token starts and stops being valid.
 *
 * @param asked.nowMs - wall clock, milliseconds since the Unix epoch, UTC.
 * @param asked.lifetimeMinutes - whole minutes, 60..1440; absent means 1440.
 * @returns both ends as whole seconds since the epoch.
 * @faults `lifetime-out-of-range` - outside 60..1440, or not a whole number.
 * @source RFC 7519 section 4.1.4 (`exp`); ACS Identity 2022-10-01, IssueAccessToken.
 */
export function tokenWindow(asked: {
  readonly nowMs: number
  readonly lifetimeMinutes?: number | undefined
}): Result<TokenWindow, LifetimeOutOfRange> {
  const { nowMs, lifetimeMinutes: minutes = limits.lifetimeMinutesMax } = asked
  const isInside = minutes >= limits.lifetimeMinutesMin && minutes <= limits.lifetimeMinutesMax
  if (!isInside || !Number.isInteger(minutes))
    return fail({ kind: 'lifetime-out-of-range', minutes })
  const issuedAtSeconds = Math.floor(nowMs / 1000)
  return ok({ issuedAtSeconds, expiresAtSeconds: issuedAtSeconds + minutes * 60 })
}

/**
 * Decides which scopes a token gets: those asked for, each once, in one order.
 *
 * @param asked.scopes - names as they came; absent or empty is a fault.
 * @param asked.field - what the field is called in messages.
 * @faults `scopes-missing`, `scope-unknown` - the latter also for a scope that came in a later
 *   api-version (`contract/scopes.ts`).
 * @source ACS Identity 2023-10-01, `CommunicationIdentityTokenScope`.
 */
export function grantedScopes(asked: {
  readonly scopes: readonly string[] | null | undefined
  readonly version: IdentityVersion
  readonly field: string
}): Result<readonly Scope[], ScopesMissing | ScopeUnknown> {
  const { scopes, version, field } = asked
  if (scopes === undefined || scopes === null || scopes.length === 0) {
    return fail({ kind: 'scopes-missing', field })
  }
  const existing = scopesIn(version)
  const known: Scope[] = []
  for (const name of scopes) {
    const scope = existing.find((one) => one === name)
    if (scope === undefined) return fail({ kind: 'scope-unknown', field, scope: name, version })
    known.push(scope)
  }
  return ok(scopesInMask(scopeMask(known)))
}

/** What a token is going to say, before its identity's generation was read. */
export interface TokenTerms {
  readonly scopes: readonly Scope[]
  readonly window: TokenWindow
}

/**
 * Decides the terms of a token from a request.
 *
 * @faults those of `grantedScopes` and `tokenWindow`.
 */
export function tokenTerms(asked: {
  readonly scopes: readonly string[] | null | undefined
  readonly scopesField: string
  readonly lifetimeMinutes: number | null | undefined
  readonly version: IdentityVersion
  readonly nowMs: number
}): Result<TokenTerms, LifetimeOutOfRange | ScopesMissing | ScopeUnknown> {
  const { nowMs, version, lifetimeMinutes, scopesField: field } = asked
  const scopes = grantedScopes({ scopes: asked.scopes, version, field })
  if (!scopes.ok) return scopes
  const window = tokenWindow({ nowMs, lifetimeMinutes: lifetimeMinutes ?? undefined })
  if (!window.ok) return window
  return ok({ scopes: scopes.value, window: window.value })
}

/** Everything that a token says. */
export interface TokenSubject {
  readonly resource: Resource
  readonly identityId: string
  /** The identity's generation, read in the statement that recorded the token. */
  readonly generation: number
  readonly accessKey: AccessKeyGeneration | undefined
  readonly tokenId: string
  readonly issuer: string
}

/**
 * Composes the claims of a token.
 *
 * @source tokens recorded from ACS for the claims that its clients read; RFC 7519 for the others.
 */
export function claimsFor(subject: TokenSubject, terms: TokenTerms): AccessTokenClaims {
  const { resource, identityId, generation, accessKey, tokenId, issuer } = subject
  const { resourceId, dataLocation } = resource
  const sub = printIdentityName({ resourceId, identityId })
  const { issuedAtSeconds, expiresAtSeconds } = terms.window
  const claims = {
    skypeid: sub.slice(2),
    scp: 1792,
    csi: String(issuedAtSeconds),
    exp: expiresAtSeconds,
    rgn: regionClaim(dataLocation),
    acsScope: terms.scopes.join(','),
    resourceId,
    resourceLocation: resourceLocationClaim(dataLocation),
    iat: issuedAtSeconds,
    iss: issuer,
    aud: resourceId,
    sub,
    jti: tokenId,
    gen: generation,
  }
  if (accessKey === undefined) return claims
  return { ...claims, akg: printAccessKeyGeneration(accessKey) }
}

/** The header in which an application says for which device it asks a token. */
export const deviceHeader = 'x-parley-device'

/** A header of ours with a value that it cannot have. */
export interface HeaderInvalid {
  readonly kind: 'header-invalid'
  readonly header: string
  readonly expected: string
}

/**
 * Reads what an application calls the device that a token is for. It is shown beside the token in
 * the list of live ones and stands nowhere else: not in the token, not in a log.
 *
 * @param value - the header; absent: the application does not say.
 * @faults `header-invalid` - not 1 to 64 printable characters of ASCII.
 */
export function parseDevice(
  value: string | readonly string[] | undefined,
): Result<string | undefined, HeaderInvalid> {
  if (value === undefined) return ok(undefined)
  const max = serverLimits.deviceCharactersMax
  const isLabel = typeof value === 'string' && /^[ -~]+$/.test(value) && value.length <= max
  if (isLabel) return ok(value)
  const expected = `1 to ${max} printable characters of ASCII`
  return fail({ kind: 'header-invalid', header: deviceHeader, expected })
}
