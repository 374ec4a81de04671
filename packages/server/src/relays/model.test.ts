import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { describe, test } from 'node:test'
import { credentialOf, relayKeyOf, relaySecondsFor, userNameOfLeg } from './model.ts'

const key = relayKeyOf(createSecretKey(Buffer.alloc(32, 1)))
const leg = { resourceId: 'r', callId: 'c', legId: 'l' }

describe('the time of a relay', () => {
  const times = [
    [undefined, 172_800],
    [0, 0],
    [60, 60],
    [172_800, 172_800],
    [172_801, 172_800],
  ] as const
  for (const [asked, seconds] of times) {
    test(`is ${seconds} s where ${asked ?? 'nothing'} is asked for`, () => {
      assert.equal(relaySecondsFor(asked), seconds)
    })
  }
})

describe('the user of a relay', () => {
  test('is hashed as RFC 8489 has it', () => {
    const { password, hmacKey } = credentialOf(key, { userName: 'someone', realm: 'here' })
    assert.equal(hmacKey.length, 32)
    assert.notEqual(hmacKey, credentialOf(key, { userName: 'someone', realm: 'there' }).hmacKey)
    assert.equal(password, credentialOf(key, { userName: 'someone', realm: 'there' }).password)
  })

  test('of a leg is the same on every node, and another one of another leg or key', () => {
    const name = userNameOfLeg(key, leg)
    assert.match(name, /^[A-Za-z0-9_-]{32}$/)
    assert.equal(userNameOfLeg(key, { ...leg }), name)
    assert.notEqual(userNameOfLeg(key, { ...leg, legId: 'm' }), name)
    const other = relayKeyOf(createSecretKey(Buffer.alloc(32, 2)))
    assert.notEqual(userNameOfLeg(other, leg), name)
  })
})
