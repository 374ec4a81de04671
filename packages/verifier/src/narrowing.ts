/**
 * Which scopes a token still opens. Scopes are taken by cut-offs of their own, in a table that is
 * asked only while it has entries: until somebody is stepped down, this costs one comparison.
 */
import { narrowedBy, parseIdentityName, scopeMask, scopeSubjectsOf } from '@parley/protocol'
import { type CutOffs, lowestLive, type PlacedSubject, placeSubject } from './cut-offs.ts'
import { type Accepted, accept, type Void } from './verdicts.ts'

/** A scope of a token, with the table that would have its cut-off. */
export interface PlacedScope extends PlacedSubject {
  /** The bit of the scope, as `scopeMask` packs it. */
  readonly mask: number
}

/**
 * Finds for the scopes of a token what it takes to look their cut-offs up.
 *
 * @returns `undefined` while no scope of anybody was taken.
 */
export function placeScopes(
  cutOffs: CutOffs,
  { identity, resourceId, scopes, claims }: Accepted,
): readonly PlacedScope[] | undefined {
  if (cutOffs.tables['identity-scope'].size === 0) return undefined
  const { identityId = '' } = parseIdentityName(identity) ?? {}
  const holder = { resourceId, identityId, generation: claims.gen, scopes }
  return scopeSubjectsOf(holder).map((subject) => {
    const { kind, carried, table, high, low } = placeSubject(cutOffs, subject)
    return { kind, carried, table, high, low, mask: subject.mask }
  })
}

/**
 * Narrows a verdict to the scopes that are left.
 *
 * @param placed - `undefined` where no scope of anybody was taken.
 * @returns the same object where nothing was taken from it.
 */
export function narrowed(
  verdict: Accepted,
  placed: readonly PlacedScope[] | undefined,
): Accepted | Void {
  if (placed === undefined) return verdict
  const { claims, resourceId, scopes: former } = verdict
  const present = scopeMask(former)
  const left = present & narrowedBy(placed, lowestLive)
  if (left === present) return verdict
  if (left === 0) return noScopeLeft
  const scopes = former.filter((scope) => (scopeMask([scope]) & left) !== 0)
  return accept({ claims, resourceId, scopes })
}

const noScopeLeft: Void = Object.freeze({ ok: false, reason: 'void', voidedBy: 'identity-scope' })
