import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseArray, parseBigint, printArray } from './column-types.ts'

describe('an array as text', () => {
  const arrays = [
    ['{}', []],
    ['{"a"}', ['a']],
    ['{"",null}', ['', null]],
    ['{"null"}', ['null']],
    ['{"a,b","{}"," "}', ['a,b', '{}', ' ']],
    ['{"quote \\"","slash \\\\","both \\\\\\""}', ['quote "', 'slash \\', 'both \\"']],
    ['{"line\nbreak"}', ['line\nbreak']],
  ] as const
  for (const [text, elements] of arrays) {
    test(`${JSON.stringify(elements)} is printed as ${text} and read back`, () => {
      assert.equal(printArray(elements), text)
      assert.deepEqual(parseArray(text.replace('null}', 'NULL}')), [...elements])
    })
  }

  test('is read as PostgreSQL prints it, bare where nothing needs quotes', () => {
    assert.deepEqual(parseArray('{a,1.5,NULL,"NULL",t}'), ['a', '1.5', null, 'NULL', 't'])
  })
})

describe('a bigint', () => {
  const bigints = [
    ['0', 0],
    ['-1', -1],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['-9223372036854775808', -9223372036854775808n],
  ] as const
  for (const [text, value] of bigints) {
    test(`${text} is read as a ${typeof value}`, () => {
      assert.equal(parseBigint(text), value)
    })
  }
})
