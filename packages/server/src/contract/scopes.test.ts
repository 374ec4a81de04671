import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { scopesIn } from './scopes.ts'

const cases = [
  ['2021-03-07', ['chat', 'voip']],
  ['2022-10-01', ['chat', 'voip']],
  ['2023-10-01', ['chat', 'voip', 'chat.join', 'chat.join.limited', 'voip.join']],
  ['2026-07-22', ['chat', 'voip', 'chat.join', 'chat.join.limited', 'voip.join']],
] as const

describe('the scopes of an api-version', () => {
  for (const [version, expected] of cases) {
    test(`${version} are ${expected.join(', ')}`, () => {
      assert.deepEqual(scopesIn(version), expected)
    })
  }
})
