import {
  checkClaims,
  parseIdentityName,
  type Scope,
  scopeSubjectsOf,
  subjectsOf,
} from '@parley/protocol'
import type { SyncVerifier } from '@parley/verifier/node'
import { serverLimits } from '../../contract/limits.ts'
import type { ResourceDirectory } from '../../resources/directory.ts'
import type { Passes } from './pass.ts'
import type { Guest } from './session.ts'

/** Scopes of tokens that open the notifications. */
export const chatScopes: readonly Scope[] = ['chat', 'chat.join', 'chat.join.limited']

/** Somebody who may have a socket, whichever way frames take. */
export type Admitted = Omit<Guest, 'transport' | 'isGreeted'>

/** Decides who comes with a pass; `undefined` for nobody. The node must be current. */
export type Admit = (asked: {
  readonly sig: unknown
  readonly sessionId: string
}) => Admitted | undefined

/** What clients are judged by. */
export interface AdmissionWorld {
  readonly verifier: Pick<SyncVerifier, 'verify'>
  readonly resources: Pick<ResourceDirectory, 'find'>
  readonly passes: Passes
  readonly now: () => number
}

/** Creates the function that judges passes. */
export function createAdmission(world: AdmissionWorld): Admit {
  const { passes, now } = world
  return ({ sig, sessionId }) => {
    const pass = passes.open(sig)
    if (pass === undefined || now() - pass.issuedAtMs > serverLimits.chatPassMs) return undefined
    return admitToken(world, { ...pass, sessionId })
  }
}

/** Decides who comes with a token; `undefined` where it is not live or opens no chat. */
export function admitToken(
  { verifier, resources }: Pick<AdmissionWorld, 'verifier' | 'resources'>,
  asked: { readonly token: string; readonly endpointId: string; readonly sessionId: string },
): Admitted | undefined {
  const { token, endpointId, sessionId } = asked
  const verdict = verifier.verify(token)
  if (!verdict.ok || !verdict.scopes.some((scope) => chatScopes.includes(scope))) return undefined
  const { resourceId, identity: rawId, expiresAtMs } = verdict
  if (resources.find(resourceId)?.isSubscriptionEnabled !== true) return undefined
  const name = parseIdentityName(rawId)
  const claims = checkClaims({ ...verdict.claims })
  if (name === undefined || claims === undefined) return undefined
  const { identityId } = name
  const subjects = subjectsOf(claims)
  const scopes = verdict.scopes.filter((scope) => chatScopes.includes(scope))
  const generation = claims.claims.gen
  const needed = scopeSubjectsOf({ resourceId, identityId, generation, scopes })
  return { resourceId, identityId, endpointId, sessionId, rawId, expiresAtMs, subjects, needed }
}
