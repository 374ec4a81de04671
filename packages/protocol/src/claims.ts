import { isGuid, parseIdentityName } from './identities.ts'
import { limits } from './limits.ts'
import { parseScopeClaim, type Scope } from './scopes.ts'

/**
 * The claims of an access token, as they stand in its payload.
 *
 * Two families live side by side. The first is what clients of Azure Communication Services read
 * (`skypeid`, `scp`, `csi`, `acsScope`, `resourceId`, `resourceLocation`, `rgn`); the second are
 * the registered claims of RFC 7519 that any JWT library understands. `gen` and `akg` are ours:
 * they let a token be voided without comparing clocks.
 *
 * @source RFC 7519 section 4.1; claims of tokens recorded from Azure Communication Services.
 */
export interface AccessTokenClaims {
  /** `acs:<resource>_<id>`: the identity without its leading `8:`. */
  readonly skypeid: string
  /** 1792 in every token of the service; a legacy set of bits that nothing reads. */
  readonly scp: number
  /** `iat` once more, as a string. */
  readonly csi: string
  /** First second in which the token no longer counts, NumericDate; a day after `iat` at most. */
  readonly exp: number
  /** Region of the resource, for example `amer`. */
  readonly rgn: string
  /** Scopes joined by commas, at least one. */
  readonly acsScope: string
  /** The resource that owns the identity, a GUID. */
  readonly resourceId: string
  /** Data location of the resource, lower case, no spaces, for example `unitedstates`. */
  readonly resourceLocation: string
  /** Second in which the token was issued, NumericDate. Never decides about revocation. */
  readonly iat: number
  /** URL of the server that issued the token. */
  readonly iss: string
  /** The resource whose primitives the token opens: its id again. */
  readonly aud: string
  /** The identity, `8:acs:<resource>_<id>`. */
  readonly sub: string
  /** Names this one token, a GUID. */
  readonly jti: string
  /** Generation of the identity at issue, from 1; revoking starts the next one. */
  readonly gen: number
  /** `<slot>.<generation>` of the access key it was issued under; absent under an Entra bearer. */
  readonly akg?: string
}

/** One of a resource's two access keys. */
export type AccessKeySlot = 'primary' | 'secondary'

/** Which access key, and which edition of it, a token was issued under. */
export interface AccessKeyGeneration {
  readonly slot: AccessKeySlot
  /** From 1; regenerating the key starts the next one. */
  readonly generation: number
}

/** Claims of a token whose every field was found present and of its type. */
export interface CheckedClaims {
  readonly claims: AccessTokenClaims
  readonly resourceId: string
  readonly identityId: string
  readonly scopes: readonly Scope[]
  readonly accessKey: AccessKeyGeneration | undefined
}

const generationMax = 0xffff_fffe

/** Says whether `value` can be a generation: a whole number, 1..2^32-2 (2^32-1 means deleted). */
export function isGeneration(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= generationMax
}

/** The text of the `akg` claim. */
export function printAccessKeyGeneration(key: AccessKeyGeneration): string {
  return `${key.slot}.${key.generation}`
}

/** Reads the `akg` claim; `undefined` for anything but `primary.<n>` or `secondary.<n>`. */
export function parseAccessKeyGeneration(text: unknown): AccessKeyGeneration | undefined {
  if (typeof text !== 'string') return undefined
  const match = /^(primary|secondary)\.([1-9][0-9]{0,9})$/.exec(text)
  const generation = Number(match?.[2])
  return isGeneration(generation) ? { slot: match?.[1] as AccessKeySlot, generation } : undefined
}

/**
 * Checks that a decoded payload is that of an access token of Parley, field by field.
 *
 * Says nothing about signature, time, issuer or revocation. A lifetime beyond the longest one is
 * a contradiction: cut-offs are forgotten when the last token they could void has expired, so a
 * token that lived longer would come back to life.
 *
 * @returns `undefined` when a claim is missing, of another type, or contradicts another one.
 */
export function checkClaims(payload: Readonly<Record<string, unknown>>): CheckedClaims | undefined {
  const claims = payload as Partial<Record<keyof AccessTokenClaims, unknown>>
  if (typeof claims.sub !== 'string') return undefined
  const name = parseIdentityName(claims.sub)
  if (name === undefined) return undefined
  if (claims.resourceId !== name.resourceId || claims.aud !== name.resourceId) return undefined
  if (claims.skypeid !== claims.sub.slice(2)) return undefined
  if (typeof claims.acsScope !== 'string') return undefined
  const granted = parseScopeClaim(claims.acsScope)
  if (granted === undefined) return undefined
  if (typeof claims.jti !== 'string' || !isGuid(claims.jti)) return undefined
  if (!isNumericDate(claims.exp) || !isNumericDate(claims.iat)) return undefined
  if (!isLifetime(claims.exp - claims.iat)) return undefined
  if (typeof claims.iss !== 'string' || !isGeneration(claims.gen)) return undefined
  if (!Number.isInteger(claims.scp) || typeof claims.csi !== 'string') return undefined
  if (typeof claims.rgn !== 'string' || typeof claims.resourceLocation !== 'string') {
    return undefined
  }
  const accessKey = parseAccessKeyGeneration(claims.akg)
  if (claims.akg !== undefined && accessKey === undefined) return undefined
  return {
    claims: payload as unknown as AccessTokenClaims,
    resourceId: name.resourceId,
    identityId: name.identityId,
    scopes: granted,
    accessKey,
  }
}

function isNumericDate(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isLifetime(seconds: number): boolean {
  return seconds > 0 && seconds <= limits.lifetimeMinutesMax * 60
}
