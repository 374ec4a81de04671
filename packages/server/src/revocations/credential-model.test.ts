import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { describe, test } from 'node:test'
import {
  credentialKeyOf,
  hashCredential,
  parseCredential,
  printCredential,
} from './credential-model.ts'

const name = {
  resourceId: '0199a6b2-7c00-7000-8000-00000000000a',
  credentialId: '0199a6b2-7c00-7000-8000-00000000000b',
}
const text = printCredential(name, Buffer.alloc(32, 0xfe))

describe('a credential of a verifier', () => {
  test('says by its text whose it is', () => {
    assert.equal(text.length, 102)
    assert.deepEqual(parseCredential(text), name)
  })

  const others = [
    ['cut short', text.slice(0, -1)],
    ['too long', `${text}A`],
    ['without its beginning', text.slice('parley_verifier_'.length)],
    ['with another beginning', text.replace('parley', 'Parley')],
    ['with a sign that is not of its alphabet', `${text.slice(0, -1)}=`],
    ['of nothing', ''],
  ] as const
  for (const [what, other] of others) {
    test(`is none when it is ${what}`, () => assert.equal(parseCredential(other), undefined))
  }

  test('is stored as a hash that another installation does not make', () => {
    const [one, other] = [1, 2].map((fill) =>
      credentialKeyOf(createSecretKey(Buffer.alloc(32, fill))),
    )
    assert.ok(one && other)
    const hash = hashCredential(one, text)
    assert.equal(hash.length, 32)
    assert.ok(hash.equals(hashCredential(one, text)))
    assert.equal(hash.equals(hashCredential(other, text)), false)
    assert.equal(hash.equals(hashCredential(one, `${text.slice(0, -2)}AA`)), false)
  })
})
