import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { bytesOfBase64url, decodeBase64url } from './base64url.ts'

const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')

describe('strict base64url', () => {
  test('gives back any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
        assert.deepEqual(bytesOfBase64url(encode(bytes)), bytes)
      }),
    )
  })

  test('takes exactly the texts that encoding their bytes gives back', () => {
    // Mostly letters of base64, so that many are almost right.
    const letter = fc.constantFrom(...'ABCDwxyz0189-_-_AQgw+/= \n\u00e9\u0161\u0661')
    fc.assert(
      fc.property(fc.string({ unit: letter, maxLength: 9 }), (text) => {
        const bytes = Buffer.from(text, 'base64url')
        const isCanonical = bytes.toString('base64url') === text
        const decoded = bytesOfBase64url(text)
        assert.deepEqual(decoded && Buffer.from(decoded), isCanonical ? bytes : undefined)
        const into = new Uint8Array(100)
        const length = decodeBase64url(Buffer.from(text), into)
        assert.equal(length, isCanonical ? bytes.length : -1)
      }),
      { numRuns: 2000 },
    )
  })

  test('knows every byte: 64 are digits, no other is', () => {
    const digits = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter(
      (letter) => bytesOfBase64url(`AAA${letter}`) !== undefined,
    )
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    assert.deepEqual(digits, [...alphabet].sort())
  })

  const texts = [
    ['', []],
    ['AA', [0]],
    ['AAA', [0, 0]],
    ['_-8', [0xff, 0xef]],
    ['A', undefined],
    ['AAAAA', undefined],
    ['AB', undefined],
    ['AAB', undefined],
    ['AA==', undefined],
    ['AA=', undefined],
    ['A A', undefined],
    ['AA\n', undefined],
    ['+/8', undefined],
  ] as const
  for (const [text, bytes] of texts) {
    test(`${bytes ? 'reads' : 'refuses'} ${JSON.stringify(text)}`, () => {
      assert.deepEqual(bytesOfBase64url(text), bytes && Uint8Array.from(bytes))
    })
  }
})
