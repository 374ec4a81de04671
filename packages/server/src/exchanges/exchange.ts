/**
 * The walks of an exchange: of a person who came with an Entra token, and of a Teams user whose
 * token the owner of a resource hands in.
 */
import type { KeyObject } from 'node:crypto'
import { fail, ok, printIdentityName, type Result } from '@parley/protocol'
import type { CheckBearer } from '../authentication/bearer.ts'
import type { Fault, RefusalReason } from '../contract/faults.ts'
import type { EntraUserCaller, ResourceCaller } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import type { Platform } from '../foundation/platform.ts'
import { personHash } from '../identities/model.ts'
import { upsertNamedIdentity } from '../identities/store.ts'
import type { IssuedToken, IssueToken, TokenAsk } from '../tokens/issue.ts'
import {
  type AssignmentFamily,
  directoryId,
  type EntraPerson,
  type ExchangeTerms,
  exchangeTerms,
  isCovered,
} from './model.ts'
import { listAssignmentsAbout } from './store.ts'

/** What exchanging needs. */
export interface Exchanger {
  readonly db: Database
  readonly platform: Platform
  /** Key of the hash that is stored of a person. */
  readonly customIdKey: KeyObject
  readonly issueToken: IssueToken
  readonly checkBearer: CheckBearer
}

/** A token for a person, and the name of the identity it was issued to. */
export interface ExchangedToken {
  readonly identity: string
  readonly issuedAtMs: number
  readonly issued: IssuedToken
}

/**
 * Exchanges the Entra token that a person came with.
 *
 * @faults `caller-refused` - the token permits nothing, or no assignment covers it.
 */
export async function exchangeForPerson(
  world: Exchanger,
  asked: {
    readonly family: AssignmentFamily
    readonly caller: EntraUserCaller
    readonly nowMs: number
  },
): Promise<Result<ExchangedToken, Fault>> {
  const { family, caller, nowMs } = asked
  const { resourceId, entraToken } = caller
  const decided = exchangeTerms(family, entraToken, nowMs)
  if (!decided.ok) return refuse(decided.fault)
  const { person } = decided.value
  const assignments = await listAssignmentsAbout(world.db, resourceId, { family, person })
  if (!isCovered(assignments, person)) return refuse('bearer-not-assigned')
  return issueTo(world, { resourceId, accessKey: undefined }, decided.value)
}

/** A request for the exchange of a Teams user's token, as its owner wrote it. */
export interface TeamsUserRequest {
  readonly token: string
  /** Absent in the versions that do not compare it. */
  readonly appId?: string
  /** The same. */
  readonly userId?: string
}

/**
 * Exchanges the Entra token of a Teams user that the owner of a resource hands in. The owner
 * vouches for the person, so no assignment is asked for; the token is one of the owner's access
 * key.
 *
 * @faults `entra-token-invalid`, `application-differs`, `user-differs`; `issuer-unreachable` - come
 *   again: nobody said that the token is wrong.
 */
export async function exchangeForTeamsUser(
  world: Exchanger,
  asked: {
    readonly caller: ResourceCaller
    readonly request: TeamsUserRequest
    readonly nowMs: number
  },
): Promise<Result<ExchangedToken, Fault>> {
  const { caller, request, nowMs } = asked
  const checked = await world.checkBearer(request.token, nowMs)
  if (!checked.ok) return invalid(checked.fault)
  const { entraToken } = checked.value
  const { appId, userId } = request
  if (appId !== undefined && !isSameId(appId, entraToken.clientId)) {
    return fail({ kind: 'application-differs' })
  }
  if (userId !== undefined && !isSameId(userId, entraToken.objectId)) {
    return fail({ kind: 'user-differs' })
  }
  const decided = exchangeTerms('teamsUser', entraToken, nowMs)
  if (!decided.ok) return invalid(decided.fault)
  return issueTo(world, caller, decided.value)
}

/** An id that is none is not the same as anything. */
function isSameId(one: string, other: string): boolean {
  const id = directoryId(one)
  return id !== undefined && id === directoryId(other)
}

async function issueTo(
  world: Exchanger,
  owner: TokenAsk['caller'],
  { person, terms }: ExchangeTerms,
): Promise<Result<ExchangedToken, Fault>> {
  const { resourceId } = owner
  const found = await identityOf(world, resourceId, person)
  if (!found.ok) return found
  const identityId = found.value
  const issued = await world.issueToken({ caller: owner, identityId, terms })
  if (!issued.ok) return issued
  const identity = printIdentityName({ resourceId, identityId })
  const issuedAtMs = terms.window.issuedAtSeconds * 1000
  return ok({ identity, issuedAtMs, issued: issued.value })
}

/** The identity of a person in a resource: made at the first exchange, found at every other. */
async function identityOf(
  world: Exchanger,
  resourceId: string,
  person: EntraPerson,
): Promise<Result<string, Fault>> {
  const { db, platform, customIdKey: key } = world
  const named = await upsertNamedIdentity(db, resourceId, {
    identityId: platform.newGuid(),
    customIdHash: personHash(person, { resourceId, key }),
    atMs: platform.now(),
  })
  return typeof named === 'string' ? refuse(named) : ok(named.identityId)
}

function refuse(reason: RefusalReason): Result<never, Fault> {
  return fail({ kind: 'caller-refused', reason })
}

function invalid(reason: RefusalReason): Result<never, Fault> {
  if (reason === 'bearer-issuer-unreachable') return fail({ kind: 'issuer-unreachable', reason })
  return fail({ kind: 'entra-token-invalid', reason })
}
