import { meansGone } from '../service.ts'
import { type Answer, refuse } from './answers.ts'
import type { Endpoint, Findings } from './endpoint.ts'
import { type Caller, type CheckedPolicy, checkPolicy } from './model.ts'

interface Asked {
  readonly caller: Caller
  readonly request: Request
  readonly findings: Findings
}

type Handle = (endpoint: Endpoint, asked: Asked) => Promise<Answer>

/** What each route does, by method. */
export const routes: Readonly<Record<string, Readonly<Record<string, Handle>> | undefined>> = {
  token: { GET: getToken },
  user: { GET: getUser, POST: postUser, DELETE: deleteUser },
}

const retrySeconds = '2'

async function getToken(endpoint: Endpoint, asked: Asked): Promise<Answer> {
  const { findings } = asked
  const policy = await policyFor(endpoint, asked)
  if (policy === undefined) return refuse('not-allowed')
  const found = await identityOf(endpoint, asked, policy, endpoint.createsIdentities)
  if (!found.ok) return found.answer
  const { identity } = found
  const { scopes, lifetimeMinutes } = policy
  Object.assign(findings, { identity, scopes, lifetimeMinutes })
  let issued: { readonly token: string; readonly expiresAtMs: number }
  try {
    issued = await endpoint.tokens.tokenFor({ identity, scopes, lifetimeMinutes })
  } catch (error) {
    endpoint.onFault(error)
    if (meansGone(error)) return refuse('identity-gone')
    return refuse('service-unavailable', { 'retry-after': retrySeconds })
  }
  // Who was forgotten meanwhile is not handed what was issued for him before or after.
  const still = await identityOf(endpoint, asked, policy, false)
  if (!still.ok || still.identity !== identity) return refuse('no-identity')
  const expiresOn = new Date(issued.expiresAtMs).toISOString()
  const body = { token: issued.token, expiresOn, user: { communicationUserId: identity } }
  return { status: 201, body }
}

async function getUser(endpoint: Endpoint, asked: Asked): Promise<Answer> {
  const policy = await policyFor(endpoint, asked)
  if (policy === undefined) return refuse('not-allowed')
  const found = await identityOf(endpoint, asked, policy, false)
  if (!found.ok) return found.answer
  asked.findings.identity = found.identity
  return { status: 200, body: { acsUserIdentity: found.identity } }
}

async function postUser(endpoint: Endpoint, asked: Asked): Promise<Answer> {
  const policy = await policyFor(endpoint, asked)
  if (policy === undefined) return refuse('not-allowed')
  const found = await identityOf(endpoint, asked, policy, true)
  if (!found.ok) return found.answer
  asked.findings.identity = found.identity
  const body = { acsUserIdentity: found.identity }
  return { status: found.isNew ? 201 : 200, body }
}

async function deleteUser(endpoint: Endpoint, { caller }: Asked): Promise<Answer> {
  const { mapping } = endpoint
  const isComplete =
    caller.kind === 'user'
      ? (await mapping.forget(caller.user)).isComplete
      : await mapping.endVisit(caller.identity)
  // Nothing leads from the user to an identity any more; the rest is done by `sweep`.
  return { status: isComplete ? 204 : 202 }
}

async function policyFor(
  endpoint: Endpoint,
  { caller, request }: Asked,
): Promise<CheckedPolicy | undefined> {
  const policy = await endpoint.policy(caller, request)
  return policy === undefined ? undefined : checkPolicy(policy)
}

type IdentityFound =
  | { readonly ok: true; readonly identity: string; readonly isNew: boolean }
  | { readonly ok: false; readonly answer: Answer }

async function identityOf(
  endpoint: Endpoint,
  { caller }: Asked,
  policy: CheckedPolicy,
  isCreated: boolean,
): Promise<IdentityFound> {
  const { mapping } = endpoint
  const none = { ok: false, answer: refuse('no-identity') } as const
  if (caller.kind === 'visitor') {
    const { identity } = caller
    const visitor = await mapping.findVisitor(identity)
    return visitor === undefined ? none : { ok: true, identity, isNew: false }
  }
  if (!isCreated) {
    const identity = await mapping.findIdentity(caller.user, policy.slot)
    return identity === undefined ? none : { ok: true, identity, isNew: false }
  }
  const verdict = await mapping.identityFor(caller.user, policy.slot)
  if (verdict.ok) return verdict
  if (verdict.reason === 'no-user') return none
  if (verdict.reason === 'service-failed') endpoint.onFault(verdict.error)
  const answer = refuse('service-unavailable', { 'retry-after': retrySeconds })
  return { ok: false, answer }
}
