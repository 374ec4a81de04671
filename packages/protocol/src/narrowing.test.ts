/**
 * Stepping down: identities live through steps down, revocations and issues, and what cut-offs
 * leave in each token is what was not taken since its issue.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Scope, scopeMask, scopes, scopesInMask } from './scopes.ts'
import {
  type CutOff,
  deletedGeneration,
  isCutOff,
  narrowedBy,
  scopeSubject,
  scopeSubjectsOf,
  type VoidingSubject,
  voidedBy,
} from './voiding.ts'

const [resourceId, one, other] = [1, 2, 3].map(
  (digit) => `00000000-0000-7000-8000-00000000000${digit}`,
) as [string, string, string]

type Act =
  | { readonly kind: 'issue'; readonly identityId: string; readonly mask: number }
  | { readonly kind: 'step-down'; readonly identityId: string; readonly mask: number }
  | { readonly kind: 'revoke' | 'delete'; readonly identityId: string; readonly mask: number }

const kind = fc.constantFrom(
  'issue' as const,
  'issue',
  'step-down',
  'step-down',
  'revoke',
  'delete',
)
const act: fc.Arbitrary<Act> = fc
  .record({
    kind,
    identityId: fc.constantFrom(one, one, other),
    mask: fc.integer({ min: 1, max: 31 }),
  })
  .filter((drawn) => drawn.kind !== 'delete' || drawn.mask > 28)
const history = fc.array(act, { maxLength: 16 })

/** A token and what the history has left of it, reckoned without generations. */
interface Held {
  readonly identityId: string
  readonly generation: number
  readonly carried: number
  left: number
}

/** Lives through a history as a server does. */
function live(acts: readonly Act[]): { readonly held: readonly Held[]; readonly log: CutOff[] } {
  const generations = new Map([one, other].map((id) => [id, 1]))
  const held: Held[] = []
  const log: CutOff[] = []
  for (const { kind: what, identityId, mask } of acts) {
    const generation = generations.get(identityId) ?? 1
    const subjectsLeft = held.filter((token) => token.identityId === identityId)
    if (what === 'issue') {
      held.push({ identityId, generation, carried: mask, left: mask })
      continue
    }
    generations.set(identityId, generation + 1)
    if (what === 'step-down') {
      for (const token of subjectsLeft) token.left &= mask
      for (const scope of scopesInMask(31 & ~mask)) {
        const subject = scopeSubject(identityId, scope)
        log.push({ kind: 'identity-scope', resourceId, subject, generation: generation + 1 })
      }
      continue
    }
    for (const token of subjectsLeft) token.left = 0
    const from = what === 'delete' ? deletedGeneration : generation + 1
    log.push({ kind: 'identity', resourceId, subject: identityId, generation: from })
    // Nobody issues for an identity that was deleted; its generation has no successor.
    if (what === 'delete') break
  }
  return { held, log }
}

/** The highest cut-off of each subject. */
function tableOf(cutOffs: readonly CutOff[]): (subject: VoidingSubject) => number {
  const table = new Map<string, number>()
  const nameOf = (at: VoidingSubject) => `${at.kind} ${at.resourceId} ${at.subject}`
  for (const cutOff of cutOffs) {
    const name = nameOf(cutOff)
    table.set(name, Math.max(cutOff.generation, table.get(name) ?? 0))
  }
  return (subject) => table.get(nameOf(subject)) ?? 0
}

/** What cut-offs leave in a token, packed. */
function leftBy(token: Held, cutOffs: readonly CutOff[]): number {
  const lowestLive = tableOf(cutOffs)
  const { identityId, generation, carried } = token
  const holder = { resourceId, identityId, generation, scopes: scopesInMask(carried) }
  const identity = {
    kind: 'identity',
    resourceId,
    subject: identityId,
    carried: generation,
  } as const
  if (voidedBy([identity], lowestLive) !== undefined) return 0
  return narrowedBy(scopeSubjectsOf(holder), lowestLive)
}

/** A history, and what part of its log is applied, in which order and how often. */
const applied = history.chain((acts) => {
  const { held, log } = live(acts)
  const all = fc.shuffledSubarray(log, { minLength: log.length })
  const part = fc.shuffledSubarray(log)
  return fc.record({ held: fc.constant(held), log: fc.constant(log), all, part })
})

describe('stepping down', () => {
  test('leaves in a token exactly what was not taken since its issue, in any order', () => {
    fc.assert(
      fc.property(applied, ({ held, all, part }) => {
        for (const token of held) assert.equal(leftBy(token, [...all, ...part]), token.left)
      }),
      { numRuns: 1000 },
    )
  })

  test('never widens: not by a further cut-off, and not beyond what the token carries', () => {
    fc.assert(
      fc.property(applied, ({ held, log, part }) => {
        for (const token of held) {
          const [some, whole] = [leftBy(token, part), leftBy(token, log)]
          assert.equal(whole & ~some, 0)
          assert.equal(some & ~token.carried, 0)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('writes cut-offs that a server can have written', () => {
    fc.assert(fc.property(applied, ({ log }) => log.every(isCutOff)))
  })

  test('of one identity leaves the tokens of others, and of other resources, alone', () => {
    const subject = scopeSubject(one, 'voip')
    const cutOff: CutOff = { kind: 'identity-scope', resourceId, subject, generation: 9 }
    const held = { identityId: one, generation: 1, carried: 3, left: 3 }
    assert.equal(leftBy(held, [cutOff]), scopeMask(['chat']))
    assert.equal(leftBy({ ...held, identityId: other }, [cutOff]), 3)
    assert.equal(leftBy(held, [{ ...cutOff, resourceId: other }]), 3)
  })

  const generations = [
    [8, ['chat']],
    [9, ['chat', 'voip']],
    [10, ['chat', 'voip']],
  ] as const
  for (const [generation, left] of generations) {
    test(`at generation 9 leaves ${left.join(' and ')} at generation ${generation}`, () => {
      const subject = scopeSubject(one, 'voip')
      const cutOff: CutOff = { kind: 'identity-scope', resourceId, subject, generation: 9 }
      const held = { identityId: one, generation, carried: 3, left: 3 }
      assert.deepEqual(scopesInMask(leftBy(held, [cutOff])), left)
    })
  }
})

describe('the scopes of a token', () => {
  test('are subjects in the order of the token, each with its bit', () => {
    const carried: readonly Scope[] = ['voip.join', 'chat']
    const holder = { resourceId, identityId: one, generation: 7, scopes: carried }
    const shared = { kind: 'identity-scope', resourceId, carried: 7 }
    assert.deepEqual(scopeSubjectsOf(holder), [
      { ...shared, subject: `${one}-4`, mask: 16 },
      { ...shared, subject: `${one}-0`, mask: 1 },
    ])
  })

  test('are all taken by as many cut-offs', () => {
    const held = { identityId: one, generation: 1, carried: 31, left: 31 }
    const log = scopes.map((scope): CutOff => {
      const subject = scopeSubject(one, scope)
      return { kind: 'identity-scope', resourceId, subject, generation: 2 }
    })
    assert.equal(leftBy(held, log), 0)
  })
})
