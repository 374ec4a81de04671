import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { LogEvent } from '../model.ts'
import { createChain } from './chain.ts'

const [one, other] = ['a', 'b'].map((last) => `0199a6b2-7c00-7000-8000-00000000000${last}`) as [
  string,
  string,
]

function cutOff(seq: number, resourceId: string): LogEvent {
  return { kind: 'identity', resourceId, subject: one, generation: 2, seq, forgetAtMs: 1 }
}

describe('a chain', () => {
  test('tells of each cut-off after which number nothing of its resource came', () => {
    const chain = createChain(7)
    const events = [cutOff(8, one), cutOff(9, other), cutOff(10, one), cutOff(11, one)]
    assert.deepEqual(events.map(chain.take), [7, 7, 8, 10])
    assert.deepEqual([chain.seq(), chain.headOf(one), chain.headOf(other)], [11, 11, 9])
  })

  test('says nothing of what was before it began', () => {
    assert.equal(createChain(7).headOf(one), 7)
  })

  test('takes a change of the signing keys for one of every resource', () => {
    const chain = createChain(7)
    chain.take({ kind: 'signing-keys-changed', resourceId: one, seq: 8 })
    assert.equal(chain.headOf(other), 8)
    assert.equal(chain.take(cutOff(9, other)), 8)
  })

  test('lets a change of a resource alone', () => {
    const chain = createChain(7)
    chain.take({ kind: 'resource-changed', resourceId: one, seq: 8 })
    assert.deepEqual([chain.seq(), chain.headOf(one)], [8, 7])
  })

  test('knows nothing after it was told to forget, and goes on with the next event', () => {
    const chain = createChain(7)
    chain.take(cutOff(8, one))
    chain.forget()
    assert.equal(chain.seq(), undefined)
    assert.equal(chain.take(cutOff(3, one)), 2)
    assert.deepEqual([chain.seq(), chain.headOf(one), chain.headOf(other)], [3, 3, 2])
  })
})
