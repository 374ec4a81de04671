/**
 * What the claims of a bearer say, held against what the configuration trusts.
 *
 * @source RFC 7519 section 4.1; RFC 9068 section 2.2; Entra ID access token claims.
 */
import { fail, ok, type Result } from '@parley/protocol'
import type { JsonObject } from '@parley/verifier/json'
import type { RefusalReason } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { EntraToken } from '../contract/operation.ts'
import { parseRole, type RoleAssignment } from '../foundation/role.ts'
import { type TrustedIssuer, withoutLastSlashes } from '../foundation/trusted-issuer.ts'
import type { BearerPrincipal } from './bearer.ts'

/** Roles that are read of one token; Entra ID itself puts at most 200 groups into one. */
const rolesMax = 200

/** Longest name of a subject. @source OpenID Connect Core 1.0 section 2 (`sub`). */
const subjectCharactersMax = 255

/**
 * Decides whether claims are good here and now, and whose they are. It takes no part in this
 * whether they are true: only the signature says that.
 *
 * Where several entries trust the issuer for this audience and tenant, all their roles count.
 *
 * @param entries - those of the issuer that the claims name, at least one.
 */
export function judgeClaims(
  claims: JsonObject,
  entries: readonly TrustedIssuer[],
  nowMs: number,
): Result<BearerPrincipal, RefusalReason> {
  const { exp, nbf, aud, tid } = claims
  if (!isInstant(exp) || (nbf !== undefined && !isInstant(nbf))) return fail('bearer-malformed')
  const nowSeconds = nowMs / 1000
  const tolerance = serverLimits.bearerClockToleranceSeconds
  const isOver = nowSeconds >= exp + tolerance
  if (isOver || (nbf !== undefined && nowSeconds < nbf - tolerance)) return fail('bearer-expired')
  const audiences = textsOf(aud).map(withoutLastSlashes)
  const here = entries.filter(({ audience }) => audiences.includes(withoutLastSlashes(audience)))
  if (here.length === 0) return fail('bearer-audience-differs')
  const trusted = here.filter(({ tenant }) => tenant === undefined || isSameTenant(tenant, tid))
  const [{ issuer } = { issuer: '' }] = trusted
  if (trusted.length === 0) return fail('bearer-tenant-differs')
  const entraToken = entraTokenOf(claims, { issuer, expiresAtSeconds: exp })
  const { objectId } = entraToken
  if (objectId === '' || objectId.length > subjectCharactersMax) return fail('bearer-malformed')
  return ok({
    actor: `bearer/${issuer}/${objectId}`,
    roles: trusted.flatMap((entry) => [...entry.roles, ...rolesIn(claims[entry.roleClaim])]),
    entraToken,
  })
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isSameTenant(tenant: string, tid: unknown): boolean {
  return typeof tid === 'string' && tid.toLowerCase() === tenant.toLowerCase()
}

function entraTokenOf(
  claims: JsonObject,
  known: Pick<EntraToken, 'issuer' | 'expiresAtSeconds'>,
): EntraToken {
  const { tid, oid, sub, azp, appid, client_id: client, scp, scope, groups } = claims
  const clientId = firstText(azp, appid, client)
  const scopes = scp ?? scope
  return {
    ...known,
    tenantId: firstText(tid, known.issuer),
    objectId: firstText(oid, sub, clientId),
    clientId,
    scopes: typeof scopes === 'string' ? scopes.split(' ').filter(isNamed) : textsOf(scopes),
    groups: textsOf(groups),
  }
}

function isNamed(text: string): boolean {
  return text !== ''
}

/** The first that is a text with something in it; empty when none is. */
function firstText(...values: readonly unknown[]): string {
  return values.find((value): value is string => typeof value === 'string' && value !== '') ?? ''
}

/** A claim that is a text or a list of texts, as a list; anything else in it is left out. */
function textsOf(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return [claim]
  if (!Array.isArray(claim)) return []
  return claim.filter((one): one is string => typeof one === 'string')
}

/** The roles in a claim; what is no role here is one of another application, and not counted. */
function rolesIn(claim: unknown): readonly RoleAssignment[] {
  return textsOf(claim)
    .slice(0, rolesMax)
    .map(parseRole)
    .filter((role) => role !== undefined)
}
