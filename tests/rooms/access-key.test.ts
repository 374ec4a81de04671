import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import { createIdentity, identityPath, notOwned, told, version } from '../calls.ts'
import {
  newDataDir,
  send,
  startWorld,
  type Tenant,
  type TestRequest,
  type World,
} from '../world.ts'

/** One address for all resources, as on a laptop: the key says which is meant. */
const world = await startWorld(newDataDir())
const { createTenant } = world

/** A server that says why it refuses, behind a proxy that shows it as `id.example:8443`. */
const talkative = await startWorld(newDataDir(), {
  PARLEY_REFUSAL_REASONS: 'on',
  PARLEY_PUBLIC_HOSTS: 'id.example:8443, Other.Example',
})

/** What a client signs, and where what it sends differs from that. */
interface Parts {
  readonly method: string
  readonly path: string
  readonly body: string
  readonly host: string
  readonly date: string
  readonly dateHeader: string
  /** Names of the signed headers; the date's own by default. */
  readonly order: readonly string[]
  readonly key: Buffer
  readonly sent: Partial<Pick<Parts, 'method' | 'path' | 'body'>>
  /** Headers that win over those of the signature; `undefined` leaves one out. */
  readonly headers: Readonly<Record<string, string | undefined>>
}

const bodyHash = 'x-ms-content-sha256'

function hashOf(body: string): string {
  return createHash('sha256').update(body).digest('base64')
}

function sign(on: World, tenant: Tenant, given: Partial<Parts> = {}): TestRequest {
  const { dateHeader = 'x-ms-date' } = given
  const parts = {
    method: 'POST',
    path: `/identities?api-version=${version}`,
    body: '',
    host: new URL(on.origin).host,
    date: new Date(on.now()).toUTCString(),
    order: [dateHeader, 'host', bodyHash],
    key: tenant.primaryKey,
    ...given,
  }
  const { method, path, body, host, date, order, key } = parts
  const values: Record<string, string> = {
    [dateHeader]: date,
    host,
    [bodyHash]: hashOf(body),
    'content-type': 'application/json',
  }
  const signed = order.map((name) => values[name.toLowerCase()] ?? '').join(';')
  const signature = createHmac('sha256', key).update(`${method}\n${path}\n${signed}`)
  const credentials = `SignedHeaders=${order.join(';')}&Signature=${signature.digest('base64')}`
  const { host: _, ...sent } = values
  const headers = { ...sent, authorization: `HMAC-SHA256 ${credentials}`, ...given.headers }
  const defined = Object.entries(headers).filter(([, value]) => value !== undefined)
  const request = { method, path, body, ...given.sent }
  return { ...request, headers: Object.fromEntries(defined) as Record<string, string> }
}

describe('a signed request', () => {
  const accepted: readonly (readonly [string, (own: Tenant) => Partial<Parts>])[] = [
    ['with the primary key', () => ({})],
    ['with the secondary key', (own) => ({ key: own.secondaryKey })],
    ['with date instead of x-ms-date', () => ({ dateHeader: 'date' })],
    ['with the host first', () => ({ order: ['host', 'x-ms-date', bodyHash] })],
    ['with the body hash first', () => ({ order: [bodyHash, 'x-ms-date', 'host'] })],
    ['with names in capitals', () => ({ order: ['X-MS-Date', 'Host', 'X-MS-Content-SHA256'] })],
    [
      'with one more signed header',
      () => ({ order: ['content-type', 'x-ms-date', 'host', bodyHash] }),
    ],
    ['as Java does, host without port', () => ({ host: '127.0.0.1' })],
    [
      'as Python does, path without slash',
      () => ({ path: `identities?api-version=${version}`, sent: { path: defaultPath } }),
    ],
    [
      'as JavaScript does, query rewritten',
      () => ({
        path: `${defaultPath}&note=a+b%2Fc`,
        sent: { path: `${defaultPath}&note=a%20b/c` },
      }),
    ],
    ['with the query as it is', () => ({ path: `${defaultPath}&note=a%20b/c` })],
    ['with a body', () => ({ body: '{"createTokenWithScopes":null}' })],
  ]
  const defaultPath = `/identities?api-version=${version}`
  for (const [name, vary] of accepted) {
    test(`is accepted ${name}`, async () => {
      const tenant = await createTenant()
      const { status, body } = await send(world.origin, sign(world, tenant, vary(tenant)))
      assert.equal(status, 201)
      assert.equal(body.identity.id.slice(6, 42), tenant.resourceId)
    })
  }

  test('is accepted each time it is sent', async () => {
    const tenant = await createTenant()
    const request = sign(world, tenant)
    const statuses = [await send(world.origin, request), await send(world.origin, request)]
    assert.deepEqual(
      statuses.map((one) => one.status),
      [201, 201],
    )
  })

  const offsets = [
    [-301, 401],
    [-300, 201],
    [-299, 201],
    [0, 201],
    [299, 201],
    [300, 201],
    [301, 401],
  ] as const
  for (const [seconds, expected] of offsets) {
    test(`is answered ${expected} when its date is ${seconds} s off`, async (t) => {
      const tenant = await createTenant()
      const nowMs = Math.floor(Date.now() / 1000) * 1000
      world.stopClock(t, nowMs)
      const date = new Date(nowMs + seconds * 1000).toUTCString()
      for (const dateHeader of ['x-ms-date', 'date']) {
        const { status } = await send(world.origin, sign(world, tenant, { date, dateHeader }))
        assert.equal(status, expected)
      }
    })
  }

  for (const [host, expected] of [
    ['id.example:8443', 201],
    ['other.example', 201],
    ['id.example', 401],
    ['elsewhere.example', 401],
  ] as const) {
    test(`for the public name ${host} is answered ${expected}`, async () => {
      const tenant = await talkative.createTenant()
      const { status } = await send(talkative.origin, sign(talkative, tenant, { host }))
      assert.equal(status, expected)
    })
  }

  test('opens nothing of another resource', async () => {
    const [tenant, neighbour] = [await createTenant(), await createTenant()]
    const id = await createIdentity(tenant)
    for (const accessKey of [neighbour.primaryKey, neighbour.secondaryKey]) {
      const request = { method: 'DELETE', path: identityPath(id), accessKey }
      assert.deepEqual(told(await tenant.call(request)), notOwned)
    }
    assert.equal((await tenant.call({ method: 'DELETE', path: identityPath(id) })).status, 204)
  })
})

const path = `/identities?api-version=${version}`

/** Every way in which a request can fail to prove who sent it, and what the log says of it. */
const refusals: readonly (readonly [string, string, (own: Tenant) => Partial<Parts>])[] = [
  ['authorization-missing', 'no authorization', headers({ authorization: undefined })],
  ['authorization-malformed', 'a scheme alone', headers({ authorization: 'HMAC-SHA256' })],
  ['bearer-malformed', 'a bearer', headers({ authorization: 'Bearer abc' })],
  [
    'authorization-malformed',
    'a signature of other length',
    headers({
      authorization: `HMAC-SHA256 SignedHeaders=x-ms-date;host;${bodyHash}&Signature=aa=`,
    }),
  ],
  ['headers-not-signed', 'no signed date', () => ({ order: ['host', bodyHash] })],
  ['headers-not-signed', 'no signed host', () => ({ order: ['x-ms-date', bodyHash] })],
  ['headers-not-signed', 'no signed body hash', () => ({ order: ['x-ms-date', 'host'] })],
  ['date-malformed', 'no date', headers({ 'x-ms-date': undefined })],
  ['date-malformed', 'a word as date', () => ({ date: 'today' })],
  ['date-malformed', 'an ISO date', () => ({ date: new Date().toISOString() })],
  ['date-malformed', 'a day that is none', () => ({ date: 'Sun, 32 Nov 2026 06:37:45 GMT' })],
  ['date-out-of-window', 'a date of last year', () => ({ date: dateOf(-365) })],
  ['date-out-of-window', 'a date of tomorrow', () => ({ date: dateOf(1) })],
  ['content-hash-differs', 'a changed body', () => ({ body: '{}', sent: { body: '{ }' } })],
  ['content-hash-differs', 'no body hash', headers({ [bodyHash]: undefined })],
  [
    'signature-differs',
    'a changed body and its hash',
    () => ({ body: '{}', sent: { body: '{ }' }, headers: { [bodyHash]: hashOf('{ }') } }),
  ],
  ['signature-differs', 'a changed date', headers({ 'x-ms-date': new Date().toUTCString() }, 60)],
  ['signature-differs', 'a changed method', () => ({ method: 'PUT', sent: { method: 'POST' } })],
  ['signature-differs', 'a changed path', () => ({ path: `/x${path}`, sent: { path } })],
  ['signature-differs', 'a changed query', () => ({ path, sent: { path: `${path}&x=1` } })],
  ['signature-differs', 'another host', () => ({ host: 'elsewhere.example' })],
  ['signature-differs', 'another port', () => ({ host: '127.0.0.1:1' })],
  ['signature-differs', 'a key with one bit flipped', (own) => ({ key: flipped(own.primaryKey) })],
  ['signature-differs', 'an empty key', () => ({ key: Buffer.alloc(0) })],
]

function headers(given: Parts['headers'], dateAgoSeconds?: number): () => Partial<Parts> {
  return () => {
    if (dateAgoSeconds === undefined) return { headers: given }
    const date = new Date(Date.now() - dateAgoSeconds * 1000).toUTCString()
    return { headers: given, date }
  }
}

function dateOf(daysFromNow: number): string {
  return new Date(Date.now() + daysFromNow * 24 * 60 * 60 * 1000).toUTCString()
}

function flipped(key: Buffer): Buffer {
  const other = Buffer.from(key)
  other[63] = (other[63] ?? 0) ^ 1
  return other
}

describe('a refusal', () => {
  for (const [reason, name, vary] of refusals) {
    test(`for ${name} tells the caller nothing and the operator ${reason}`, async () => {
      const tenant = await createTenant()
      const answer = await send(world.origin, sign(world, tenant, vary(tenant)))
      const { date: _, 'x-ms-request-id': requestId, ...shown } = answer.headers
      assert.match(String(requestId), /^[0-9a-f-]{36}$/)
      const text = '{"error":{"code":"Denied","message":"Denied by the resource provider."}}'
      assert.deepEqual(
        { status: answer.status, headers: shown, text: answer.text },
        {
          status: 401,
          headers: {
            'www-authenticate': 'HMAC-SHA256',
            'cache-control': 'no-store',
            'content-type': 'application/json; charset=utf-8',
            'content-length': String(text.length),
            connection: 'keep-alive',
            'keep-alive': 'timeout=65',
          },
          text,
        },
      )
      const other = await talkative.createTenant()
      const told = await send(talkative.origin, sign(talkative, other, vary(other)))
      assert.deepEqual([told.status, told.text], [401, text])
      assert.equal(told.headers['x-parley-reason'], reason)
    })
  }

  test('creates nothing', async () => {
    const tenant = await createTenant()
    for (const [, , vary] of refusals) await send(world.origin, sign(world, tenant, vary(tenant)))
    const { db } = world
    const rows = await db`select from identity where resource_id = ${tenant.resourceId}`
    assert.equal(rows.length, 0)
  })
})
