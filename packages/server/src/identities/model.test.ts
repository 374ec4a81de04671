import assert from 'node:assert/strict'
import { createHmac, createSecretKey } from 'node:crypto'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import { customIdHash, personHash } from './model.ts'

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

describe('the hash of a person', () => {
  const person = { issuer: 'https://issuer.example', tenantId: 'tenant', objectId: 'object' }

  test('is HMAC-SHA256 over a list that begins with what it is for', () => {
    const text = `["entra-person","${owner.resourceId}","https://issuer.example","tenant","object"]`
    const expected = createHmac('sha256', secret).update(text).digest()
    assert.deepEqual(personHash(person, owner), expected)
  })

  const others: readonly (readonly [what: string, changes: Partial<typeof person>])[] = [
    ['issuer', { issuer: 'https://issuer.example/' }],
    ['tenant', { tenantId: 'tenan' }],
    ['object', { objectId: 'Object' }],
    ['border between tenant and object', { tenantId: 'tenan', objectId: 'tobject' }],
    ['comma', { tenantId: 'tenant","object', objectId: '' }],
  ]
  for (const [what, changes] of others) {
    test(`differs for another ${what}`, () => {
      assert.notDeepEqual(personHash({ ...person, ...changes }, owner), personHash(person, owner))
    })
  }

  test('differs in another resource and under another key', () => {
    const hash = personHash(person, owner)
    const resourceId = owner.resourceId.replace('1', '2')
    const key = createSecretKey(Buffer.alloc(32, 6))
    assert.notDeepEqual(personHash(person, { ...owner, resourceId }), hash)
    assert.notDeepEqual(personHash(person, { ...owner, key }), hash)
  })

  test('is that of no customId: what is hashed never begins alike', () => {
    // A customId stands behind the resource and a line break, whatever an app chooses.
    const text = JSON.stringify(['entra-person', owner.resourceId, ...Object.values(person)])
    for (const customId of [text, text.slice(1), `\n${text}`]) {
      const hashed = customIdHash(customId, owner)
      assert.ok(hashed.ok)
      assert.notDeepEqual(hashed.value, personHash(person, owner))
    }
    assert.notEqual(text[0], owner.resourceId[0])
  })
})
