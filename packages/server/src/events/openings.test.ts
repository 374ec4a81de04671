import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type CarriedGeneration, deletedGeneration, type RevocationEvent } from '@parley/protocol'
import type { LogEvent } from './model.ts'
import { createOpenings } from './openings.ts'

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

/** Three things that are open, and which of them an event leaves so. */
function openAfter(event: LogEvent): readonly string[] {
  const openings = createOpenings()
  const open = new Set<string>()
  const hold = (name: string, subjects: readonly CarriedGeneration[]) => {
    open.add(name)
    openings.hold(subjects, () => assert.ok(open.delete(name), 'closed once'))
  }
  hold('first', [resourceOf(resourceId), keyOf('primary', 3)])
  hold('second', [resourceOf(resourceId), keyOf('secondary', 1)])
  hold('other', [resourceOf(otherId), keyOf('primary', 3, otherId)])
  openings.apply(event)
  openings.apply(event)
  return [...open]
}

const cases: readonly (readonly [string, LogEvent, readonly string[]])[] = [
  ['a cut-off above its generation', cutOff(keyOf('primary', 0), 4), ['second', 'other']],
  ['no cut-off at its generation', cutOff(keyOf('primary', 0), 3), ['first', 'second', 'other']],
  ['the end of its resource', cutOff(resourceOf(resourceId), deletedGeneration), ['other']],
  ['a change of its resource', { kind: 'resource-changed', resourceId, seq: 1 }, ['other']],
  [
    'no change of signing keys',
    { kind: 'signing-keys-changed', resourceId, seq: 1 },
    ['first', 'second', 'other'],
  ],
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
