import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { delayBefore, finalReasonFor, renewalDelay } from './back-off.ts'

describe('coming again after a connection was lost', () => {
  const delays = [
    [0, 1006, 0, 125],
    [0, 1006, 1, 250],
    [3, 1001, 1, 2000],
    [5, 1006, 1, 8000],
    [1000, 1006, 1, 8000],
    [0, 4429, 0, 1125],
    [0, 4503, 1, 1250],
  ] as const
  for (const [attempt, code, random, delayMs] of delays) {
    test(`waits ${delayMs} ms after ${code}, attempt ${attempt}, chance ${random}`, () => {
      assert.equal(delayBefore(attempt, code, random), delayMs)
    })
  }

  test('tries four times within the ten seconds that a leg outlives its socket', () => {
    const longestMs = [0, 1, 2, 3].map((attempt) => delayBefore(attempt, 1006, 1))
    assert.ok(longestMs.reduce((sum, delayMs) => sum + delayMs) < 10_000)
  })

  test('gives up at the codes that say why, and at no other', () => {
    assert.deepEqual([4400, 4401, 4403, 4408, 4409].map(finalReasonFor), [
      'protocolError',
      'tokenRevoked',
      'scopeForbidden',
      'tokenExpired',
      'replaced',
    ])
    assert.deepEqual([1000, 1001, 1006, 4429, 4503].map(finalReasonFor), Array(5).fill(undefined))
  })
})

describe('the renewal of a token', () => {
  const minuteMs = 60_000
  const delays = [
    [60 * minuteMs, 0, 50 * minuteMs],
    [60 * minuteMs, 1, 52.5 * minuteMs],
    [1440 * minuteMs, 0, 1430 * minuteMs],
    [8 * minuteMs, 0, 6 * minuteMs],
    [4000, 0, 5000],
    [-60 * minuteMs, 0, 5000],
  ] as const
  for (const [leftMs, random, delayMs] of delays) {
    test(`begins ${delayMs / 1000} s before ${leftMs / 1000} s are over, chance ${random}`, () => {
      assert.equal(renewalDelay(leftMs, random), delayMs)
    })
  }
})
