import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { scanTokenList } from './token-list.ts'

describe('a list of tokens', () => {
  test('is read from bytes as JSON.parse reads it from text', () => {
    const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.{}[]:, '), maxLength: 30 })
    fc.assert(
      fc.property(fc.array(token, { minLength: 1, maxLength: 20 }), (tokens) => {
        assert.deepEqual(scanTokenList(Buffer.from(JSON.stringify({ tokens }))), { tokens })
      }),
    )
  })

  test('is never read where JSON.parse reads something else or nothing', () => {
    const piece = fc.constantFrom('{"tokens":["', '"]}', '","', 'a', '"', '\\', 'é', ' ', ']', '}')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('')
        const scanned = scanTokenList(Buffer.from(text))
        if (scanned !== undefined) assert.deepEqual(scanned, JSON.parse(text))
      }),
      { numRuns: 2000 },
    )
  })

  const others = [
    '',
    '{}',
    '{"tokens":[]}',
    '{"tokens":[""',
    '{"tokens":["]}',
    '{"tokens":["a","]}',
    '{"tokens": ["a"]}',
    '{"tokens":["a"],"more":1}',
    '{"tokens":["a\\u0041"]}',
    '{"tokens":["é"]}',
    '{"tokens":["a" ,"b"]}',
    '{"tokens":["a",1]}',
  ]
  for (const text of others) {
    test(`is left to the parser when it reads ${JSON.stringify(text)}`, () => {
      assert.equal(scanTokenList(Buffer.from(text)), undefined)
    })
  }
})
