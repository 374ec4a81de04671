import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import fc from 'fast-check'
import { compileBody } from './body.ts'

const form = 'application/x-www-form-urlencoded'

const readForm = compileBody({
  schemas: { [form]: Type.Object({ token: Type.String() }) },
  isRequired: true,
})

function read(body: string | Buffer, contentType = form) {
  return readForm({ contentType, version: '2026-09-23', bytes: Buffer.from(body) })
}

function invalid(field: string, problem: string) {
  return fail({ kind: 'body-invalid', details: [{ field, problem }] })
}

/** The fields of a form, without the prototype that the reader leaves out too. */
function fields(values: Readonly<Record<string, string>>): unknown {
  return Object.assign(Object.create(null), values)
}

describe('a form', () => {
  const accepted: readonly (readonly [body: string, values: Readonly<Record<string, string>>])[] = [
    ['token=a', { token: 'a' }],
    ['token=', { token: '' }],
    ['token=a.b-c_d', { token: 'a.b-c_d' }],
    ['token=a=b==', { token: 'a=b==' }],
    ['token=a%2Bb%3d%26', { token: 'a+b=&' }],
    ['token=a+b', { token: 'a b' }],
    ['token=%C3%A4', { token: 'ä' }],
    ['token=ä', { token: 'ä' }],
    ['token=100%', { token: '100%' }],
    ['%74oken=a', { token: 'a' }],
    ['&&token=a&', { token: 'a' }],
    ['token=a&token_type_hint=access_token', { token: 'a', token_type_hint: 'access_token' }],
    ['token=a&other', { token: 'a', other: '' }],
    ['token=a&=b', { token: 'a', '': 'b' }],
    ['token=a&constructor=b&toString=c', { token: 'a', constructor: 'b', toString: 'c' }],
  ]
  for (const [body, values] of accepted) {
    test(`is read from ${body}`, () => {
      assert.deepEqual(read(body), ok(fields(values)))
    })
  }

  test('may announce its character set', () => {
    assert.deepEqual(read('token=a', `${form}; charset=UTF-8`), ok(fields({ token: 'a' })))
  })

  test('keeps a parameter called __proto__ as one among others', () => {
    const outcome = read('token=a&__proto__=b')
    assert.ok(outcome.ok)
    const value = outcome.value as object
    assert.equal(Object.getPrototypeOf(value), null)
    assert.deepEqual(Object.entries(value), [
      ['token', 'a'],
      ['__proto__', 'b'],
    ])
    assert.equal(({} as Record<string, unknown>)['token'], undefined)
  })

  const doubled = ['token=a&token=a', 'token=a&token=b', 'token&%74oken=a', 'token=a&&token']
  for (const body of doubled) {
    test(`is refused where a parameter stands twice: ${body}`, () => {
      assert.deepEqual(read(body), invalid('token', 'The parameter stands twice.'))
    })
  }

  test('is refused where __proto__ stands twice', () => {
    const expected = invalid('__proto__', 'The parameter stands twice.')
    assert.deepEqual(read('__proto__=a&token=b&__proto__=c'), expected)
  })

  for (const body of ['', '&', 'Token=a', 'tokens=a', '{"token":"a"}']) {
    test(`is refused without the parameter that counts: '${body}'`, () => {
      assert.deepEqual(read(body), invalid('token', 'Expected required property.'))
    })
  }

  test('is refused when its bytes are no UTF-8', () => {
    const bytes = Buffer.from('token=\xe4', 'latin1')
    assert.deepEqual(read(bytes), fail({ kind: 'body-not-json' }))
  })

  test('is read as the URL standard reads it, whatever stands in it', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab=+%&4e1 ;ä') })
    const sorted = (pairs: Iterable<readonly [string, string]>) => [...pairs].sort()
    fc.assert(
      fc.property(text, (rest) => {
        const body = `token=x&${rest}`
        const pairs = new URLSearchParams(body)
        const outcome = read(body)
        assert.equal(outcome.ok, new Set(pairs.keys()).size === pairs.size)
        if (!outcome.ok) return
        assert.deepEqual(sorted(Object.entries(outcome.value as object)), sorted(pairs))
      }),
      { numRuns: 300 },
    )
  })
})
