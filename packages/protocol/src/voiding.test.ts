import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { CheckedClaims } from './claims.ts'
import {
  type CarriedGeneration,
  type CutOff,
  deletedGeneration,
  isCutOff,
  subjectsOf,
  type VoidingSubject,
  voidedBy,
} from './voiding.ts'

/** The table of cut-offs in its plainest form: the highest cut-off of each subject. */
function tableOf(cutOffs: readonly CutOff[]): (subject: VoidingSubject) => number {
  const table = new Map<string, number>()
  const keyOf = (at: VoidingSubject) => `${at.kind} ${at.resourceId} ${at.subject}`
  for (const cutOff of cutOffs) {
    table.set(keyOf(cutOff), Math.max(cutOff.generation, table.get(keyOf(cutOff)) ?? 0))
  }
  return (subject) => table.get(keyOf(subject)) ?? 0
}

// Few ids, so that the cut-offs and tokens drawn here meet.
const ids = [1, 2, 3].map((digit) => `00000000-0000-7000-8000-00000000000${digit}`)
const id = fc.constantFrom(...ids)
const slot = fc.constantFrom('primary' as const, 'secondary' as const)
const carried = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constant(0xffff_fffe))

const token = fc
  .record({ resourceId: id, identityId: id, jti: id, gen: carried, slot, generation: carried })
  .chain((drawn) => fc.boolean().map((hasKey) => tokenOf(drawn, hasKey)))

function tokenOf(
  drawn: { resourceId: string; identityId: string; jti: string; gen: number } & {
    slot: 'primary' | 'secondary'
    generation: number
  },
  hasKey: boolean,
): CheckedClaims {
  const { resourceId, identityId, jti, gen, slot, generation } = drawn
  const claims = { jti, gen } as CheckedClaims['claims']
  const accessKey = hasKey ? { slot, generation } : undefined
  return { claims, resourceId, identityId, scopes: ['chat'], accessKey }
}

const cutOff: fc.Arbitrary<CutOff> = fc
  .record({
    kind: fc.constantFrom('identity' as const, 'access-key', 'resource', 'token', 'identity-scope'),
    resourceId: id,
    subject: id,
    slot,
    place: fc.integer({ min: 0, max: 4 }),
    generation: fc.oneof(fc.integer({ min: 2, max: 5 }), fc.constant(deletedGeneration)),
  })
  .map(({ kind, resourceId, subject, slot, place, generation }) => {
    const owned = { identity: subject, token: subject, 'identity-scope': `${subject}-${place}` }
    const named = { 'access-key': slot, resource: resourceId, ...owned }
    return { kind, resourceId, subject: named[kind], generation }
  })
const cutOffs = fc.array(cutOff, { maxLength: 12 })

const isVoid = (subjects: readonly CarriedGeneration[], table: readonly CutOff[]) =>
  voidedBy(subjects, tableOf(table)) !== undefined

describe('what a token depends on', () => {
  const drawn = { resourceId: ids[0], identityId: ids[1], jti: ids[2], gen: 7 } as {
    resourceId: string
    identityId: string
    jti: string
    gen: number
  }

  test('is its identity, its resource, itself and its access key', () => {
    const subjects = subjectsOf(tokenOf({ ...drawn, slot: 'primary', generation: 4 }, true))
    const [resourceId] = ids
    assert.deepEqual(subjects, [
      { kind: 'identity', resourceId, subject: ids[1], carried: 7 },
      { kind: 'resource', resourceId, subject: resourceId, carried: 0 },
      { kind: 'token', resourceId, subject: ids[2], carried: 0 },
      { kind: 'access-key', resourceId, subject: 'primary', carried: 4 },
    ])
  })

  test('leaves the access key out under an Entra bearer', () => {
    const subjects = subjectsOf(tokenOf({ ...drawn, slot: 'primary', generation: 4 }, false))
    assert.deepEqual(
      subjects.map(({ kind }) => kind),
      ['identity', 'resource', 'token'],
    )
  })
})

describe('voiding', () => {
  test('leaves every token alone while there is no cut-off', () => {
    fc.assert(fc.property(token, (drawn) => !isVoid(subjectsOf(drawn), [])))
  })

  test('does not depend on the order in which cut-offs arrive', () => {
    const shuffled = cutOffs.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    )
    fc.assert(
      fc.property(token, shuffled, (drawn, [inOrder, mixed]) => {
        const subjects = subjectsOf(drawn)
        assert.equal(voidedBy(subjects, tableOf(inOrder)), voidedBy(subjects, tableOf(mixed)))
      }),
    )
  })

  test('is the same when cut-offs arrive twice', () => {
    fc.assert(
      fc.property(token, cutOffs, (drawn, list) => {
        const subjects = subjectsOf(drawn)
        const twice = tableOf([...list, ...list])
        assert.equal(voidedBy(subjects, tableOf(list)), voidedBy(subjects, twice))
      }),
    )
  })

  test('is never undone by a further cut-off', () => {
    fc.assert(
      fc.property(token, cutOffs, cutOff, (drawn, list, further) => {
        const subjects = subjectsOf(drawn)
        return !isVoid(subjects, list) || isVoid(subjects, [...list, further])
      }),
    )
  })

  test('takes one subject: a token is void exactly when some subject of it alone is', () => {
    fc.assert(
      fc.property(token, cutOffs, (drawn, list) => {
        const subjects = subjectsOf(drawn)
        const alone = subjects.some((subject) => isVoid([subject], list))
        assert.equal(isVoid(subjects, list), alone)
      }),
    )
  })

  test('names a subject that is really cut off', () => {
    fc.assert(
      fc.property(token, cutOffs, (drawn, list) => {
        const subjects = subjectsOf(drawn)
        const kind = voidedBy(subjects, tableOf(list))
        const named = subjects.filter((subject) => subject.kind === kind)
        return kind === undefined || isVoid(named, list)
      }),
    )
  })

  test('spares the generation at the cut-off and takes the one below', () => {
    fc.assert(
      fc.property(token, fc.integer({ min: 2, max: 0xffff_fffe }), (drawn, generation) => {
        const { resourceId, identityId: subject } = drawn
        const cut = [{ kind: 'identity', resourceId, subject, generation } as const]
        const carrying = (gen: number) => {
          const claims = { ...drawn.claims, gen }
          return subjectsOf({ ...drawn, claims })
        }
        assert.equal(isVoid(carrying(generation), cut), false)
        assert.equal(isVoid(carrying(generation - 1), cut), true)
      }),
    )
  })

  test('by deletion takes every generation that a token can carry', () => {
    fc.assert(
      fc.property(token, fc.nat(), (drawn, pick) => {
        const subjects = subjectsOf(drawn)
        const { kind, resourceId, subject } = subjects[pick % subjects.length] as VoidingSubject
        const deleted = { kind, resourceId, subject, generation: deletedGeneration }
        assert.equal(voidedBy(subjects, tableOf([deleted])), kind)
      }),
    )
  })

  test('of one resource spares the tokens of the others', () => {
    fc.assert(
      fc.property(token, cutOffs, (drawn, list) => {
        const foreign = list.filter(({ resourceId }) => resourceId !== drawn.resourceId)
        return !isVoid(subjectsOf(drawn), foreign)
      }),
    )
  })
})

describe('a cut-off', () => {
  const [resourceId = '', other = ''] = ids
  const identity: CutOff = { kind: 'identity', resourceId, subject: other, generation: 2 }

  test('is what the server writes, whichever the subject', () => {
    fc.assert(fc.property(cutOff, isCutOff))
  })

  const changes = [
    ['generation 2', { generation: 2 }, true],
    ['the highest generation', { generation: 0xffff_fffe }, true],
    ['the cut-off at infinity', { generation: deletedGeneration }, true],
    ['generation 1, which every token reaches', { generation: 1 }, false],
    ['half a generation', { generation: 2.5 }, false],
    ['a generation beyond 32 bits', { generation: 2 ** 32 }, false],
    ['a generation as text', { generation: '2' as unknown as number }, false],
    ['an identity that is no GUID', { subject: '8:acs:x' }, false],
    ['a resource that is no GUID', { resourceId: 'acme' }, false],
    ['an unknown kind', { kind: 'scope' as CutOff['kind'] }, false],
    ['a slot of an access key', { kind: 'access-key', subject: 'primary' }, true],
    ['a slot that does not exist', { kind: 'access-key', subject: 'tertiary' }, false],
    ['a resource', { kind: 'resource', subject: resourceId }, true],
    ['a resource within another', { kind: 'resource', subject: other }, false],
    ['a token that is no GUID', { kind: 'token', subject: '1' }, false],
    ['the first scope of an identity', { kind: 'identity-scope', subject: `${other}-0` }, true],
    ['the last scope of an identity', { kind: 'identity-scope', subject: `${other}-4` }, true],
    ['a scope that does not exist', { kind: 'identity-scope', subject: `${other}-5` }, false],
    ['a scope by its name', { kind: 'identity-scope', subject: `${other}-chat` }, false],
    ['a scope of two digits', { kind: 'identity-scope', subject: `${other}-04` }, false],
    ['a scope of nobody', { kind: 'identity-scope', subject: '-4' }, false],
    ['an identity in place of its scope', { kind: 'identity-scope', subject: other }, false],
    ['a scope in place of its identity', { kind: 'identity', subject: `${other}-4` }, false],
    ['a scope that is no text', { kind: 'identity-scope', subject: 4 as never }, false],
  ] as const
  for (const [what, change, accepted] of changes) {
    test(`${accepted ? 'may' : 'may not'} have ${what}`, () => {
      assert.equal(isCutOff({ ...identity, ...change }), accepted)
    })
  }
})
