import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PrintedJson } from '../contract/operation.ts'
import type { Exchange } from './exchange.ts'
import { printExchangeReply, type Reply } from './reply.ts'

const reply: Reply = {
  status: 200,
  body: undefined,
  headers: {},
  requestId: 'request-1',
  contract: { status: 200 },
  closesConnection: false,
  refusalReason: undefined,
}

/** A request as far as its reply depends on it. */
function exchangeOf(
  clientRequestId?: string | readonly string[],
  supportedVersions = '2025-06-30, 2026-07-22',
): Exchange {
  const headers = { 'x-ms-client-request-id': clientRequestId }
  return { request: { headers }, route: { supportedVersions } } as unknown as Exchange
}

/** Status, headers and text of a reply. */
function print(changes: Partial<Reply>, exchange = exchangeOf()) {
  const { status, headers, text } = printExchangeReply(exchange, { ...reply, ...changes })
  return { status, headers, text }
}

/** The headers of a reply, in their order. */
function headersOf(changes: Partial<Reply>, exchange = exchangeOf()) {
  const { headers } = print(changes, exchange)
  return headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1]]] : []))
}

const requestId = ['x-ms-request-id', 'request-1'] as const
const versions = ['api-supported-versions', '2025-06-30, 2026-07-22'] as const
const isPublic = { 'cache-control': 'public, max-age=300' }

describe('a reply', () => {
  test('has its status, and without a body neither type nor length', () => {
    assert.deepEqual(print({ status: 204 }), {
      status: 204,
      headers: [...requestId, ...versions],
      text: undefined,
    })
  })

  const bodies: readonly (readonly [body: unknown, text: string, length: string])[] = [
    [{}, '{}', '2'],
    [{ id: 'ä😀' }, '{"id":"ä😀"}', '15'],
    [{ a: undefined, b: null }, '{"b":null}', '10'],
    [new PrintedJson('{"as":"is"}'), '{"as":"is"}', '11'],
    [new PrintedJson('ä'), 'ä', '2'],
  ]
  for (const [body, text, length] of bodies) {
    test(`counts the bytes of ${text}`, () => {
      assert.deepEqual(print({ body }), {
        status: 200,
        headers: [
          ...requestId,
          ...versions,
          'content-type',
          'application/json; charset=utf-8',
          'content-length',
          length,
        ],
        text,
      })
    })
  }
})

describe('the api-versions of a reply', () => {
  for (const status of [200, 201, 204, 400, 404, 422, 500, 503]) {
    test(`are listed with ${status}`, () => {
      assert.deepEqual(headersOf({ status }), [requestId, versions])
    })
  }

  test('are not listed to a caller that was refused', () => {
    assert.deepEqual(headersOf({ status: 401 }), [requestId])
  })

  test('are not listed where the route has none', () => {
    assert.deepEqual(headersOf({}, exchangeOf(undefined, '')), [requestId])
  })
})

describe('the id that a client gives its request', () => {
  const ids: readonly (readonly [what: string, id: string | readonly string[], boolean])[] = [
    ['a GUID', '11111111-1111-4111-8111-111111111111', true],
    ['one character', '~', true],
    ['128 characters', 'x'.repeat(128), true],
    ['129 characters', 'x'.repeat(129), false],
    ['nothing', '', false],
    ['with a blank', 'a b', false],
    ['with a line break', 'a\r\nset-cookie: b', false],
    ['with a tab', 'a\tb', false],
    ['with a NUL', 'a\0', false],
    ['with a DEL', 'a\x7f', false],
    ['outside ASCII', 'ä', false],
    ['two values', ['a', 'b'], false],
  ]
  for (const [what, id, isEchoed] of ids) {
    test(`is ${isEchoed ? '' : 'not '}echoed when it is ${what}`, () => {
      const echo = isEchoed ? [['x-ms-client-request-id', id]] : []
      assert.deepEqual(headersOf({}, exchangeOf(id)), [requestId, ...echo, versions])
    })
  }
})

describe('the caching of a reply', () => {
  const noStore = ['cache-control', 'no-store'] as const
  const cached = ['cache-control', 'public, max-age=300'] as const

  for (const status of [200, 400, 401, 500]) {
    test(`is forbidden for ${status} of an operation that hands out secrets`, () => {
      const contract = { status: 200, isSecret: true }
      const listed = status === 401 ? [] : [versions]
      assert.deepEqual(headersOf({ status, contract }), [requestId, ...listed, noStore])
    })
  }

  test('is not spoken of where nothing is secret', () => {
    assert.deepEqual(headersOf({ contract: { status: 200 } }), [requestId, versions])
    assert.deepEqual(headersOf({ contract: undefined }), [requestId, versions])
  })

  const statuses = [
    [200, true],
    [299, true],
    [300, false],
    [404, false],
    [500, false],
    [503, false],
  ] as const
  for (const [status, isCached] of statuses) {
    test(`is ${isCached ? '' : 'not '}what the contract says for ${status}`, () => {
      const contract = { status: 200, headers: isPublic }
      const expected = isCached ? [requestId, versions, cached] : [requestId, versions]
      assert.deepEqual(headersOf({ status, contract }), expected)
    })
  }
})

describe('the other headers of a reply', () => {
  test('are those of its fault', () => {
    const headers = { 'retry-after': '1', allow: 'GET' }
    assert.deepEqual(headersOf({ status: 503, headers }), [
      requestId,
      versions,
      ['retry-after', '1'],
      ['allow', 'GET'],
    ])
  })

  test('name the reason of a refusal where that is asked for', () => {
    const refusalReason = 'signature-differs'
    const reason = ['x-parley-reason', refusalReason]
    assert.deepEqual(headersOf({ status: 401, refusalReason }), [requestId, reason])
  })

  test('close the connection where that is asked for', () => {
    const close = ['connection', 'close']
    assert.deepEqual(headersOf({ closesConnection: true }), [requestId, versions, close])
  })
})
