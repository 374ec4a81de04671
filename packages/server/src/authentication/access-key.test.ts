import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import fc from 'fast-check'
import type { RefusalReason } from '../contract/faults.ts'
import { type ActiveAccessKey, activeAccessKey, type SealedAccessKey } from '../keys/model.ts'
import { type AccessKeyCheck, authenticateAccessKey, type SignedRequest } from './access-key.ts'

const dateText = 'Sun, 22 Nov 2026 06:37:45 GMT'
const nowMs = Date.UTC(2026, 10, 22, 6, 37, 45)
const resourceId = '11111111-1111-4111-8111-111111111111'
const secrets = { primary: Buffer.alloc(64, 1), secondary: Buffer.alloc(64, 2) } as const

function keyOf(
  owner: Partial<Omit<SealedAccessKey, 'sealedKey'>>,
  secret: Buffer,
): ActiveAccessKey {
  const place = { resourceId, slot: 'primary', generation: 1, ...owner } as const
  return activeAccessKey({ ...place, sealedKey: Buffer.alloc(0) }, secret)
}

const candidates = [
  keyOf({ generation: 3 }, secrets.primary),
  keyOf({ slot: 'secondary' }, secrets.secondary),
]
const check: AccessKeyCheck = { candidates, publicHosts: [], nowMs }
const [primarySigner, secondarySigner] = candidates.map((key) => ok(key))

/** What a client signs; what it leaves open is as most clients have it. */
interface Signing {
  readonly method?: string
  readonly pathAndQuery?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signedHeaders?: readonly string[]
  readonly secret?: Buffer
}

/** A request with its signature, made by node:crypto and by nothing of ours. */
function sign(signing: Signing = {}): SignedRequest & { readonly headers: IncomingHttpHeaders } {
  const { method = 'POST', pathAndQuery = '/identities?api-version=2023-10-01' } = signing
  const { signedHeaders = ['x-ms-date', 'host', 'x-ms-content-sha256'] } = signing
  const { body = '{"createTokenWithScopes":["chat"]}', secret = secrets.primary } = signing
  const headers: Record<string, string> = {
    host: 'parley.example',
    'x-ms-date': dateText,
    'x-ms-content-sha256': createHash('sha256').update(body).digest('base64'),
    ...signing.headers,
  }
  const values = signedHeaders.map((name) => headers[name.toLowerCase()] ?? '')
  const text = `${method}\n${pathAndQuery}\n${values.join(';')}`
  const signature = createHmac('sha256', secret).update(text).digest('base64')
  headers['authorization'] =
    `HMAC-SHA256 SignedHeaders=${signedHeaders.join(';')}&Signature=${signature}`
  return { method, pathAndQuery, headers, body: Buffer.from(body) }
}

/** The request, with some of its headers other than they were signed; absent where `undefined`. */
function withHeaders(request: SignedRequest, headers: IncomingHttpHeaders): SignedRequest {
  return { ...request, headers: { ...request.headers, ...headers } }
}

describe('a request signed with an access key', () => {
  test('comes from the resource and the key that signed it', () => {
    assert.deepEqual(authenticateAccessKey(sign(), check), primarySigner)
    const request = sign({ secret: secrets.secondary })
    assert.deepEqual(authenticateAccessKey(request, check), secondarySigner)
  })

  test('is good a second time: retries repeat their signature', () => {
    const request = sign()
    assert.deepEqual(authenticateAccessKey(request, check), primarySigner)
    assert.deepEqual(authenticateAccessKey(request, check), primarySigner)
  })

  test('may have an empty body', () => {
    const request = sign({ body: '' })
    const emptyHash = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    assert.equal(request.headers['x-ms-content-sha256'], emptyHash)
    assert.deepEqual(authenticateAccessKey(request, check), primarySigner)
  })

  test('is found among the keys of many resources', () => {
    const others = Array.from({ length: 50 }, (_, index) =>
      keyOf({ resourceId: `r${index}` }, Buffer.alloc(64, 99)),
    )
    const many = { ...check, candidates: [...others, ...candidates] }
    assert.deepEqual(authenticateAccessKey(sign(), many), primarySigner)
  })

  test('may be signed with any key, by whatever it is opened to', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.string(), (bytes, body) => {
        const secret = Buffer.from(bytes)
        const key = keyOf({ generation: 9 }, secret)
        const own = { ...check, candidates: [...candidates, key] }
        const outcome = authenticateAccessKey(sign({ secret, body }), own)
        assert.deepEqual(outcome, ok(key))
      }),
      { numRuns: 50 },
    )
  })

  test('is refused where its key is none of the candidates', () => {
    const refused = fail('signature-differs')
    const none = { ...check, candidates: [] }
    const other = { ...check, candidates: candidates.slice(1) }
    assert.deepEqual(authenticateAccessKey(sign(), none), refused)
    assert.deepEqual(authenticateAccessKey(sign(), other), refused)
  })
})

describe('what clients sign in their own way', () => {
  const orders = [
    ['host', 'x-ms-date', 'x-ms-content-sha256'],
    ['x-ms-content-sha256', 'host', 'x-ms-date'],
    ['X-MS-Date', 'Host', 'X-MS-Content-SHA256'],
    ['date', 'host', 'x-ms-content-sha256'],
    ['date', 'x-ms-date', 'host', 'x-ms-content-sha256'],
    ['x-ms-date', 'host', 'x-ms-content-sha256', 'x-ms-client-request-id'],
    ['x-ms-date', 'host', 'x-ms-content-sha256', 'x-absent'],
  ] as const
  for (const signedHeaders of orders) {
    test(`are the headers in any order: ${signedHeaders.join(';')}`, () => {
      const headers = { date: dateText, 'x-ms-client-request-id': 'id 1' }
      const request = sign({ signedHeaders, headers })
      assert.deepEqual(authenticateAccessKey(request, check), primarySigner)
    })
  }

  const hosts: readonly (readonly [
    sent: string,
    signed: string,
    publicHosts: readonly string[],
  ])[] = [
    ['parley.example:4430', 'parley.example:4430', []],
    ['parley.example:4430', 'parley.example', []],
    ['[::1]:4430', '[::1]', []],
    ['127.0.0.1:8080', 'a.example', ['a.example']],
    ['127.0.0.1:8080', 'b.example:8443', ['a.example', 'b.example:8443']],
  ]
  for (const [sent, signed, publicHosts] of hosts) {
    test(`is the host ${signed} where ${sent} arrives and [${publicHosts}] is public`, () => {
      const request = withHeaders(sign({ headers: { host: signed } }), { host: sent })
      assert.deepEqual(authenticateAccessKey(request, { ...check, publicHosts }), primarySigner)
    })
  }

  const otherHosts: typeof hosts = [
    ['parley.example', 'parley.example:4430', []],
    ['parley.example:4430', 'parley.example:4431', []],
    ['parley.example', 'PARLEY.example', []],
    ['127.0.0.1:8080', 'c.example', ['a.example']],
    ['127.0.0.1:8080', 'b.example', ['b.example:8443']],
  ]
  for (const [sent, signed, publicHosts] of otherHosts) {
    test(`is no host ${signed} where ${sent} arrives and [${publicHosts}] is public`, () => {
      const request = withHeaders(sign({ headers: { host: signed } }), { host: sent })
      const refused = fail('signature-differs')
      assert.deepEqual(authenticateAccessKey(request, { ...check, publicHosts }), refused)
    })
  }

  const paths = [
    ['JavaScript, for a space', '/a?name=a%20b', '/a?name=a+b'],
    ['JavaScript, for escapes in lower case', '/a?name=%c3%a4', '/a?name=%C3%A4'],
    ['JavaScript, for a parameter without a value', '/a?name', '/a?name='],
    ['Python over plain http', '/identities?a=%20b', 'identities?a=%20b'],
    ['whoever leaves it as it is', '/a?name=%c3%a4+b%20', '/a?name=%c3%a4+b%20'],
  ] as const
  for (const [who, sent, signed] of paths) {
    test(`is the path by ${who}: ${signed} for ${sent}`, () => {
      const request = { ...sign({ pathAndQuery: signed }), pathAndQuery: sent }
      assert.deepEqual(authenticateAccessKey(request, check), primarySigner)
    })
  }

  const otherPaths = [
    ['/a/8%3Aacs', '/a/8:acs'],
    ['/a/8%3Aacs', '/a/8%3aacs'],
    ['/a?b=1&c=2', '/a?c=2&b=1'],
    ['/a?b=1', '/a'],
    ['/a', '//a'],
    ['//a', 'a'],
  ] as const
  for (const [sent, signed] of otherPaths) {
    test(`is not the path ${signed} where ${sent} arrives`, () => {
      const request = { ...sign({ pathAndQuery: signed }), pathAndQuery: sent }
      assert.deepEqual(authenticateAccessKey(request, check), fail('signature-differs'))
    })
  }
})

describe('a request that was changed after it was signed', () => {
  const request = sign()
  const changes: readonly (readonly [what: string, changed: SignedRequest, RefusalReason])[] = [
    ['the method', { ...request, method: 'POSU' }, 'signature-differs'],
    [
      'the path',
      { ...request, pathAndQuery: '/identitier?api-version=2023-10-01' },
      'signature-differs',
    ],
    [
      'the query',
      { ...request, pathAndQuery: '/identities?api-version=2023-10-00' },
      'signature-differs',
    ],
    ['the host', withHeaders(request, { host: 'parley.examplf' }), 'signature-differs'],
    [
      'the date',
      withHeaders(request, { 'x-ms-date': dateText.replace('45', '44') }),
      'signature-differs',
    ],
    [
      'the body',
      { ...request, body: Buffer.from('{"createTokenWithScopes":["chau"]}') },
      'content-hash-differs',
    ],
  ]
  for (const [what, changed, reason] of changes) {
    test(`is refused for one other byte in ${what}: ${reason}`, () => {
      assert.deepEqual(authenticateAccessKey(changed, check), fail(reason))
    })
  }

  test('is refused for one other byte in the key', () => {
    const secret = Buffer.from(secrets.primary)
    secret[63] = 0
    const signed = sign({ secret })
    assert.deepEqual(authenticateAccessKey(signed, check), fail('signature-differs'))
  })

  test('is refused for another body even when its hash was made anew', () => {
    const body = '{}'
    const hashed = createHash('sha256').update(body).digest('base64')
    const changed = withHeaders(request, { 'x-ms-content-sha256': hashed })
    const refused = fail('signature-differs')
    assert.deepEqual(authenticateAccessKey({ ...changed, body: Buffer.from(body) }, check), refused)
  })

  test('is refused for a signed header of its own that changed', () => {
    const signedHeaders = ['x-ms-date', 'host', 'x-ms-content-sha256', 'x-extra']
    const extra = sign({ signedHeaders, headers: { 'x-extra': 'one' } })
    const refused = fail('signature-differs')
    assert.deepEqual(
      authenticateAccessKey(withHeaders(extra, { 'x-extra': 'two' }), check),
      refused,
    )
  })

  test('is refused for any one bit of its signature', () => {
    const { authorization = '' } = request.headers
    const [scheme = '', signature = ''] = authorization.split(/(?<=&Signature=)/)
    const bits = fc.integer({ min: 0, max: 255 })
    fc.assert(
      fc.property(bits, (bit) => {
        const bytes = Buffer.from(signature, 'base64')
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const forged = withHeaders(request, { authorization: scheme + bytes.toString('base64') })
        assert.deepEqual(authenticateAccessKey(forged, check), fail('signature-differs'))
      }),
      { numRuns: 256 },
    )
  })
})

describe('the date of a signed request', () => {
  const minutes = 60_000
  const skews = [
    [0, true],
    [4 * minutes + 59_000, true],
    [5 * minutes, true],
    [5 * minutes + 1, false],
    [5 * minutes + 1000, false],
    [24 * 60 * minutes, false],
  ] as const
  for (const [skewMs, accepted] of skews) {
    for (const [direction, factor] of [
      ['behind', 1],
      ['ahead of', -1],
    ] as const) {
      const verb = accepted ? 'may lie' : 'may not lie'
      test(`${verb} ${skewMs} ms ${direction} the clock`, () => {
        const later = { ...check, nowMs: nowMs + factor * skewMs }
        const expected = accepted ? primarySigner : fail('date-out-of-window')
        assert.deepEqual(authenticateAccessKey(sign(), later), expected)
      })
    }
  }

  const malformed = [
    '',
    'now',
    '2026-11-22T06:37:45Z',
    '1795329465',
    'Sun, 22 Nov 2026 06:37:45',
    'Sun, 22 Nov 2026 06:37:45 UTC',
    'Sun, 22 Nov 2026 06:37:45 +0000',
    'Sun, 22 Nov 2026 06:37:45 GMT ',
    'Sun, 22 Nov 2026 6:37:45 GMT',
    'Sun, 22 Nov 26 06:37:45 GMT',
    'sun, 22 Nov 2026 06:37:45 GMT',
    'Sunday, 22-Nov-26 06:37:45 GMT',
    'Sun Nov 22 06:37:45 2026',
    'Sun, 22 Xyz 2026 06:37:45 GMT',
    'Sun, 99 Nov 2026 06:37:45 GMT',
    'Sun, 22 Nov 2026 25:37:45 GMT',
    'Sun, 22 Nov 2026 06:60:45 GMT',
  ]
  for (const date of malformed) {
    test(`is refused when it is '${date}'`, () => {
      const request = sign({ headers: { 'x-ms-date': date } })
      assert.deepEqual(authenticateAccessKey(request, check), fail('date-malformed'))
    })
  }

  test('is x-ms-date where both are signed', () => {
    const signedHeaders = ['date', 'x-ms-date', 'host', 'x-ms-content-sha256']
    const old = sign({ signedHeaders, headers: { date: 'Sun, 22 Nov 2020 06:37:45 GMT' } })
    assert.deepEqual(authenticateAccessKey(old, check), primarySigner)
  })

  test('counts only where it is signed', () => {
    const signedHeaders = ['date', 'host', 'x-ms-content-sha256']
    const old = { date: 'Sun, 22 Nov 2020 06:37:45 GMT', 'x-ms-date': dateText }
    const request = sign({ signedHeaders, headers: old })
    assert.deepEqual(authenticateAccessKey(request, check), fail('date-out-of-window'))
  })
})

describe('the Authorization header of a signed request', () => {
  const signature = `${'A'.repeat(43)}=`
  const names = 'x-ms-date;host;x-ms-content-sha256'
  const malformed = [
    '',
    'Bearer abc',
    'HMAC-SHA256',
    `HMAC-SHA256 SignedHeaders=${names}`,
    `HMAC-SHA256 Signature=${signature}`,
    `HMAC-SHA256 Signature=${signature}&SignedHeaders=${names}`,
    `HMAC-SHA256 SignedHeaders=&Signature=${signature}`,
    `HMAC-SHA256 SignedHeaders=${names};&Signature=${signature}`,
    `HMAC-SHA256 SignedHeaders=x-ms-date host&Signature=${signature}`,
    `HMAC-SHA256 SignedHeaders=${Array(17).fill('host').join(';')}&Signature=${signature}`,
    `HMAC-SHA256  SignedHeaders=${names}&Signature=${signature}`,
    `hmac-sha256 SignedHeaders=${names}&Signature=${signature}`,
    `HMAC-SHA512 SignedHeaders=${names}&Signature=${signature}`,
    `HMAC-SHA256 SignedHeaders=${names}&Signature=${signature} `,
    `HMAC-SHA256 SignedHeaders=${names}&Signature=${signature.slice(1)}`,
    `HMAC-SHA256 SignedHeaders=${names}&Signature=A${signature}`,
    `HMAC-SHA256 SignedHeaders=${names}&Signature=${'A'.repeat(44)}`,
    `HMAC-SHA256 SignedHeaders=${names}&Signature=${'A'.repeat(42)}==`,
    `HMAC-SHA256 SignedHeaders=${names}&Signature=-${signature.slice(1)}`,
    `HMAC-SHA256 SignedHeaders=${names}&Signature=${signature}&Signature=${signature}`,
    `HMAC-SHA256 SignedHeaders=${names}&Signature=${signature}, Bearer abc`,
  ]
  for (const authorization of malformed) {
    test(`is malformed as '${authorization}'`, () => {
      const request = withHeaders(sign(), { authorization })
      assert.deepEqual(authenticateAccessKey(request, check), fail('authorization-malformed'))
    })
  }

  test('is missing where there is none', () => {
    const request = withHeaders(sign(), { authorization: undefined })
    assert.deepEqual(authenticateAccessKey(request, check), fail('authorization-missing'))
  })

  const tooFew = [
    ['x-ms-date', 'host'],
    ['x-ms-date', 'x-ms-content-sha256'],
    ['host', 'x-ms-content-sha256'],
    ['x-ms-date'],
    ['authorization', 'host', 'x-ms-content-sha256'],
  ]
  for (const signedHeaders of tooFew) {
    test(`covers too little with ${signedHeaders.join(';')}`, () => {
      const request = sign({ signedHeaders })
      assert.deepEqual(authenticateAccessKey(request, check), fail('headers-not-signed'))
    })
  }

  const absent: readonly (readonly [name: string, reason: RefusalReason])[] = [
    ['x-ms-date', 'date-malformed'],
    ['x-ms-content-sha256', 'content-hash-differs'],
    ['host', 'signature-differs'],
  ]
  for (const [name, reason] of absent) {
    test(`does not stand in for ${name}, which it names`, () => {
      const request = withHeaders(sign(), { [name]: undefined })
      assert.deepEqual(authenticateAccessKey(request, check), fail(reason))
    })
  }

  test('names a hash that is compared exactly', () => {
    const request = sign({ body: '' })
    const hashed = String(request.headers['x-ms-content-sha256'])
    for (const other of [hashed.toLowerCase(), ` ${hashed}`, hashed.replace('=', ''), '']) {
      const changed = withHeaders(request, { 'x-ms-content-sha256': other })
      assert.deepEqual(authenticateAccessKey(changed, check), fail('content-hash-differs'))
    }
  })
})
