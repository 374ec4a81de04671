import {
  type CarriedGeneration,
  type CarriedScope,
  checkClaims,
  fail,
  ok,
  parseIdentityName,
  type Result,
  type Scope,
  scopeSubjectsOf,
  subjectsOf,
} from '@parley/protocol'
import type { SyncVerifier } from '@parley/verifier/node'
import type { ResourceDirectory } from '../resources/directory.ts'
import { voipScopes } from './permissions.ts'

/** What a live token says of who comes. */
export interface Admitted {
  readonly resourceId: string
  readonly identityId: string
  /** The identity as the wire names it. */
  readonly rawId: string
  /** Those for calls. */
  readonly scopes: readonly Scope[]
  readonly expiresAtMs: number
  /** What the token depends on. */
  readonly subjects: readonly CarriedGeneration[]
  readonly needed: readonly CarriedScope[]
  /** To be judged again; kept in memory only. */
  readonly token: string
}

/** Why somebody is not let in. */
export type Refusal = 'void' | 'expired' | 'scope'

/** What tokens are judged by. */
export interface AdmissionWorld {
  readonly verifier: Pick<SyncVerifier, 'verify'>
  readonly resources: Pick<ResourceDirectory, 'find'>
}

function refusalFor(
  refused: Extract<ReturnType<SyncVerifier['verify']>, { readonly ok: false }>,
): Refusal {
  if (refused.reason === 'expired') return 'expired'
  return refused.reason === 'void' && refused.voidedBy === 'identity-scope' ? 'scope' : 'void'
}

/** Decides who comes with a token. The node must be current. */
export function admitCaller(
  { verifier, resources }: AdmissionWorld,
  token: string,
): Result<Admitted, Refusal> {
  const verdict = verifier.verify(token)
  if (!verdict.ok) return fail(refusalFor(verdict))
  const { resourceId, identity: rawId, expiresAtMs } = verdict
  if (resources.find(resourceId)?.isSubscriptionEnabled !== true) return fail('void')
  const scopes = verdict.scopes.filter((scope) => voipScopes.includes(scope))
  if (scopes.length === 0) return fail('scope')
  const name = parseIdentityName(rawId)
  const claims = checkClaims({ ...verdict.claims })
  if (name === undefined || claims === undefined) return fail('void')
  const { identityId } = name
  const generation = claims.claims.gen
  const needed = scopeSubjectsOf({ resourceId, identityId, generation, scopes })
  const subjects = subjectsOf(claims)
  return ok({ resourceId, identityId, rawId, scopes, expiresAtMs, subjects, needed, token })
}
