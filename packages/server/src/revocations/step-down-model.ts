/**
 * Stepping down: the tokens that an identity holds keep no more than some scopes, from now on.
 *
 * Whoever may start calls may only join them from now on, and is not thrown out for it. What is
 * asked for is the set that may stay; what becomes a cut-off is each scope outside of it, for
 * tokens issued so far. So it can only take: a scope in the set that a token does not carry is not
 * given to it, a scope that an earlier step-down has taken does not come back, and a token that
 * carries none of the set is void. `voip` does not contain `voip.join`: scopes are compared as the
 * token says them, and whoever may be stepped down later is issued both. What is issued afterwards
 * has the scopes that it is asked for.
 *
 * A target ends as one of three, in the words of revocations: `narrowed`, wherever the identity is
 * the resource's own; `unknown`, where it has none of that id; `invalid`, where it names no
 * identity or no scopes, or one that does not exist. To leave nothing is what revocations are for.
 */
import { isScope, parseIdentityName, scopeMask, scopes } from '@parley/protocol'

/** A target as it came. */
export interface AskedStepDown {
  readonly identity?: string | null
  /** The scopes that may stay. */
  readonly scopes?: readonly string[] | null
}

/** What is to be taken for a target, or why nothing is. */
export type StepDownAim =
  | {
      readonly kind: 'identity'
      readonly identityId: string
      /** The scopes to take, as `scopeMask` packs them; 0 where all may stay. */
      readonly takenMask: number
    }
  | { readonly kind: 'nothing'; readonly status: 'unknown' | 'invalid' }

/** An identity and what is taken from its tokens. */
export interface StepDown {
  readonly identityId: string
  readonly takenMask: number
}

/**
 * Decides what is to be taken for a target.
 *
 * @param resourceId - the caller's.
 */
export function stepDownAimOf(target: AskedStepDown, resourceId: string): StepDownAim {
  const name = parseIdentityName(target.identity ?? '')
  const kept = target.scopes ?? []
  if (name === undefined || kept.length === 0 || !kept.every(isScope)) {
    return { kind: 'nothing', status: 'invalid' }
  }
  if (name.resourceId !== resourceId) return { kind: 'nothing', status: 'unknown' }
  const takenMask = scopeMask(scopes) & ~scopeMask(kept)
  return { kind: 'identity', identityId: name.identityId, takenMask }
}

/**
 * Puts together what is taken from each identity: of two targets that mean the same one both hold.
 *
 * @returns each identity once, without those from which nothing is taken.
 */
export function stepDownsOf(aims: readonly StepDownAim[]): readonly StepDown[] {
  const masks = new Map<string, number>()
  for (const aim of aims) {
    if (aim.kind === 'nothing' || aim.takenMask === 0) continue
    masks.set(aim.identityId, (masks.get(aim.identityId) ?? 0) | aim.takenMask)
  }
  return [...masks].map(([identityId, takenMask]) => ({ identityId, takenMask }))
}
