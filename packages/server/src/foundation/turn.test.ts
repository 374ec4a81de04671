import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createTurn } from './turn.ts'

/** A turn of which the test decides when its next callback runs. */
function turnByHand(itemsMax: number) {
  const scheduled: (() => void)[] = []
  const flushed: (readonly number[])[] = []
  const turn = createTurn<number>({
    flush: (items) => flushed.push(items),
    itemsMax,
    schedule: (callback) => scheduled.push(callback),
  })
  const runNext = () => scheduled.shift()?.()
  return { push: turn.push, flushed, scheduled, runNext }
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index)
}

describe('a turn', () => {
  test('hands on as one list, in order, what was pushed until it runs', () => {
    const { push, flushed, runNext } = turnByHand(10)
    for (const item of [3, 1, 2]) push(item)
    assert.deepEqual(flushed, [])
    runNext()
    assert.deepEqual(flushed, [[3, 1, 2]])
  })

  test('is scheduled once for all that is pushed, and not at all for nothing', () => {
    const { push, scheduled, runNext } = turnByHand(10)
    assert.equal(scheduled.length, 0)
    for (const item of numbers(10)) push(item)
    assert.equal(scheduled.length, 1)
    runNext()
    assert.equal(scheduled.length, 0)
  })

  test('is scheduled again by what is pushed after it ran', () => {
    const { push, flushed, runNext } = turnByHand(10)
    push(1)
    runNext()
    push(2)
    runNext()
    assert.deepEqual(flushed, [[1], [2]])
  })

  const lengths = [
    [1, [1]],
    [3, [3]],
    [4, [3, 1]],
    [6, [3, 3]],
    [7, [3, 3, 1]],
  ] as const
  for (const [count, expected] of lengths) {
    test(`flushes ${count} items, at most 3 at a time, as ${expected.join(' + ')}`, () => {
      const { push, flushed, scheduled, runNext } = turnByHand(3)
      for (const item of numbers(count)) push(item)
      while (scheduled.length > 0) runNext()
      assert.deepEqual(
        flushed.map((items) => items.length),
        expected,
      )
      assert.deepEqual(flushed.flat(), numbers(count))
    })
  }

  test('lets others run between the parts of a list that is too long for one flush', () => {
    const { push, flushed, scheduled, runNext } = turnByHand(2)
    for (const item of numbers(5)) push(item)
    const seenByOthers: number[] = []
    scheduled.push(() => seenByOthers.push(flushed.flat().length))
    while (scheduled.length > 0) runNext()
    assert.deepEqual(seenByOthers, [2])
    assert.deepEqual(flushed.flat(), numbers(5))
  })

  test('puts what is pushed while a rest waits behind that rest', () => {
    const { push, flushed, scheduled, runNext } = turnByHand(2)
    for (const item of [1, 2, 3]) push(item)
    runNext()
    push(4)
    push(5)
    assert.equal(scheduled.length, 1)
    while (scheduled.length > 0) runNext()
    assert.deepEqual(flushed, [[1, 2], [3, 4], [5]])
  })

  for (const itemsMax of [1, 10]) {
    test(`keeps what a flush of at most ${itemsMax} pushes for the next one`, () => {
      const scheduled: (() => void)[] = []
      const flushed: (readonly number[])[] = []
      const turn = createTurn<number>({
        flush(items) {
          flushed.push(items)
          for (const item of items) if (item < 3) turn.push(item + 1)
        },
        itemsMax,
        schedule: (callback) => scheduled.push(callback),
      })
      turn.push(1)
      while (scheduled.length > 0) scheduled.shift()?.()
      assert.deepEqual(flushed, [[1], [2], [3]])
    })
  }

  test('runs after the current input was read, unless it is scheduled otherwise', async () => {
    const order: string[] = []
    const turn = createTurn<string>({ flush: (items) => order.push(...items), itemsMax: 10 })
    turn.push('flushed')
    queueMicrotask(() => order.push('microtask'))
    order.push('same tick')
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(order, ['same tick', 'microtask', 'flushed'])
  })
})
