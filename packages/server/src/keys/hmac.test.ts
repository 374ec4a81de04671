import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { prepareHmac } from './hmac.ts'

function oracle(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'latin1').digest()
}

describe('a prepared HMAC', () => {
  test('gives what node:crypto gives, for keys of 1 to 64 bytes and any text in Latin-1', () => {
    const keys = fc.uint8Array({ minLength: 1, maxLength: 64 })
    const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map(String.fromCharCode) })
    fc.assert(
      fc.property(keys, latin1, (key, text) => {
        assert.deepEqual(prepareHmac(key)(text), oracle(key, text))
      }),
    )
  })

  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 10_000]) {
    test(`covers a text of ${length} characters whole`, () => {
      const key = Buffer.alloc(64, 0xa5)
      const text = '\xff'.repeat(length)
      assert.deepEqual(prepareHmac(key)(text), oracle(key, text))
    })
  }

  test('agrees with RFC 4231, test case 2', () => {
    assert.equal(
      prepareHmac(Buffer.from('Jefe'))('what do ya want for nothing?').toString('hex'),
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    )
  })

  test('gives each text bytes of its own, whatever was signed before', () => {
    const hmac = prepareHmac(Buffer.alloc(64, 1))
    const first = hmac('one')
    hmac('another')
    assert.deepEqual(first, oracle(Buffer.alloc(64, 1), 'one'))
    assert.deepEqual(hmac('one'), first)
  })

  test('keeps the key as it was when it was prepared', () => {
    const key = Buffer.alloc(64, 1)
    const hmac = prepareHmac(key)
    key.fill(0)
    assert.deepEqual(hmac('text'), oracle(Buffer.alloc(64, 1), 'text'))
  })

  const sizes = [
    [0, false],
    [1, true],
    [64, true],
    [65, false],
  ] as const
  for (const [size, accepted] of sizes) {
    test(`${accepted ? 'takes' : 'does not take'} a key of ${size} bytes`, () => {
      const prepare = () => prepareHmac(Buffer.alloc(size, 1))
      if (accepted) assert.equal(prepare()('text').length, 32)
      else assert.throws(prepare, TypeError)
    })
  }
})
