import assert from 'node:assert/strict'
import { createHmac, createSecretKey } from 'node:crypto'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import { customIdHash } from './model.ts'

const secret = Buffer.alloc(32, 5)
const owner = {
  resourceId: '11111111-1111-4111-8111-111111111111',
  key: createSecretKey(secret),
}

describe('the hash of a customId', () => {
  const lengths = [
    [0, false],
    [1, true],
    [2, true],
    [255, true],
    [256, true],
    [257, false],
    [100_000, false],
  ] as const
  for (const [length, accepted] of lengths) {
    test(`${accepted ? 'exists' : 'does not exist'} for ${length} characters`, () => {
      const hashed = customIdHash('x'.repeat(length), owner)
      if (accepted) assert.equal(hashed.ok && hashed.value.length, 32)
      else assert.deepEqual(hashed, fail({ kind: 'custom-id-length' }))
    })
  }

  test('is HMAC-SHA256 over the resource and the value in UTF-16', () => {
    const text = `${owner.resourceId}\nann@contoso.example ä€😀`
    const [resourceLine = '', customId = ''] = text.split(/(?<=\n)/)
    const expected = createHmac('sha256', secret)
      .update(resourceLine)
      .update(Buffer.from(customId, 'utf16le'))
      .digest()
    assert.deepEqual(customIdHash(customId, owner), ok(expected))
  })

  test('is the same whenever the value is', () => {
    assert.deepEqual(customIdHash('ann', owner), customIdHash('ann', { ...owner }))
  })

  const near: readonly (readonly [what: string, one: string, other: string])[] = [
    ['in case', 'ann', 'Ann'],
    ['by a blank', 'ann', 'ann '],
    ['by a NUL', 'ann', 'ann\0'],
    ['by a line break', 'ann', '\nann'],
    ['in how an accent is written', 'é', 'e\u0301'],
    ['in width', 'a', 'ａ'],
    ['in halves of a character', '\ud800', '\udc00'],
    ['in a half of a character and its replacement', '\ud83d', '\ufffd'],
  ]
  for (const [what, one, other] of near) {
    test(`differs for values that differ ${what}`, () => {
      assert.notDeepEqual(customIdHash(one, owner), customIdHash(other, owner))
    })
  }

  test('differs from that of the same value in another resource', () => {
    const other = { ...owner, resourceId: '22222222-2222-4222-8222-222222222222' }
    assert.notDeepEqual(customIdHash('ann', owner), customIdHash('ann', other))
  })

  test('differs from that of the same value in another installation', () => {
    const other = { ...owner, key: createSecretKey(Buffer.alloc(32, 6)) }
    assert.notDeepEqual(customIdHash('ann', owner), customIdHash('ann', other))
  })
})
