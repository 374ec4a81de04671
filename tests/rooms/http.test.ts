import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { atOnce, createIdentity, identityPath, told, version } from '../calls.ts'
import { type Answer, send, signed, type TestRequest, theWorld } from '../world.ts'

const world = await theWorld()
const { createTenant, origin } = world
const { port } = new URL(origin)

const identities = `/identities?api-version=${version}`
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function error(status: number, code: string, message: string) {
  return { status, body: { error: { code, message } } }
}

const malformed = error(400, 'BadRequest', 'The request is not well-formed HTTP.')
const denied = error(401, 'Denied', 'Denied by the resource provider.')
const pathUnknown = error(404, 'NotFound', 'The requested path does not exist.')

/** Writes pieces one after the other and gives all that comes until the server closes. */
function converse(...pieces: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), noDelay: true })
    let text = ''
    const write = (index: number) => {
      const piece = pieces[index]
      if (piece === undefined || socket.destroyed) return
      socket.write(piece, () => setImmediate(write, index + 1))
    }
    socket.on('connect', () => write(0))
    socket.on('data', (data: Buffer) => {
      text += data.toString('latin1')
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
}

function statusesIn(text: string): readonly number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}

function lastBodyIn(text: string): unknown {
  return JSON.parse(text.slice(text.lastIndexOf('\r\n\r\n') + 4))
}

/** A signed request as the bytes of HTTP/1.1. */
function bytesOf({ method, path, body, headers, host }: TestRequest, last = true): string {
  const all = {
    host: host ?? new URL(origin).host,
    ...(last ? { connection: 'close' } : {}),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  const text = String(body ?? '')
  const length = `content-length: ${Buffer.byteLength(text)}\r\n`
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}${length}\r\n${text}`
}

describe('a path or method that does not exist', () => {
  const unknownPaths = [
    '/',
    '/identity?api-version=2023-10-01',
    '/identities/x/y?api-version=2023-10-01',
    '/identities/x/:issueAccessTokens?api-version=2023-10-01',
    '/identities/x/issueAccessToken?api-version=2023-10-01',
    '/Identities?api-version=2023-10-01',
    '//identities?api-version=2023-10-01',
    '/identities/%zz?api-version=2023-10-01',
    `/identities/${'a'.repeat(257)}?api-version=2023-10-01`,
  ]
  for (const path of unknownPaths) {
    test(`is answered 404: POST ${path.slice(0, 60)}`, async () => {
      const answer = await send(origin, { method: 'POST', path })
      assert.deepEqual(told(answer), pathUnknown)
      assert.match(String(answer.headers['x-ms-request-id']), uuid)
    })
  }

  const unknownMethods = [
    ['GET', '/identities', 'POST'],
    ['PUT', '/identities', 'POST'],
    ['OPTIONS', '/identities', 'POST'],
    ['POST', '/identities/x', 'GET, DELETE, PATCH'],
    ['GET', '/identities/x/:issueAccessToken', 'POST'],
    ['DELETE', '/.well-known/jwks.json', 'GET'],
  ] as const
  for (const [method, path, allowed] of unknownMethods) {
    test(`is answered 405: ${method} ${path}`, async () => {
      const answer = await send(origin, { method, path: `${path}?api-version=${version}` })
      const message = 'The requested path does not support the method.'
      assert.deepEqual(told(answer), error(405, 'MethodNotAllowed', message))
      const { allow = '' } = answer.headers
      assert.deepEqual(allow.split(', ').sort(), allowed.split(', ').sort())
    })
  }

  test('is answered 405 without a body to HEAD', async () => {
    const { status, headers, text } = await sendHead('/.well-known/jwks.json')
    assert.deepEqual([status, headers['allow'], text], [405, 'GET', ''])
  })

  async function sendHead(path: string): Promise<Omit<Answer, 'body'>> {
    const raw = await converse(bytesOf({ method: 'HEAD', path }))
    const [head = '', text = ''] = raw.split('\r\n\r\n')
    const lines = head.split('\r\n').slice(1)
    const headers = Object.fromEntries(lines.map((line) => line.split(': ')))
    return { status: statusesIn(raw)[0] ?? 0, headers, text }
  }
})

describe('the api-version', () => {
  const unsupported = (given: string) => (host: string) =>
    error(
      400,
      'UnsupportedApiVersion',
      `The HTTP resource that matches the request URI 'http://${host}/identities' ` +
        `does not support the API version '${given}'.`,
    )
  const missing = () =>
    error(400, 'ApiVersionUnspecified', 'An API version is required, but was not specified.')
  const queries: readonly (readonly [string, (host: string) => ReturnType<typeof told>])[] = [
    ['', missing],
    ['?', missing],
    ['?api-version=', missing],
    ['?API-Version=2023-10-01', missing],
    ['?api-version=2019-01-01', unsupported('2019-01-01')],
    ['?api-version=2023-10-01%20', unsupported('2023-10-01 ')],
    ['?api-version=2023-10-01&api-version=2023-10-01', unsupported('2023-10-01,2023-10-01')],
    [`?api-version=${'9'.repeat(100)}`, unsupported('9'.repeat(64))],
    ['?api-version=__proto__', unsupported('__proto__')],
    ['?api-version=%22%3E%3Cx', unsupported('"><x')],
  ]
  for (const [query, expected] of queries) {
    test(`is refused as '${query.slice(0, 50)}'`, async () => {
      const tenant = await createTenant()
      const answer = await tenant.call({ method: 'POST', path: `/identities${query}` })
      assert.deepEqual(told(answer), expected(tenant.host))
      assert.match(String(answer.headers['api-supported-versions']), /^2020-07-20-preview2, /)
    })
  }

  test('that exist are listed with successes and validation errors, not with 401', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const path = identityPath(id, '/:issueAccessToken')
    const good = await tenant.call({ method: 'POST', path, body: { scopes: ['chat'] } })
    const bad = await tenant.call({ method: 'POST', path, body: {} })
    const refused = await send(origin, { method: 'POST', path })
    const listed =
      '2021-02-22-preview1, 2021-03-07, 2021-03-31-preview1, 2021-10-31-preview, 2021-11-01, ' +
      '2022-06-01, 2022-10-01, 2023-10-01, 2025-03-02-preview, 2025-06-30, 2026-07-22, 2026-09-23'
    const answers = [good, bad, refused]
    assert.deepEqual(
      answers.map(({ status, headers }) => [status, headers['api-supported-versions']]),
      [
        [200, listed],
        [400, listed],
        [401, undefined],
      ],
    )
  })
})

describe('the ids of a request', () => {
  const echoes = [
    ['9f3a2c44-0000-4000-8000-000000000000', true],
    ['x'.repeat(128), true],
    ['x'.repeat(129), false],
    ['two words', false],
    ['tab\tbed', false],
    ['caf\u00e9', false],
  ] as const
  for (const [given, isEchoed] of echoes) {
    test(`${isEchoed ? 'are' : 'are not'} echoed: '${given.slice(0, 40)}'`, async () => {
      const tenant = await createTenant()
      const headers = { 'x-ms-client-request-id': given }
      const requests = [
        tenant.call({ method: 'POST', path: identities, headers }),
        send(origin, { method: 'POST', path: identities, headers }),
        send(origin, { method: 'POST', path: '/nowhere', headers }),
      ]
      const answers = await Promise.all(requests)
      assert.deepEqual(
        answers.map(({ status }) => status),
        [201, 401, 404],
      )
      const expected = isEchoed ? given : undefined
      for (const answer of answers) {
        assert.equal(answer.headers['x-ms-client-request-id'], expected)
      }
    })
  }

  test('are each given once by the server', async () => {
    const paths = [identities, '/nowhere', '/.well-known/jwks.json']
    const answers = await atOnce(60, (index) =>
      send(origin, { method: 'GET', path: paths[index % 3] ?? '' }),
    )
    const ids = answers.map(({ headers }) => String(headers['x-ms-request-id']))
    assert.equal(new Set(ids).size, 60)
    for (const id of ids) assert.match(id, uuid)
  })
})

describe('a connection', () => {
  test('serves on after each kind of error', async () => {
    const tenant = await createTenant()
    const good = { method: 'POST', path: identities, accessKey: tenant.primaryKey }
    const own = (request: TestRequest) =>
      signed(origin, { accessKey: tenant.primaryKey, host: tenant.host, ...request }, Date.now())
    const requests: readonly TestRequest[] = [
      { method: 'POST', path: '/nowhere' },
      { method: 'PUT', path: identities },
      { method: 'POST', path: identities, body: '{' },
      { method: 'POST', path: '/identities' },
      own({ ...good, body: '{' }),
      own({ ...good, body: '{"x":1}' }),
      own({ ...good, body: 'x', headers: { 'content-type': 'text/plain' } }),
      own(good),
    ]
    const pieces = requests.map((one, index) => bytesOf(one, index === requests.length - 1))
    const statuses = [404, 405, 401, 400, 422, 400, 415, 201]
    assert.deepEqual(statusesIn(await converse(...pieces)), statuses)
    assert.deepEqual(statusesIn(await converse(pieces.join(''))), statuses)
  })

  test('that sends byte by byte is served, and holds up nobody', async () => {
    const tenant = await createTenant()
    const body = { createTokenWithScopes: ['chat'] }
    const { host } = tenant
    const request = { method: 'POST', path: identities, body: JSON.stringify(body), host }
    const ready = signed(origin, { ...request, accessKey: tenant.primaryKey }, Date.now())
    const slow = converse(...bytesOf(ready))
    await atOnce(20, () => createIdentity(tenant))
    assert.deepEqual(statusesIn(await slow), [201])
  })

  const nonsense: readonly (readonly [string, string | Buffer])[] = [
    ['that speaks no HTTP', 'hello\r\n\r\n'],
    ['that begins a TLS handshake', Buffer.from('16030100a5010000a10303', 'hex')],
    ['with an unknown method', 'BREW /identities HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['with a space in a header name', 'GET / HTTP/1.1\r\nhost: x\r\nbad name: 1\r\n\r\n'],
    ['with two lengths', `POST / HTTP/1.1\r\nhost: x\r\n${lengthTwice()}`],
    [
      'with a length and chunks',
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
    ],
    ['with a header over 16 KiB', `GET / HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(17_000)}\r\n\r\n`],
    ['with a path over 16 KiB', `GET /${'x'.repeat(17_000)} HTTP/1.1\r\nhost: x\r\n\r\n`],
  ]
  for (const [name, bytes] of nonsense) {
    test(`${name} is answered 400 and closed`, async () => {
      const text = await converse(bytes)
      const answer = { status: statusesIn(text)[0], body: lastBodyIn(text) }
      assert.deepEqual(answer, malformed)
      assert.match(text, /\r\nconnection: close\r\n/i)
    })
  }

  function lengthTwice(): string {
    return 'content-length: 1\r\ncontent-length: 2\r\n\r\nab'
  }

  test('without a host header is answered 400 and closed', async () => {
    const text = await converse('GET /nowhere HTTP/1.1\r\n\r\n')
    assert.deepEqual(statusesIn(text), [400])
    assert.match(text, /\r\nconnection: close\r\n/i)
  })

  test('may speak HTTP/1.0', async () => {
    const text = await converse('POST /identities?api-version=2023-10-01 HTTP/1.0\r\n\r\n')
    assert.deepEqual({ status: statusesIn(text)[0], body: lastBodyIn(text) }, denied)
  })
})

describe('the management listener', () => {
  const at = `http://127.0.0.1:${world.parley.managementPort}`
  const created =
    /^parley_requests_total\{operation="CommunicationIdentity_Create",status="201"\} (\d+)$/m

  test('counts what was answered', async () => {
    const tenant = await createTenant()
    await createIdentity(tenant)
    const before = await send(at, { method: 'GET', path: '/metrics' })
    await atOnce(3, () => createIdentity(tenant))
    const later = await send(at, { method: 'GET', path: '/metrics' })
    assert.equal(later.status, 200)
    assert.match(String(later.headers['content-type']), /^text\/plain; version=0\.0\.4/)
    const counts = [before, later].map(({ text }) => Number(created.exec(text)?.[1]))
    assert.equal(counts[1], (counts[0] ?? 0) + 3)
    const line = /^(# (HELP|TYPE) .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [\d.e+-]+)$/
    for (const one of later.text.trim().split('\n')) if (one !== '') assert.match(one, line)
    assert.ok(!later.text.includes(tenant.resourceId))
  })

  for (const [path, status, text] of [
    ['/livez', 200, 'live\n'],
    ['/readyz', 200, 'ready\n'],
    ['/elsewhere', 404, 'not found\n'],
  ] as const) {
    test(`answers ${status} to ${path}`, async () => {
      const answer = await send(at, { method: 'GET', path })
      assert.deepEqual([answer.status, answer.text], [status, text])
    })
  }
})
