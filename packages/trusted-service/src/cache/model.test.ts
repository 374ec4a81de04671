import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { freshnessOf, nameOf, refreshInstant } from './model.ts'

const minuteMs = 60_000

describe('a cached token', () => {
  const token = { token: 't', expiresAtMs: 60 * minuteMs, refreshAtMs: 40 * minuteMs }
  const instants = [
    [0, 'fresh'],
    [40 * minuteMs - 1, 'fresh'],
    [40 * minuteMs, 'early'],
    [45 * minuteMs, 'early'],
    [45 * minuteMs + 1, 'over'],
    [90 * minuteMs, 'over'],
  ] as const
  for (const [nowMs, freshness] of instants) {
    test(`is ${freshness} after ${nowMs / minuteMs} minutes of 60, if 15 must be left`, () => {
      assert.equal(freshnessOf({ token, nowMs, restMs: 15 * minuteMs }), freshness)
    })
  }
})

describe('the instant of replacing early', () => {
  const asked = { nowMs: 0, expiresAtMs: 60 * minuteMs, restMs: 15 * minuteMs }
  const chances = [
    [10, 0, 45],
    [10, 0.5, 40],
    [10, 1, 35],
    // Not before half of the useful life is over, however early was asked for.
    [300, 1, 22.5],
    [0, 1, 45],
  ] as const
  for (const [aheadMinutes, chance, minutes] of chances) {
    test(`is minute ${minutes} for chance ${chance} within ${aheadMinutes} minutes`, () => {
      const aheadMs = aheadMinutes * minuteMs
      assert.equal(refreshInstant({ ...asked, aheadMs, chance }), minutes * minuteMs)
    })
  }
})

test('requests have one name whatever the order of scopes, and different ones otherwise', () => {
  const request = { identity: 'a', scopes: ['chat', 'voip'], lifetimeMinutes: 60 } as const
  assert.equal(nameOf(request), nameOf({ ...request, scopes: ['voip', 'chat', 'chat'] }))
  const others = [
    { ...request, identity: 'b' },
    { ...request, scopes: ['chat'] },
    { ...request, scopes: ['chat.join', 'voip'] },
    { ...request, lifetimeMinutes: 61 },
  ] as const
  assert.equal(new Set([request, ...others].map(nameOf)).size, 5)
})
