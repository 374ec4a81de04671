import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { addOne, countNow, createSlidingCount, takeBack, timeToRoomMs } from './sliding-count.ts'

const windowMs = 1000

/** Asks at each instant and gives those at which there was room. */
function admitted(instants: readonly number[], max: number): readonly number[] {
  const count = createSlidingCount(windowMs, 0)
  return instants.filter((atMs) => {
    const isRoom = countNow(count, atMs) < max
    if (isRoom) addOne(count)
    return isRoom
  })
}

const times = fc
  .array(fc.integer({ min: 0, max: 5000 }), { maxLength: 200 })
  .map((instants) => instants.toSorted((one, other) => one - other))

describe('a sliding count', () => {
  test('never lets more through within any window than the limit', () => {
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 20 }), (instants, max) => {
        const through = admitted(instants, max)
        for (const [index, atMs] of through.entries()) {
          const within = through.slice(index).filter((other) => other < atMs + windowMs)
          assert.ok(within.length <= max)
        }
      }),
    )
  })

  test('lets everybody through who keeps a tenth of a window more than the limit asks', () => {
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 20 }), (instants, max) => {
        const kept = instants.filter((atMs, index) => {
          const before = instants.slice(0, index).filter((other) => other > atMs - windowMs * 1.1)
          return before.length < max
        })
        const few = kept.filter(
          (atMs, index) =>
            kept.slice(0, index).filter((other) => other > atMs - windowMs * 1.1).length < max,
        )
        assert.deepEqual(admitted(few, max), few)
      }),
    )
  })

  test('says when there is room, and not a moment too early or too late', () => {
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 20 }), (instants, max) => {
        const count = createSlidingCount(windowMs, 0)
        for (const atMs of instants) {
          if (countNow(count, atMs) < max) addOne(count)
          const waitMs = timeToRoomMs(count, max, atMs)
          assert.ok(waitMs >= 0 && waitMs <= windowMs * 1.1)
          const again = structuredClone(count)
          if (waitMs > 0) assert.ok(countNow(again, atMs + waitMs - 1) >= max)
          assert.ok(countNow(again, atMs + waitMs) < max)
        }
      }),
    )
  })

  test('takes back what still counts, and nothing else', () => {
    const count = createSlidingCount(windowMs, 0)
    const [first, second] = [addOne(count), addOne(count)]
    takeBack(count, first)
    assert.equal(countNow(count, 0), 1)
    assert.equal(countNow(count, 1100), 0)
    addOne(count)
    takeBack(count, second)
    assert.equal(countNow(count, 1100), 1)
  })
})
