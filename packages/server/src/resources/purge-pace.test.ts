import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { firstPace, nextPace, type Pace } from './purge-pace.ts'

const alone = { areOthersServed: false }
const busy = { areOthersServed: true }

/** Goes on until nothing changes, on a machine on which each row takes as long as `rowMs` says. */
function settled(rowMs: (pace: Pace) => number, pace: Pace = firstPace): Pace {
  let next = pace
  for (let batch = 0; batch < 50; batch++) {
    const rowCount = next.rowsMax
    next = nextPace(next, { rowCount, tookMs: rowCount * rowMs(next), ...busy })
  }
  return next
}

describe('the pace of a purge', () => {
  test('makes batches of ten milliseconds, whatever a row takes', () => {
    assert.equal(settled(() => 0.01).rowsMax, 1000)
    assert.equal(settled(() => 0.1).rowsMax, 100)
    assert.equal(settled(() => 0.1, { rowsMax: 4096, restMs: 0 }).rowsMax, 100)
  })

  test('keeps between 16 rows and 4096', () => {
    assert.equal(settled(() => 100).rowsMax, 16)
    assert.equal(settled(() => 0).rowsMax, 4096)
  })

  test('rests three times as long as it worked while others are served', () => {
    assert.equal(nextPace(firstPace, { rowCount: 128, tookMs: 7, ...busy }).restMs, 21)
    assert.equal(nextPace(firstPace, { rowCount: 3, tookMs: 40, ...busy }).restMs, 120)
  })

  test('does not rest where nobody else is served', () => {
    assert.equal(nextPace(firstPace, { rowCount: 128, tookMs: 7, ...alone }).restMs, 0)
  })

  test('at most doubles, and falls at once to a quarter', () => {
    assert.equal(nextPace(firstPace, { rowCount: 128, tookMs: 0.01, ...alone }).rowsMax, 256)
    assert.equal(nextPace(firstPace, { rowCount: 128, tookMs: 9999, ...alone }).rowsMax, 32)
  })

  test('learns nothing from the last rows of a table, unless they took long', () => {
    assert.equal(nextPace(firstPace, { rowCount: 2, tookMs: 0.5, ...alone }).rowsMax, 128)
    assert.equal(nextPace(firstPace, { rowCount: 2, tookMs: 20, ...alone }).rowsMax, 64)
  })
})
