/**
 * Callers that come with an access token of this server: the people who use a primitive.
 *
 * The verifier judges the token, fed by the log of this process; a pipeline asks only on a node
 * that is not behind, so what was voided and answered anywhere is refused here. The token names its
 * resource; where the host names one as well, the two must agree.
 *
 * @source ACS Chat, `Authorization: Bearer <user access token>`; RFC 6750 section 2.1.
 */
import {
  type CarriedGeneration,
  checkClaims,
  fail,
  ok,
  type Result,
  type Scope,
  subjectsOf,
} from '@parley/protocol'
import type { Accepted, Reason } from '@parley/verifier'
import type { SyncVerifier } from '@parley/verifier/node'
import type { Fault, RefusalReason } from '../contract/faults.ts'
import type { UserCaller } from '../contract/user-operation.ts'
import type { ResourceDirectory } from '../resources/directory.ts'
import type { Place } from './place.ts'

/** A request as far as an access token needs it. */
export interface UserRequest {
  readonly token: string
  readonly place: Place
  /** What the operation is open to; absent: every live token. */
  readonly scopes: readonly Scope[] | undefined
}

/** What access tokens are judged by. */
export interface UserWorld {
  readonly verifier: Pick<SyncVerifier, 'verify'>
  readonly resources: Pick<ResourceDirectory, 'find'>
}

/**
 * Decides who came with an access token.
 *
 * @faults `caller-refused` - the token is not live here; `user-not-allowed` - it is, and opens
 *   something else.
 */
export function authenticateUser(
  request: UserRequest,
  { verifier, resources }: UserWorld,
): Result<UserCaller, Fault> {
  const { token, place, scopes } = request
  if (place.kind === 'nowhere') return refuse('host-unknown')
  const verdict = verifier.verify(token)
  if (!verdict.ok) return refuse(reasonFor(verdict.reason))
  const { resourceId } = verdict
  if (place.kind === 'resource' && place.resource.resourceId !== resourceId) {
    return refuse('access-token-elsewhere')
  }
  const resource = resources.find(resourceId)
  if (resource === undefined) return refuse('resource-deleted')
  if (!resource.isSubscriptionEnabled) return refuse('subscription-disabled')
  const isOpen = scopes === undefined || scopes.some((scope) => verdict.scopes.includes(scope))
  return isOpen ? ok(callerOf(verdict)) : fail({ kind: 'user-not-allowed', reason: 'scope' })
}

/** The verifier gives the same object for a token that it has seen; so does this. */
const callers = new WeakMap<Accepted, UserCaller>()

function callerOf(verdict: Accepted): UserCaller {
  const known = callers.get(verdict)
  if (known !== undefined) return known
  const { resourceId, identity: rawId, scopes, expiresAtMs } = verdict
  const identityId = rawId.slice(rawId.indexOf('_') + 1)
  const claims = checkClaims({ ...verdict.claims })
  const subjects: readonly CarriedGeneration[] = claims === undefined ? [] : subjectsOf(claims)
  const caller = { resourceId, identityId, rawId, scopes, expiresAtMs, subjects }
  callers.set(verdict, caller)
  return caller
}

function reasonFor(reason: Reason): RefusalReason {
  if (reason === 'void') return 'access-token-void'
  return reason === 'expired' ? 'access-token-expired' : 'access-token-invalid'
}

function refuse(reason: RefusalReason): Result<never, Fault> {
  return fail({ kind: 'caller-refused', reason })
}
