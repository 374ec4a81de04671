import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  legIn,
  opaqueIdFor,
  parseOpaqueId,
  parseRoom,
  roomFor,
  roomSecretFor,
  tokenFor,
} from './names.ts'

const call = {
  resourceId: '11111111-1111-4111-8111-111111111111',
  callId: '22222222-2222-4222-8222-222222222222',
}
const leg = { ...call, legId: '33333333-3333-4333-8333-333333333333' }

describe('names at a Janus', () => {
  test('are read as they were given', () => {
    assert.deepEqual(parseRoom(roomFor(call)), call)
    assert.deepEqual(parseOpaqueId(opaqueIdFor(leg)), leg)
    assert.deepEqual(legIn(roomFor(call), leg.legId), leg)
  })

  const strange = ['', '1234', 'rooms', `${call.resourceId}.x`, `${roomFor(call)}.`, undefined]
  for (const name of strange) {
    test(`are none of ours when they are ${JSON.stringify(name)}`, () => {
      assert.equal(parseRoom(name), undefined)
      assert.equal(parseOpaqueId(String(name)), undefined)
      assert.equal(legIn(name, leg.legId), undefined)
    })
  }

  test('have secrets of their own, which nobody finds out from another', () => {
    const other = { ...call, callId: '44444444-4444-4444-8444-444444444444' }
    const secrets = [
      roomSecretFor('secret', call),
      roomSecretFor('secret', other),
      roomSecretFor('another', call),
      tokenFor('secret', leg),
      tokenFor('secret', { ...leg, callId: other.callId }),
    ]
    assert.equal(new Set(secrets).size, secrets.length)
    assert.ok(secrets.every((secret) => secret.length === 43))
  })
})
