import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createFollowedLog } from './followed-log.ts'

const waitMs = 1000

/** A log that is followed from an instant on, and what moves time on. */
function followFrom(timeline: string) {
  let nowMs = 5000
  const followed = createFollowedLog(timeline, () => nowMs)
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { followed, pass }
}

describe('the rows beside a log', () => {
  test('confirm at once where no standby was ever promoted', () => {
    const { followed } = followFrom('00000001')
    assert.equal(followed.isShown('00000001', waitMs), true)
    const { followed: unread } = followFrom('')
    unread.turnTo({ timeline: '00000001', lastSeq: 3 })
    assert.equal(unread.isShown('00000001', waitMs), true)
  })

  test('confirm nothing for a lease after another log was met', () => {
    const { followed, pass } = followFrom('00000001')
    followed.turnTo({ timeline: '00000002', lastSeq: 3 })
    assert.equal(followed.timeline(), '00000002')
    pass(waitMs - 1)
    assert.equal(followed.isShown('00000002', waitMs), false)
    pass(1)
    assert.equal(followed.isShown('00000002', waitMs), true)
  })

  test('confirm nothing for a lease after a log of its own that ends earlier', () => {
    const { followed, pass } = followFrom('00000001')
    followed.turnTo({ timeline: '00000001', lastSeq: 3 })
    assert.equal(followed.isShown('00000001', waitMs), false)
    pass(waitMs)
    assert.equal(followed.isShown('00000001', waitMs), true)
  })

  test('confirm nothing for a lease after a start on one that was ever promoted', () => {
    const { followed, pass } = followFrom('00000004')
    assert.equal(followed.isShown('00000004', waitMs), false)
    pass(waitMs)
    assert.equal(followed.isShown('00000004', waitMs), true)
  })

  test('confirm nothing of another log, however long this one has been followed', () => {
    const { followed, pass } = followFrom('00000002')
    pass(10 * waitMs)
    for (const elsewhere of ['00000001', '00000003']) {
      assert.equal(followed.has(elsewhere), false)
      assert.equal(followed.isShown(elsewhere, waitMs), false)
    }
    assert.equal(followed.isShown(undefined, waitMs), true)
  })
})
