import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createHeard } from './heard.ts'

/** What was heard from number 10 on, by a clock that the test moves. */
function heardFrom() {
  let nowMs = 0
  const heard = createHeard(10, () => nowMs)
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { heard, pass }
}

describe('what was heard', () => {
  test('is noted once, in whatever order', () => {
    const { heard } = heardFrom()
    assert.deepEqual([12, 11, 12, 11].map(heard.note), [true, true, false, false])
    assert.deepEqual([heard.floorSeq(), heard.lastSeq()], [10, 12])
  })

  test('is settled after ten seconds, not before', () => {
    const { heard, pass } = heardFrom()
    heard.note(12)
    pass(5000)
    heard.note(11)
    heard.note(14)
    pass(4999)
    assert.equal(heard.floorSeq(), 10)
    pass(1)
    assert.equal(heard.floorSeq(), 12)
    pass(5000)
    assert.equal(heard.floorSeq(), 14)
  })

  test('has a floor that never falls', () => {
    const { heard, pass } = heardFrom()
    heard.note(20)
    pass(10_000)
    assert.equal(heard.floorSeq(), 20)
    assert.equal(heard.note(15), true)
    pass(10_000)
    assert.equal(heard.floorSeq(), 20)
  })

  test('stays as it is while it is held, so that nothing is read twice after a gap', () => {
    const { heard, pass } = heardFrom()
    heard.note(11)
    const letGo = heard.hold()
    pass(60_000)
    assert.deepEqual([heard.floorSeq(), heard.note(11)], [10, false])
    letGo()
    assert.equal(heard.floorSeq(), 11)
  })
})
