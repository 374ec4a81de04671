import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createOutbox, type Parcel, type PublishedCutOff } from './outbox.ts'

const [one, other] = ['a', 'b'].map((last) => `0199a6b2-7c00-7000-8000-00000000000${last}`) as [
  string,
  string,
]

function cutOff(seq: number, resourceId = one): PublishedCutOff {
  const subject = { kind: 'identity', resourceId, subject: one, generation: 2 } as const
  return { ...subject, seq, forgetAtMs: 1, after: seq - 1 }
}

const seqsOf = (parcels: readonly Parcel[]) =>
  parcels.map(({ cutOffs }) => cutOffs.map(({ seq }) => seq))

describe('an outbox', () => {
  test('gives what was committed here at once, by resource and in the order of the log', () => {
    const outbox = createOutbox(() => 0)
    outbox.claim([8, 9, 10], 0)
    for (const event of [cutOff(8), cutOff(9, other), cutOff(10)]) outbox.put(event, 0)
    const parcels = outbox.takeDue(0)
    assert.deepEqual(seqsOf(parcels), [[8, 10], [9]])
    assert.ok(parcels.every(({ isOfOthers }) => !isOfOthers))
    assert.deepEqual(outbox.takeDue(10_000), [])
  })

  test('gives at once what a notice brought before its own commit was answered', () => {
    const outbox = createOutbox(() => 0)
    outbox.put(cutOff(8), 0)
    assert.deepEqual(outbox.takeDue(0), [])
    outbox.claim([8], 1)
    assert.deepEqual(seqsOf(outbox.takeDue(1)), [[8]])
  })

  test('gives what others committed when they have not published it for half a second', () => {
    const outbox = createOutbox(() => 0.5)
    outbox.put(cutOff(8), 0)
    outbox.put(cutOff(9), 0)
    outbox.leaveOut([9])
    assert.deepEqual(outbox.takeDue(749), [])
    const parcels = outbox.takeDue(750)
    assert.deepEqual(seqsOf(parcels), [[8]])
    assert.equal(parcels[0]?.isOfOthers, true)
  })

  test('gives its own also where it was heard of', () => {
    const outbox = createOutbox(() => 0)
    outbox.claim([8], 0)
    outbox.put(cutOff(8), 0)
    outbox.leaveOut([8])
    assert.deepEqual(seqsOf(outbox.takeDue(0)), [[8]])
  })

  test('gives again, a second later, what could not be published', () => {
    const outbox = createOutbox(() => 0)
    outbox.claim([8], 0)
    outbox.put(cutOff(8), 0)
    const [parcel] = outbox.takeDue(0)
    assert.ok(parcel !== undefined)
    outbox.putBack(parcel, 10)
    assert.deepEqual(outbox.takeDue(1009), [])
    assert.deepEqual(outbox.takeDue(1010), [parcel])
  })

  test('cuts what is too much for a message', () => {
    const outbox = createOutbox(() => 0)
    for (let seq = 1; seq <= 1100; seq++) outbox.put(cutOff(seq), 0)
    assert.deepEqual(
      outbox.takeDue(500).map(({ cutOffs }) => cutOffs.length),
      [500, 500, 100],
    )
  })

  test('keeps the 20,000 latest while nothing can be published', () => {
    const outbox = createOutbox(() => 0)
    for (let seq = 1; seq <= 20_001; seq++) outbox.put(cutOff(seq), 0)
    const seqs = seqsOf(outbox.takeDue(500)).flat()
    assert.deepEqual([seqs.length, seqs[0]], [20_000, 2])
  })
})
