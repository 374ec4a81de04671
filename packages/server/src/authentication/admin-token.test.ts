import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createAdminTokenCheck } from './admin-token.ts'

describe('the admin token', () => {
  const token = 'c2VjcmV0LW9mLXRoZS1hZG1pbmlzdHJhdG9y'
  const isAdminToken = createAdminTokenCheck(token)

  test('is known', () => {
    assert.equal(isAdminToken(token), true)
  })

  const others = [
    '',
    token.slice(1),
    token.slice(0, -1),
    `${token}=`,
    token.toLowerCase(),
    ` ${token}`,
  ]
  for (const other of others) {
    test(`is not "${other}"`, () => {
      assert.equal(isAdminToken(other), false)
    })
  }
})
