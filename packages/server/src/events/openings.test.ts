import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type CarriedGeneration,
  deletedGeneration,
  type RevocationEvent,
  type Scope,
  scopeSubject,
  scopeSubjectsOf,
} from '@parley/protocol'
import type { LogEvent } from './model.ts'
import { closingWithKeys, createOpenings, type HeldSubject } from './openings.ts'

const [resourceId, otherId] = ['1', '2'].map(
  (digit) => `${digit.repeat(8)}-1111-4111-8111-111111111111`,
) as [string, string]

const keyOf = (subject: string, carried: number, owner = resourceId): CarriedGeneration => ({
  ...{ kind: 'access-key', resourceId: owner, subject, carried },
})
const resourceOf = (owner: string): CarriedGeneration => ({
  ...{ kind: 'resource', resourceId: owner, subject: owner, carried: 0 },
})

function cutOff(subject: CarriedGeneration, generation: number): RevocationEvent {
  const { carried: _, ...named } = subject
  return { ...named, generation, seq: 1, forgetAtMs: 0 }
}

/** Things that are open, and which of them an event leaves so. */
function openAfter(event: LogEvent): readonly string[] {
  const openings = createOpenings()
  const open = new Set<string>()
  const hold = (name: string, subjects: readonly HeldSubject[]) => {
    open.add(name)
    openings.hold(subjects, () => assert.ok(open.delete(name), 'closed once'))
  }
  hold('first', [resourceOf(resourceId), keyOf('primary', 3)])
  hold('second', [resourceOf(resourceId), keyOf('secondary', 1)])
  hold('third', [resourceOf(resourceId), { kind: 'part', resourceId, subject: 'a-part' }])
  hold('other', [resourceOf(otherId), keyOf('primary', 3, otherId)])
  openings.apply(event)
  openings.apply(event)
  return [...open]
}

const everything = ['first', 'second', 'third', 'other']

const cases: readonly (readonly [string, LogEvent, readonly string[]])[] = [
  ['a cut-off above its generation', cutOff(keyOf('primary', 0), 4), ['second', 'third', 'other']],
  ['no cut-off at its generation', cutOff(keyOf('primary', 0), 3), everything],
  ['the end of its resource', cutOff(resourceOf(resourceId), deletedGeneration), ['other']],
  ['a change of its resource', { kind: 'resource-changed', resourceId, seq: 1 }, ['other']],
  [
    'a change of the part that it depends on',
    { kind: 'resource-changed', resourceId, seq: 1, part: 'a-part' },
    ['first', 'second', 'other'],
  ],
  [
    'no change of another part',
    { kind: 'resource-changed', resourceId, seq: 1, part: 'another' },
    everything,
  ],
  ['no change of signing keys', { kind: 'signing-keys-changed', resourceId, seq: 1 }, everything],
]

describe('what is held open', () => {
  for (const [what, event, left] of cases) {
    test(`is closed by ${what}`, () => assert.deepEqual(openAfter(event), left))
  }

  test('is not closed after it was let go', () => {
    const openings = createOpenings()
    const letGo = openings.hold([resourceOf(resourceId)], () => assert.fail('closed'))
    letGo()
    letGo()
    openings.apply(cutOff(resourceOf(resourceId), deletedGeneration))
    openings.closeAll()
  })

  test('is closed at a stop, each once', () => {
    const openings = createOpenings()
    let closed = 0
    openings.hold([resourceOf(resourceId), keyOf('primary', 1)], () => closed++)
    openings.closeAll()
    openings.closeAll()
    assert.equal(closed, 1)
  })
})

describe('what is held open under a token', () => {
  const identityId = otherId

  /** Something that one of some scopes is enough for, under a token of generation 3. */
  function opened(scopes: readonly Scope[]) {
    const openings = createOpenings()
    let closedCount = 0
    const holder = { resourceId, identityId, generation: 3, scopes }
    const subjects = [resourceOf(resourceId)]
    const letGo = openings.hold(subjects, () => closedCount++, scopeSubjectsOf(holder))
    const take = (scope: Scope, generation = 4, of = identityId) =>
      openings.apply({
        ...{ kind: 'identity-scope', resourceId, subject: scopeSubject(of, scope) },
        ...{ generation, seq: 1, forgetAtMs: 0 },
      })
    return { take, letGo, openings, closedCount: () => closedCount }
  }

  test('is closed by the step-down that takes its scope', () => {
    const { take, closedCount } = opened(['chat'])
    for (const scope of ['voip', 'chat.join', 'voip.join'] as const) take(scope)
    take('chat', 3)
    take('chat', 9, resourceId)
    assert.equal(closedCount(), 0)
    take('chat')
    take('chat')
    assert.equal(closedCount(), 1)
  })

  test('stays open as long as one scope is left that is enough', () => {
    const { take, closedCount } = opened(['chat', 'chat.join'])
    take('chat')
    take('chat')
    assert.equal(closedCount(), 0)
    take('chat.join')
    assert.equal(closedCount(), 1)
  })

  test('that needs no scope is closed by no step-down', () => {
    const { take, closedCount } = opened([])
    take('chat')
    assert.equal(closedCount(), 0)
  })

  test('is closed by the other causes too, and once', () => {
    const { take, openings, closedCount } = opened(['chat', 'voip'])
    take('chat')
    openings.apply(cutOff(resourceOf(resourceId), deletedGeneration))
    take('voip')
    openings.closeAll()
    assert.equal(closedCount(), 1)
  })

  test('is not closed after it was let go', () => {
    const { take, letGo, closedCount } = opened(['chat', 'voip'])
    take('chat')
    letGo()
    take('voip')
    assert.equal(closedCount(), 0)
  })
})

describe('what is open under a token of some signing key', () => {
  const key = (kid: string) => ({ kid })

  function opened(scopes: readonly Scope[]) {
    const openings = createOpenings()
    const follow = closingWithKeys(openings)
    follow([key('a')])
    let closedCount = 0
    const holder = { resourceId, identityId: otherId, generation: 3, scopes }
    openings.hold([resourceOf(resourceId)], () => closedCount++, scopeSubjectsOf(holder))
    return { follow, closedCount: () => closedCount }
  }

  test('stays open while keys come and go one after the other', () => {
    const { follow, closedCount } = opened(['chat'])
    for (const kids of [['b', 'a'], ['b'], ['c', 'b'], ['c']]) follow(kids.map(key))
    assert.equal(closedCount(), 0)
  })

  test('is closed when none of the former keys is left', () => {
    const { follow, closedCount } = opened(['chat'])
    follow([key('b'), key('a')])
    follow([key('c')])
    assert.equal(closedCount(), 1)
  })

  test('is nothing that a credential holds open', () => {
    const { follow, closedCount } = opened([])
    follow([key('c')])
    assert.equal(closedCount(), 0)
  })
})
