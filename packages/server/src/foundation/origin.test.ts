import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { originsMax, parseOrigin, parseOrigins } from './origin.ts'

describe('an origin', () => {
  for (const [text, origin] of [
    ['https://app.example', 'https://app.example'],
    ['HTTPS://App.Example:443', 'https://app.example'],
    ['http://localhost:5173', 'http://localhost:5173'],
    ['http://[::1]:80', 'http://[::1]'],
    ['http://127.0.0.1:443', 'http://127.0.0.1:443'],
    ['capacitor://localhost', 'capacitor://localhost'],
  ] as const) {
    test(`${text} is read`, () => assert.equal(parseOrigin(text), origin))
  }
  for (const text of [
    '',
    '*',
    'null',
    'app.example',
    'https://',
    'https://app.example/',
    'https://app.example/path',
    'https://user@app.example',
    'https://*.app.example',
    'https://a.example https://b.example',
    'https://a.example\r\nx: y',
    'https://a.example://b',
    `https://${'a'.repeat(256)}`,
  ]) {
    test(`${JSON.stringify(text).slice(0, 40)} is none`, () =>
      assert.equal(parseOrigin(text), undefined))
  }
})

describe('a list of origins', () => {
  test('names each once', () => {
    const origins = parseOrigins(['https://a.example', 'https://A.example:443'])
    assert.deepEqual(origins.ok && origins.value, ['https://a.example'])
  })
  test('may be empty, or one star', () => {
    assert.ok(parseOrigins([]).ok)
    assert.ok(parseOrigins(['*']).ok)
  })
  test('is refused with a star among others, or too long', () => {
    assert.equal(parseOrigins(['*', 'https://a.example']).ok, false)
    const many = Array.from({ length: originsMax + 1 }, (_, index) => `https://a${index}.example`)
    assert.equal(parseOrigins(many).ok, false)
    assert.ok(parseOrigins(many.slice(1)).ok)
  })
})
