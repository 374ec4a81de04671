import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  neededPartitionStarts,
  partitionMs,
  partitionName,
  partitionStartMs,
  partitionsAheadMs,
} from './partitions.ts'

describe('a partition of the token ledger', () => {
  const midnight = Date.parse('2026-03-01T00:00:00Z')

  test('is named by its first instant, and found again by its name', () => {
    const name = partitionName(midnight + partitionMs)
    assert.equal(name, 'access_token_20260301_06')
    assert.equal(partitionStartMs(name), midnight + partitionMs)
  })

  test('is no other table', () => {
    for (const name of ['access_token', 'access_token_identity', 'access_token_20260301_0']) {
      assert.equal(partitionStartMs(name), undefined)
    }
  })

  const instants = [
    ['at the first instant of one', midnight, 8],
    ['one millisecond later', midnight + 1, 9],
    ['at the last instant of one', midnight + partitionMs - 1, 9],
    ['before the epoch', -1, 9],
  ] as const
  for (const [when, nowMs, count] of instants) {
    test(`exists for every instant from now to 48 hours ahead, ${when}`, () => {
      const starts = neededPartitionStarts(nowMs)
      assert.equal(starts.length, count)
      const [firstMs = 0] = starts
      assert.ok(firstMs <= nowMs && nowMs < firstMs + partitionMs)
      const lastMs = starts.at(-1) ?? 0
      assert.ok(lastMs + partitionMs >= nowMs + partitionsAheadMs)
      assert.deepEqual(
        starts,
        starts.map((_, index) => firstMs + index * partitionMs),
      )
    })
  }
})
