import assert from 'node:assert/strict'
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { derSignature } from './der.ts'

/** DER by the book: the shortest two's complement of each number. */
function byTheBook(raw: Uint8Array): Buffer {
  const integers = [raw.subarray(0, 32), raw.subarray(32)].map((part) => {
    const hex = BigInt(`0x${Buffer.from(part).toString('hex')}`).toString(16)
    const even = hex.length % 2 === 0 ? hex : `0${hex}`
    const positive = Number.parseInt(even.slice(0, 2), 16) > 0x7f ? `00${even}` : even
    return Buffer.from(`02${(positive.length / 2).toString(16).padStart(2, '0')}${positive}`, 'hex')
  })
  const body = Buffer.concat(integers)
  return Buffer.concat([Buffer.from([0x30, body.length]), body])
}

describe('an ECDSA signature in DER', () => {
  test('is that of the standard, whatever the numbers', () => {
    const byte = fc.oneof(fc.constantFrom(0, 0, 0, 1, 0x7f, 0x80, 0xff), fc.nat({ max: 255 }))
    const raw = fc
      .array(byte, { minLength: 64, maxLength: 64 })
      .map((list) => Uint8Array.from(list))
    fc.assert(
      fc.property(raw, (signature) => {
        assert.deepEqual(Buffer.from(derSignature(signature)), byTheBook(signature))
      }),
      { numRuns: 1000 },
    )
  })

  test('is 8 bytes for zeros and 72 for the largest numbers', () => {
    assert.equal(derSignature(new Uint8Array(64)).length, 8)
    assert.equal(derSignature(new Uint8Array(64).fill(0xff)).length, 72)
  })

  test('is taken by OpenSSL for the raw one it was made of', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    for (let round = 0; round < 50; round++) {
      const text = Buffer.from(`round ${round}`)
      const raw = sign('sha256', text, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      assert.equal(verify('sha256', text, publicKey, derSignature(raw)), true)
    }
  })
})
