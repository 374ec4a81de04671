import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mergePatch } from './merge-patch.ts'

/** @source RFC 7396 appendix A. */
const examples: readonly (readonly [target: unknown, patch: unknown, merged: unknown])[] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
]

describe('a merge patch', () => {
  for (const [target, patch, merged] of examples) {
    test(`makes ${JSON.stringify(target)} with ${JSON.stringify(patch)} as the RFC says`, () => {
      assert.deepEqual(mergePatch(target, patch), merged)
    })
  }

  test('takes a member called __proto__ for a member', () => {
    const merged = mergePatch({}, JSON.parse('{"__proto__":{"polluted":"yes"}}'))
    assert.deepEqual(Object.keys(merged as object), ['__proto__'])
    assert.equal((merged as { polluted?: string }).polluted, undefined)
  })
})
