import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { printInstant } from './fields.ts'

describe('an instant on the wire', () => {
  const instants = [
    [0, '1970-01-01T00:00:00.0000000+00:00'],
    [Date.UTC(2023, 9, 10, 21, 39, 39, 324), '2023-10-10T21:39:39.3240000+00:00'],
    [Date.UTC(2024, 1, 29, 23, 59, 59, 999), '2024-02-29T23:59:59.9990000+00:00'],
    [Date.UTC(2026, 10, 22, 6, 37, 45), '2026-11-22T06:37:45.0000000+00:00'],
  ] as const
  for (const [atMs, expected] of instants) {
    test(`has seven digits of a second and a numeric offset: ${expected}`, () => {
      assert.equal(printInstant(atMs), expected)
      assert.equal(Date.parse(expected), atMs)
    })
  }
})
