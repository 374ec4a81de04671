/**
 * What voids a token by will, and the algebra that decides it.
 *
 * Everything a token depends on is a subject with a generation: the identity, the access key it
 * was issued under, the resource, the token itself. A cut-off says the lowest generation of a
 * subject that still counts. A token is void when, for any of its subjects, the generation it
 * carries is below that subject's cut-off. The subjects are independent: any one voids, none can
 * make good what another voided.
 *
 * Deletion is the cut-off at infinity (`deletedGeneration`): no token carries it, so none passes.
 * Cut-offs of one subject only rise, so applying events twice, late or in another order gives the
 * same table. Times take no part: `iat` has whole seconds and two clocks, generations do not tie.
 *
 * Stepping down takes scopes and not tokens, by the same rule: each scope of an identity is a
 * subject of its own, and is void in a token whose generation is below the scope's cut-off. What is
 * left are the scopes that the token carries less those taken after its issue, never others; a
 * token with none left is void.
 */
import { type CheckedClaims, isGeneration } from './claims.ts'
import { isGuid } from './identities.ts'
import { type Scope, scopes } from './scopes.ts'

/** The things whose cut-off can void a token, or a scope of it. */
export type SubjectKind = 'identity' | 'access-key' | 'resource' | 'token' | 'identity-scope'

/**
 * One thing a token depends on.
 *
 * `subject` is the identity's id, the access key's slot, the resource's id or the token's `jti`; of
 * a scope the identity's id, a hyphen and the place of the scope in `scopes`: `<guid>-4`.
 */
export interface VoidingSubject {
  readonly kind: SubjectKind
  readonly resourceId: string
  readonly subject: string
}

/** A subject and the lowest of its generations that still counts. */
export interface CutOff extends VoidingSubject {
  /** 2..2^32-1; `deletedGeneration` when nothing counts any more. */
  readonly generation: number
}

/**
 * A cut-off as the feed carries it.
 */
export interface RevocationEvent extends CutOff {
  /** Position in the feed, from 1, in the order of commits. */
  readonly seq: number
  /** When the last token it could void has expired, milliseconds since the Unix epoch. */
  readonly forgetAtMs: number
}

/** The cut-off that no generation reaches: what was deleted or denied. */
export const deletedGeneration = 0xffff_ffff

/** A subject of one token, with the generation that the token carries of it. */
export interface CarriedGeneration extends VoidingSubject {
  readonly carried: number
}

/**
 * Lists what a token depends on. Resources and tokens have no generations of their own: a token
 * carries 0 of them, below any cut-off.
 */
export function subjectsOf(token: CheckedClaims): readonly CarriedGeneration[] {
  const { claims, resourceId, identityId, accessKey } = token
  const subjects: CarriedGeneration[] = [
    { kind: 'identity', resourceId, subject: identityId, carried: claims.gen },
    { kind: 'resource', resourceId, subject: resourceId, carried: 0 },
    { kind: 'token', resourceId, subject: claims.jti, carried: 0 },
  ]
  if (accessKey !== undefined) {
    const { slot, generation } = accessKey
    subjects.push({ kind: 'access-key', resourceId, subject: slot, carried: generation })
  }
  return subjects
}

/** A scope of one token, with the generation of its identity that the token carries. */
export interface CarriedScope extends CarriedGeneration {
  readonly kind: 'identity-scope'
  /** The bit of the scope, as `scopeMask` packs it. */
  readonly mask: number
}

/** What a token says of the scopes of its identity. */
export interface ScopeHolder {
  readonly resourceId: string
  readonly identityId: string
  /** `gen` of the token. */
  readonly generation: number
  readonly scopes: readonly Scope[]
}

/** Lists the scopes of a token as subjects, in its order; `narrowedBy` decides what is left. */
export function scopeSubjectsOf(holder: ScopeHolder): readonly CarriedScope[] {
  const { resourceId, identityId, generation } = holder
  return holder.scopes.map((scope) => ({
    kind: 'identity-scope',
    resourceId,
    subject: scopeSubject(identityId, scope),
    carried: generation,
    mask: 1 << scopes.indexOf(scope),
  }))
}

/** The subject of a cut-off that takes a scope from an identity's tokens. */
export function scopeSubject(identityId: string, scope: Scope): string {
  return `${identityId}-${scopes.indexOf(scope)}`
}

const guidCharacters = 36

// By the million when a server starts: no pattern for what one character says.
function isScopeSubject(subject: string): boolean {
  if (subject.length !== guidCharacters + 2 || subject[guidCharacters] !== '-') return false
  const place = subject.charCodeAt(guidCharacters + 1) - 0x30
  return place >= 0 && place < scopes.length && isGuid(subject.slice(0, guidCharacters))
}

/** The resource of the cut-off before: a feed is mostly of one, and its id is looked at once. */
let judgedResourceId = ''

function isResourceId(id: string): boolean {
  if (id === judgedResourceId) return true
  if (!isGuid(id)) return false
  judgedResourceId = id
  return true
}

/**
 * Says whether `value` is a cut-off that a server can have written: a known kind, ids in the shape
 * that the kind asks for, a generation from 2 on.
 */
export function isCutOff(value: CutOff): boolean {
  const { kind, resourceId, subject, generation } = value
  if (typeof resourceId !== 'string' || !isResourceId(resourceId)) return false
  if (generation !== deletedGeneration && !(isGeneration(generation) && generation >= 2)) {
    return false
  }
  switch (kind) {
    case 'identity':
    case 'token':
      return typeof subject === 'string' && isGuid(subject)
    case 'identity-scope':
      return typeof subject === 'string' && isScopeSubject(subject)
    case 'resource':
      return subject === resourceId
    case 'access-key':
      return subject === 'primary' || subject === 'secondary'
    default:
      return false
  }
}

/**
 * Decides whether cut-offs void a token, and by which subject.
 *
 * @param subjects - what the token depends on, from `subjectsOf`; they may carry more than that,
 * such as the place where a table keeps their cut-off.
 * @param lowestLive - the cut-off of a subject, 0 where there is none.
 * @returns the kind of the first subject that voids it, `undefined` when none does.
 */
export function voidedBy<Subject extends Pick<CarriedGeneration, 'kind' | 'carried'>>(
  subjects: readonly Subject[],
  lowestLive: (subject: Subject) => number,
): SubjectKind | undefined {
  for (const subject of subjects) {
    if (subject.carried < lowestLive(subject)) return subject.kind
  }
  return undefined
}

/**
 * Decides which scopes cut-offs leave in a token.
 *
 * @param subjects - its scopes, from `scopeSubjectsOf`, with whatever else a table needs.
 * @param lowestLive - the cut-off of a subject, 0 where there is none.
 * @returns the scopes that are left, packed as `scopeMask` does; 0 when the token is void.
 */
export function narrowedBy<Subject extends Pick<CarriedScope, 'carried' | 'mask'>>(
  subjects: readonly Subject[],
  lowestLive: (subject: Subject) => number,
): number {
  let left = 0
  for (const subject of subjects) {
    if (subject.carried >= lowestLive(subject)) left |= subject.mask
  }
  return left
}
