import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import { compileBody } from './body.ts'
import { absentable, instantSchema } from './fields.ts'
import type { BodyContract } from './operation.ts'
import type { IdentityVersion } from './versions.ts'

const schema = Type.Object(
  {
    customId: absentable(Type.String()),
    scopes: absentable(Type.Array(Type.String(), { maxItems: 2 })),
    expiresInMinutes: absentable(Type.Integer()),
    tokensValidFrom: absentable(instantSchema),
  },
  { additionalProperties: false },
)

const contract: BodyContract = {
  schemas: { 'application/json': schema },
  isRequired: false,
  fieldVersions: {
    customId: { since: '2025-03-02-preview' },
    expiresInMinutes: { since: '2022-10-01', until: '2025-06-30' },
  },
}

const readBody = compileBody(contract)

/** Reads a body of JSON as a request of version 2025-03-02-preview. */
function read(
  body: string | Buffer,
  request: { readonly contentType?: string | undefined; readonly version?: IdentityVersion } = {},
  reader = readBody,
) {
  return reader({
    contentType: 'application/json',
    version: '2025-03-02-preview',
    ...request,
    bytes: Buffer.from(body),
  })
}

function invalid(...details: readonly (readonly [field: string, problem: string])[]) {
  return fail({
    kind: 'body-invalid',
    details: details.map(([field, problem]) => ({ field, problem })),
  })
}

const notJson = fail({ kind: 'body-not-json' })
const notTheMediaType = fail({ kind: 'media-type-unknown', accepted: ['application/json'] })

describe('a body of JSON', () => {
  const whole = {
    customId: 'ann',
    scopes: ['chat', 'voip'],
    expiresInMinutes: 60,
    tokensValidFrom: '2026-11-22T06:37:45Z',
  }
  const accepted: readonly (readonly [what: string, body: string, value: unknown])[] = [
    ['with every field', JSON.stringify(whole), whole],
    ['without a field', '{}', {}],
    ['of explicit nulls', '{"scopes":null,"customId":null}', { scopes: null, customId: null }],
    ['with a byte order mark', '\ufeff{"scopes":[]}', { scopes: [] }],
    ['with blanks around it', '\n {"scopes":[]}\r\n\t', { scopes: [] }],
    ['with a number written as 6e1', '{"expiresInMinutes":6e1}', { expiresInMinutes: 60 }],
    ['with a number beyond all limits', '{"expiresInMinutes":1e300}', { expiresInMinutes: 1e300 }],
    ['with text outside ASCII', '{"customId":"ä€😀"}', { customId: 'ä€😀' }],
  ]
  for (const [what, body, value] of accepted) {
    test(`is read ${what}`, () => {
      assert.deepEqual(read(body), ok(value))
    })
  }

  const wrong: readonly (readonly [body: string, field: string, problem: string])[] = [
    ['[]', '', 'Expected object, found array.'],
    ['null', '', 'Expected object, found null.'],
    ['1', '', 'Expected object, found number.'],
    ['"{}"', '', 'Expected object, found string.'],
    ['{"expiresInMinutes":"60"}', 'expiresInMinutes', 'Expected integer, found string.'],
    ['{"expiresInMinutes":60.5}', 'expiresInMinutes', 'Expected integer, found number.'],
    ['{"expiresInMinutes":true}', 'expiresInMinutes', 'Expected integer, found boolean.'],
    ['{"expiresInMinutes":1e400}', 'expiresInMinutes', 'Expected integer, found number.'],
    ['{"expiresInMinutes":[60]}', 'expiresInMinutes', 'Expected integer, found array.'],
    ['{"scopes":"chat"}', 'scopes', 'Expected array, found string.'],
    ['{"scopes":{}}', 'scopes', 'Expected array, found object.'],
    ['{"scopes":[1]}', 'scopes[0]', 'Expected string, found number.'],
    ['{"scopes":["chat",null]}', 'scopes[1]', 'Expected string, found null.'],
    ['{"scopes":["a","b","c"]}', 'scopes', 'Expected array length to be less or equal to 2.'],
    ['{"customId":5}', 'customId', 'Expected string, found number.'],
    ['{"tokensValidFrom":5}', 'tokensValidFrom', 'Expected string, found number.'],
    [
      '{"tokensValidFrom":"soon"}',
      'tokensValidFrom',
      "Expected string to match 'date-time' format.",
    ],
    ['{"expiresinminutes":60}', 'expiresinminutes', 'Unexpected property.'],
    ['{"":1}', '', 'Unexpected property.'],
    ['{"__proto__":{"scopes":["chat"]}}', '__proto__', 'Unexpected property.'],
    ['{"constructor":{}}', 'constructor', 'Unexpected property.'],
  ]
  for (const [body, field, problem] of wrong) {
    test(`is invalid as ${body}`, () => {
      assert.deepEqual(read(body), invalid([field, problem]))
    })
  }

  test('is told every field that is wrong, each once', () => {
    assert.deepEqual(
      read('{"scopes":[1,2],"expiresInMinutes":"60","tokens":1}'),
      invalid(
        ['tokens', 'Unexpected property.'],
        ['scopes[0]', 'Expected string, found number.'],
        ['expiresInMinutes', 'Expected integer, found string.'],
      ),
    )
  })

  test('is told eight wrong fields at most, their names cut to 64 characters', () => {
    const names = Array.from({ length: 9 }, (_, index) => `${index}`.repeat(65))
    const outcome = read(JSON.stringify(Object.fromEntries(names.map((name) => [name, 1]))))
    const told = names.slice(0, 8).map((name) => [name.slice(1), 'Unexpected property.'] as const)
    assert.deepEqual(outcome, invalid(...told))
  })

  const broken: readonly (readonly [what: string, body: string | Buffer])[] = [
    ['cut off', '{"scopes":['],
    ['followed by more', '{}{}'],
    ['with a comma too many', '{"scopes":[],}'],
    ['in single quotes', "{'scopes':[]}"],
    ['with a comment', '{}//'],
    ['of blanks alone', ' '],
    ['with half a character of UTF-8', Buffer.from([0x22, 0xe2, 0x82, 0x22])],
    ['in Latin-1', Buffer.from('{"customId":"\xe4"}', 'latin1')],
    ['in UTF-16', Buffer.from('\ufeff{}', 'utf16le')],
    ['with an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['with a NUL', '{}\0'],
  ]
  for (const [what, body] of broken) {
    test(`is no JSON ${what}`, () => {
      assert.deepEqual(read(body), notJson)
    })
  }
})

describe('an empty body', () => {
  for (const contentType of ['application/json', 'text/plain', undefined]) {
    test(`is an object without fields, announced as ${contentType}`, () => {
      assert.deepEqual(read('', { contentType }), ok({}))
    })
  }

  test('is refused where a body is required', () => {
    const reader = compileBody({ ...contract, isRequired: true })
    assert.deepEqual(read('', {}, reader), notJson)
    assert.deepEqual(read('', { contentType: undefined }, reader), notTheMediaType)
  })
})

describe('a media type', () => {
  const accepted = [
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    ' application/json ; odata=minimal; q="a;b"',
  ]
  for (const contentType of accepted) {
    test(`is taken as JSON when it is '${contentType}'`, () => {
      assert.deepEqual(read('{}', { contentType }), ok({}))
    })
  }

  const refused = [
    undefined,
    '',
    ';',
    'text/plain',
    'application/jsonp',
    'application/json, text/plain',
    'application/x-www-form-urlencoded',
    'application/merge-patch+json',
    '__proto__',
    'constructor',
  ]
  for (const contentType of refused) {
    test(`is refused when it is ${JSON.stringify(contentType)}`, () => {
      assert.deepEqual(read('{}', { contentType }), notTheMediaType)
    })
  }

  test('has a schema of its own', () => {
    const reader = compileBody({
      schemas: {
        'application/json': Type.Object({ tokens: Type.Array(Type.String()) }),
        'application/merge-patch+json': Type.Object({ patch: Type.String() }),
      },
      isRequired: true,
    })
    const patch = { contentType: 'application/merge-patch+json' }
    assert.deepEqual(read('{"tokens":[]}', {}, reader), ok({ tokens: [] }))
    assert.deepEqual(read('{"patch":"a"}', patch, reader), ok({ patch: 'a' }))
    assert.deepEqual(
      read('{}', { contentType: 'text/plain' }, reader),
      fail({
        kind: 'media-type-unknown',
        accepted: ['application/json', 'application/merge-patch+json'],
      }),
    )
  })
})

describe('a field that exists in some api-versions', () => {
  const lifetimes = [
    ['2022-06-01', false],
    ['2022-10-01', true],
    ['2025-06-30', true],
    ['2026-07-22', false],
  ] as const
  for (const [version, exists] of lifetimes) {
    test(`is ${exists ? 'read' : 'unknown'} in ${version}`, () => {
      const problem = `The field does not exist in API version '${version}'.`
      const expected = exists
        ? ok({ expiresInMinutes: 60 })
        : invalid(['expiresInMinutes', problem])
      assert.deepEqual(read('{"expiresInMinutes":60}', { version }), expected)
    })
  }

  test('may be null in the others, which is the same as absent', () => {
    const nulls = { customId: null, expiresInMinutes: null }
    assert.deepEqual(read(JSON.stringify(nulls), { version: '2021-03-07' }), ok(nulls))
  })

  test('is judged by its type first', () => {
    assert.deepEqual(
      read('{"expiresInMinutes":"60"}', { version: '2021-03-07' }),
      invalid(['expiresInMinutes', 'Expected integer, found string.']),
    )
  })
})
