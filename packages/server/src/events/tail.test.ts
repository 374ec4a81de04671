import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EventBatch, LogEvent } from './model.ts'
import type { LogPage } from './store.ts'
import { createTail } from './tail.ts'

function eventOf(seq: number): LogEvent {
  return { kind: 'resource-changed', resourceId: 'r', seq }
}

/** The events of a range, both ends included. */
function range(first: number, last: number): readonly LogEvent[] {
  return Array.from({ length: last - first + 1 }, (_, index) => eventOf(first + index))
}

function batchOf(first: number, last: number): EventBatch {
  return { seqBefore: first - 1, seqLast: last, events: range(first, last) }
}

/** A tail of a log that is read when the test answers. */
function tailOf() {
  const applied: number[] = []
  const failures: unknown[] = []
  const reads: { readonly afterSeq: number; readonly answer: (page: LogPage) => void }[] = []
  let reloads = 0
  const tail = createTail({
    startSeq: 0,
    readPage: (afterSeq) =>
      new Promise((resolve) => reads.push({ afterSeq, answer: (page) => resolve(page) })),
    onFailure: (error) => failures.push(error),
  })
  let gate: Promise<void> | undefined
  tail.follow({
    apply: ({ seq }) => {
      applied.push(seq)
      return gate
    },
    reload: async () => {
      reloads += 1
    },
  })
  const holdWith = (promise: Promise<void> | undefined) => {
    gate = promise
  }
  return { tail, applied, failures, reads, holdWith, reloads: () => reloads }
}

describe('the tail of the log', () => {
  test('applies at once what follows on what was applied, and nothing twice', () => {
    const { tail, applied, reads } = tailOf()
    tail.offer(batchOf(1, 2))
    tail.offer(batchOf(1, 2))
    tail.offer(batchOf(3, 3))
    assert.deepEqual([applied, tail.appliedSeq(), reads.length], [[1, 2, 3], 3, 0])
  })

  test('keeps what comes too early until what is missing has come', () => {
    const { tail, applied, reads } = tailOf()
    tail.offer(batchOf(4, 5))
    tail.offer(batchOf(2, 3))
    assert.deepEqual(applied, [])
    tail.offer(batchOf(1, 1))
    assert.deepEqual([applied, reads.length], [[1, 2, 3, 4, 5], 0])
  })

  test('applies of a batch only what is new', () => {
    const { tail, applied } = tailOf()
    tail.offer(batchOf(1, 2))
    tail.offer(batchOf(2, 4))
    assert.deepEqual(applied, [1, 2, 3, 4])
  })

  test('reads what it was told of and has not got, page by page', async () => {
    const { tail, applied, reads } = tailOf()
    tail.offer({ seqBefore: 0, seqLast: 3, events: undefined })
    const isThere = tail.whenApplied(3)
    reads[0]?.answer({ events: range(1, 2), seqLast: 2, hasMore: true })
    await tail.whenApplied(2)
    await Promise.resolve()
    reads[1]?.answer({ events: range(3, 3), seqLast: 3, hasMore: false })
    await isThere
    assert.deepEqual(
      [applied, reads.map(({ afterSeq }) => afterSeq)],
      [
        [1, 2, 3],
        [0, 2],
      ],
    )
  })

  test('reads the gap when a renewal tells of it', async () => {
    const { tail, applied, reads } = tailOf()
    tail.offer(batchOf(3, 3))
    tail.reach(3)
    reads[0]?.answer({ events: range(1, 3), seqLast: 3, hasMore: false })
    await tail.whenApplied(3)
    assert.deepEqual([applied, reads.length], [[1, 2, 3], 1])
  })

  test('reads everything in memory again where events were forgotten unseen', async () => {
    const { tail, applied, reads, reloads } = tailOf()
    tail.reach(9)
    reads[0]?.answer({ events: range(7, 9), seqLast: 9, hasMore: false })
    await tail.whenApplied(9)
    assert.deepEqual([applied, reloads()], [[7, 8, 9], 1])
  })

  test('counts an event only when whoever follows is done with it', async () => {
    const { tail, applied, holdWith } = tailOf()
    let release = () => {}
    holdWith(
      new Promise((resolve) => {
        release = resolve
      }),
    )
    tail.offer(batchOf(1, 1))
    tail.offer(batchOf(2, 2))
    assert.deepEqual([applied, tail.appliedSeq()], [[1], 0])
    holdWith(undefined)
    release()
    await tail.whenApplied(2)
    assert.deepEqual(applied, [1, 2])
  })

  test('tries again what failed, from the log', async () => {
    const { tail, applied, failures, reads, holdWith } = tailOf()
    const broken = new Error('away')
    holdWith(Promise.reject(broken))
    tail.offer(batchOf(1, 1))
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([failures, tail.appliedSeq()], [[broken], 0])
    holdWith(undefined)
    tail.reach(1)
    reads[0]?.answer({ events: range(1, 1), seqLast: 1, hasMore: false })
    await tail.whenApplied(1)
    assert.deepEqual(applied, [1, 1])
  })

  test('keeps no more than it has room for, and reads the rest', async () => {
    const { tail, applied, reads } = tailOf()
    tail.offer(batchOf(2, 15_001))
    tail.offer(batchOf(15_002, 30_001))
    reads[0]?.answer({ events: range(1, 1), seqLast: 1, hasMore: true })
    await tail.whenApplied(15_001)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(applied.length, 15_001)
    assert.deepEqual(
      reads.map(({ afterSeq }) => afterSeq),
      [0, 15_001],
    )
  })

  test('reads everything again in another log, and follows on by its numbers', async () => {
    const { tail, applied, reloads } = tailOf()
    tail.offer(batchOf(1, 9))
    tail.offer(batchOf(12, 12))
    tail.startAgain(5)
    assert.deepEqual([tail.isStartingAgain(), tail.appliedSeq()], [true, 5])
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([tail.isStartingAgain(), tail.appliedSeq(), reloads()], [false, 5, 1])
    tail.offer(batchOf(6, 11))
    assert.deepEqual(applied.slice(9), [6, 7, 8, 9, 10, 11])
  })

  test('leaves another log no number of what was under way', async () => {
    const { tail, applied, holdWith, reloads } = tailOf()
    let release = () => {}
    holdWith(
      new Promise((resolve) => {
        release = resolve
      }),
    )
    tail.offer(batchOf(1, 9))
    tail.startAgain(5)
    assert.deepEqual([applied, reloads()], [[1], 0])
    holdWith(undefined)
    release()
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([tail.appliedSeq(), reloads()], [5, 1])
  })

  test('tries again when memory could not be read', async () => {
    const { tail, failures } = tailOf()
    let isAway = true
    tail.follow({
      apply: () => undefined,
      reload: async () => {
        if (isAway) throw new Error('away')
      },
    })
    tail.startAgain(5)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([tail.isStartingAgain(), failures.length], [true, 1])
    isAway = false
    tail.reach(0)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(tail.isStartingAgain(), false)
  })
})
