/**
 * An exchange gives a person who has an Entra token an access token of Parley, without an app's
 * server in between: the Entra token says who it is, which application it was issued to and what
 * the person consented to; an assignment of the resource says that such people may come.
 *
 * What becomes of the Entra token:
 * - permissions become scopes one to one; without any there is nothing to exchange for;
 * - its end is the end of the access token, a day at most, and never a second later;
 * - the person becomes an identity, found again by a keyed hash of who that is. It is the same one
 *   whichever exchange is used, so that revoking it, or deleting it, reaches all of a person.
 *
 * An assignment covers a token when tenant, principal and application all match. One without
 * applications covers nobody: it says who might come and not by what, and the careful reading is
 * that nothing was allowed yet. Assignments are read from the database for every exchange, so
 * removing one takes effect at the next; tokens that were issued before live until they expire or
 * are revoked, since the service, too, evaluates no access afterwards.
 *
 * Ids of a directory are opaque. GUIDs are compared without case, everything else exactly: `sub` of
 * another provider than Entra ID has case.
 *
 * Rejected: an identity for each family of exchanges, as the service seems to have. Whoever wants a
 * person gone would have to know three names for them.
 *
 * @source ACS Identity 2025-03-02-preview, `EntraIdToken`, `TeamsExtensionToken`; 2022-06-01,
 *   `ExchangeTeamsUserAccessToken`.
 */
import {
  fail,
  isGuid,
  limits,
  ok,
  type Result,
  type Scope,
  scopeMask,
  scopesInMask,
} from '@parley/protocol'
import type { RefusalReason } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { EntraToken } from '../contract/operation.ts'
import type { TokenTerms, TokenWindow } from '../tokens/model.ts'

/** By which of the exchanges somebody comes. */
export type ExchangeFamily = 'entra' | 'teamsExtension' | 'teamsUser'

const teamsPrefixes = [
  'https://auth.msft.communication.azure.com/',
  'https://auth.msft.communication.azure.us/',
]

/** What may stand before a permission, and what each permission opens. Lower case. */
const permissions: Readonly<Record<ExchangeFamily, FamilyPermissions>> = {
  entra: {
    prefixes: ['https://communication.azure.com/clients/'],
    scopes: new Map([
      ['chat', 'chat'],
      ['chat.join', 'chat.join'],
      ['chat.join.limited', 'chat.join.limited'],
      ['voip', 'voip'],
      ['voip.join', 'voip.join'],
    ]),
  },
  teamsExtension: {
    prefixes: teamsPrefixes,
    scopes: new Map([['teamsextension.managecalls', 'voip']]),
  },
  teamsUser: {
    prefixes: teamsPrefixes,
    scopes: new Map([
      ['teams.managecalls', 'voip'],
      ['teams.managechats', 'chat'],
    ]),
  },
}

interface FamilyPermissions {
  readonly prefixes: readonly string[]
  readonly scopes: ReadonlyMap<string, Scope>
}

/**
 * Decides which scopes the permissions of an Entra token become, each once, in one order.
 *
 * A permission stands bare, as Entra ID writes it, or behind the resource that clients ask for, as
 * other providers do; its case does not count. Behind any other resource it is a permission of
 * somebody else's. `.default` asks for all that was consented to and is itself no permission.
 *
 * @returns empty when the token permits nothing of the family.
 */
export function scopesOfPermissions(
  family: ExchangeFamily,
  names: readonly string[],
): readonly Scope[] {
  const { prefixes, scopes } = permissions[family]
  const granted = names.flatMap((name) => {
    const lower = name.toLowerCase()
    const prefix = prefixes.find((one) => lower.startsWith(one)) ?? ''
    return scopes.get(lower.slice(prefix.length)) ?? []
  })
  return scopesInMask(scopeMask(granted))
}

/**
 * Decides when a token that is exchanged starts and stops being valid: at the end of the Entra
 * token, rounded down, and a day from now at the latest, which is the longest that any token lives.
 *
 * @param entraExpiresAtSeconds - `exp` of the Entra token, NumericDate.
 * @returns `undefined` when not a whole second is left.
 */
export function exchangedWindow(
  nowMs: number,
  entraExpiresAtSeconds: number,
): TokenWindow | undefined {
  const issuedAtSeconds = Math.floor(nowMs / 1000)
  const latest = issuedAtSeconds + limits.lifetimeMinutesMax * 60
  const expiresAtSeconds = Math.min(Math.floor(entraExpiresAtSeconds), latest)
  return expiresAtSeconds > issuedAtSeconds ? { issuedAtSeconds, expiresAtSeconds } : undefined
}

/** What an exchange gives, and to whom. */
export interface ExchangeTerms {
  readonly person: EntraPerson
  readonly terms: TokenTerms
}

/**
 * Decides what an Entra token is exchanged for, assignments aside.
 *
 * @returns or else the reason for which it is refused.
 */
export function exchangeTerms(
  family: ExchangeFamily,
  token: EntraToken,
  nowMs: number,
): Result<ExchangeTerms, RefusalReason> {
  const person = personOf(token)
  if (person === undefined) return fail('bearer-malformed')
  const scopes = scopesOfPermissions(family, token.scopes)
  if (scopes.length === 0) return fail('bearer-permission-missing')
  const window = exchangedWindow(nowMs, token.expiresAtSeconds)
  if (window === undefined) return fail('bearer-expired')
  return ok({ person, terms: { scopes, window } })
}

/** Who came, with every id in the form in which ids are compared and stored. */
export interface EntraPerson {
  readonly issuer: string
  readonly tenantId: string
  readonly objectId: string
  readonly clientId: string
  readonly groups: readonly string[]
}

/**
 * Who an Entra token is about.
 *
 * @returns `undefined` when tenant or person are named by nothing that an assignment could name.
 */
export function personOf(token: EntraToken): EntraPerson | undefined {
  const tenantId = directoryId(token.tenantId)
  const objectId = directoryId(token.objectId)
  if (tenantId === undefined || objectId === undefined) return undefined
  const groups = token.groups.flatMap((group) => directoryId(group) ?? [])
  return {
    issuer: token.issuer,
    tenantId,
    objectId,
    clientId: directoryId(token.clientId) ?? '',
    groups,
  }
}

/** Printable ASCII, as OpenID has it for subjects; the database could not hold a NUL. */
const directoryIdPattern = /^[\x20-\x7e]+$/

/**
 * An id of a directory in the form in which ids are compared: a GUID in lower case, everything else
 * as it stands.
 *
 * @returns `undefined` for what is empty, longer than 256 characters, or not printable ASCII.
 * @source OpenID Connect Core 1.0 section 2, `sub`.
 */
export function directoryId(text: string): string | undefined {
  if (text.length > serverLimits.directoryIdCharactersMax) return undefined
  if (!directoryIdPattern.test(text)) return undefined
  const lower = text.toLowerCase()
  return isGuid(lower) ? lower : text
}

/** Which people may exchange, by which applications. Ids are as `directoryId` has them. */
export interface Assignment {
  readonly family: AssignmentFamily
  readonly tenantId: string
  readonly objectId: string
  readonly principalType: PrincipalType
  readonly clientIds: readonly string[]
}

/** The families of which people are assigned; an exchange of a Teams user needs an access key. */
export type AssignmentFamily = Exclude<ExchangeFamily, 'teamsUser'>

/** What the object of an assignment is. */
export type PrincipalType = 'user' | 'group' | 'tenant' | 'resourceAccount'

/** Says whether one of the assignments of a family covers a person and its application. */
export function isCovered(assignments: readonly Assignment[], person: EntraPerson): boolean {
  const { tenantId, clientId } = person
  if (clientId === '') return false
  return assignments.some(
    (assignment) =>
      assignment.tenantId === tenantId &&
      isPrincipal(assignment, person) &&
      assignment.clientIds.includes(clientId),
  )
}

function isPrincipal(assignment: Assignment, person: EntraPerson): boolean {
  const { principalType, objectId } = assignment
  switch (principalType) {
    case 'user':
    case 'resourceAccount':
      return objectId === person.objectId
    case 'group':
      return person.groups.includes(objectId)
    case 'tenant':
      return objectId === person.tenantId
  }
}
