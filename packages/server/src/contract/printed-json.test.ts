import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { printJson } from './printed-json.ts'

describe('JSON for people', () => {
  test('stands on one line where it fits', () => {
    assert.equal(printJson({ a: [1, 'b', null], c: {} }), '{ "a": [1, "b", null], "c": {} }')
  })

  test('is broken where it does not', () => {
    const long = 'x'.repeat(60)
    assert.equal(
      printJson({ short: { a: 1 }, list: [long, [long, true]] }),
      [
        '{',
        '  "short": { "a": 1 },',
        '  "list": [',
        `    "${long}",`,
        `    ["${long}", true]`,
        '  ]',
        '}',
      ].join('\n'),
    )
  })

  test('counts the name of a member and the comma behind it', () => {
    const value = { name: ['x'.repeat(40), 'y'.repeat(40)], other: 'z'.repeat(40) }
    for (const line of printJson(value).split('\n')) assert.ok(line.length <= 100, line)
    assert.deepEqual(JSON.parse(printJson(value)), value)
  })
})
