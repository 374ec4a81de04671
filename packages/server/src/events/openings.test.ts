import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type CarriedGeneration, deletedGeneration, type RevocationEvent } from '@parley/protocol'
import type { LogEvent } from './model.ts'
import { createOpenings, type HeldSubject } from './openings.ts'

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
