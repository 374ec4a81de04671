import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { faultOfMetadata, faultOfName, faultOfText, patchedMetadata } from './texts.ts'

describe('a text', () => {
  for (const text of ['', 'a', '\u{1f600}', '\u0001', 'e\u0301', '\ufffe']) {
    test(`may be ${JSON.stringify(text)}`, () => {
      assert.equal(faultOfText('f', text), undefined)
    })
  }
  for (const text of ['\0', 'a\0', '\ud83d', '\ude00\ud83d']) {
    test(`may not be ${JSON.stringify(text)}`, () => {
      assert.equal(faultOfText('f', text)?.field, 'f')
    })
  }
})

describe('a name', () => {
  test('is absent, or has 1,024 characters at most', () => {
    for (const name of [undefined, null, '', 'x'.repeat(1024)]) {
      assert.equal(faultOfName('n', name), undefined)
    }
    assert.equal(faultOfName('n', 'x'.repeat(1025))?.field, 'n')
  })
})

describe('metadata', () => {
  const sizes = [
    [{ a: 'x'.repeat(1023) }, true],
    [{ a: 'x'.repeat(1024) }, false],
    [{ ['x'.repeat(1024)]: '' }, true],
    [{ a: 'x'.repeat(511), b: 'x'.repeat(511) }, true],
    [{ a: 'x'.repeat(511), b: 'x'.repeat(512) }, false],
    [{ a: '\u00e9'.repeat(512) }, false],
    [{ a: null, b: 'x' }, true],
    [{ a: '\0' }, false],
    [{ '\0': 'a' }, false],
  ] as const
  for (const [index, [metadata, isGood]] of sizes.entries()) {
    test(`number ${index} is ${isGood ? 'taken' : 'refused'}`, () => {
      assert.equal(faultOfMetadata('m', metadata) === undefined, isGood)
    })
  }

  const patches = [
    [undefined, { a: '1' }, { a: '1' }],
    [
      { a: '1', b: '2' },
      { a: null, c: '3' },
      { b: '2', c: '3' },
    ],
    [{ a: '1' }, { a: null }, undefined],
    [{ a: '1' }, {}, { a: '1' }],
    [{ a: '1' }, null, undefined],
    [undefined, { a: null }, undefined],
  ] as const
  for (const [target, patch, expected] of patches) {
    test(`${JSON.stringify(target)} patched by ${JSON.stringify(patch)} is merged`, () => {
      assert.deepEqual(patchedMetadata(target, patch), expected)
    })
  }
})
