import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createPace, createWatch, isLeaseHeld, isSameLog, leaseTerms } from './model.ts'

const node = { nodeId: 'n', renewals: 5, appliedSeq: 9 }

describe('a lease', () => {
  const asked = { monotonicMs: 5000, wallMs: 90_000 }
  const moments = [
    ['799 ms later', 799, 799, true],
    ['800 ms later, a fifth before others stop waiting', 800, 800, false],
    ['after a sleep in which the monotonic clock stood', 10, 800, false],
    ['after the wall clock was set back', 799, -50_000, true],
    ['after the wall clock was set back, and its time', 800, -50_000, false],
  ] as const
  for (const [what, monotonicMs, wallMs, isHeld] of moments) {
    test(`is ${isHeld ? 'held' : 'over'} ${what}`, () => {
      const now = {
        monotonicMs: asked.monotonicMs + monotonicMs,
        wallMs: asked.wallMs + wallMs,
      }
      assert.equal(isLeaseHeld(asked, now, leaseTerms), isHeld)
    })
  }

  test('outlives three renewals that fail', () => {
    const { leaseMs, marginMs, renewalMs } = leaseTerms
    assert.ok(3 * renewalMs < leaseMs - marginMs)
  })
})

describe('a watch', () => {
  const boundaries = [
    [0, false],
    [999, false],
    [1000, true],
  ] as const
  for (const [laterMs, isOver] of boundaries) {
    test(`finds a lease ${isOver ? 'over' : 'standing'} after ${laterMs} ms of one count`, () => {
      const watch = createWatch(1000)
      watch.note([node], 5000)
      watch.note([node], 5000 + laterMs)
      assert.equal(watch.isOver(node, 5000 + laterMs), isOver)
    })
  }

  test('counts anew from each renewal', () => {
    const watch = createWatch(1000)
    watch.note([node], 5000)
    const renewed = { ...node, renewals: 6 }
    watch.note([renewed], 5900)
    assert.deepEqual([watch.isOver(renewed, 6800), watch.isOver(renewed, 6900)], [false, true])
  })

  test('knows nothing of a count that it has not seen standing', () => {
    const watch = createWatch(1000)
    watch.note([node], 5000)
    assert.equal(watch.isOver({ ...node, renewals: 6 }, 9000), false)
    assert.equal(watch.isOver({ ...node, nodeId: 'other' }, 9000), false)
  })

  test('forgets what was gone in between, and everything when it is told to', () => {
    const watch = createWatch(1000)
    watch.note([node], 5000)
    watch.note([], 5500)
    watch.note([node], 6000)
    assert.equal(watch.isOver(node, 6500), false)
    watch.clear()
    assert.equal(watch.isOver(node, 99_000), false)
  })
})

describe('a log', () => {
  const known = { timeline: '00000001', appliedSeq: 7 }
  const found = [
    ['that goes on', { timeline: '00000001', lastSeq: 8 }, true],
    ['of which all is known', { timeline: '00000001', lastSeq: 7 }, true],
    ['that ends before what is known', { timeline: '00000001', lastSeq: 6 }, false],
    ['of a standby that was promoted', { timeline: '00000002', lastSeq: 7 }, false],
    ['of one that has gone on since', { timeline: '00000002', lastSeq: 900 }, false],
  ] as const
  for (const [what, log, isSame] of found) {
    test(`${what} is ${isSame ? 'the same' : 'another one'}`, () => {
      assert.equal(isSameLog(known, log), isSame)
    })
  }
})

describe('the pace of a node', () => {
  test('is lost when what was known of is not applied for a lease', () => {
    let nowMs = 0
    const pace = createPace(1000, () => nowMs)
    pace.note({ lastSeq: 7, appliedSeq: 5 })
    nowMs = 500
    pace.note({ lastSeq: 9, appliedSeq: 6 })
    assert.equal(pace.isStalled(6, 999), false)
    assert.equal(pace.isStalled(6, 1000), true)
    assert.equal(pace.isStalled(7, 1000), false)
    assert.equal(pace.isStalled(6, 99_000), false)
  })

  test('is not lost by what is in no log any more', () => {
    const pace = createPace(1000, () => 0)
    pace.note({ lastSeq: 7, appliedSeq: 5 })
    pace.clear()
    assert.equal(pace.isStalled(5, 99_000), false)
  })

  test('is kept by one that is busy and always a little behind', () => {
    let nowMs = 0
    const pace = createPace(1000, () => nowMs)
    for (; nowMs < 20_000; nowMs += 250) {
      pace.note({ lastSeq: nowMs + 100, appliedSeq: nowMs })
      assert.equal(pace.isStalled(nowMs, nowMs), false)
    }
  })
})
