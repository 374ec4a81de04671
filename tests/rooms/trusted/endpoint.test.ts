/**
 * The token endpoint behind each framework, from the browser's half to a real server.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { AzureCommunicationTokenCredential } from '@azure/communication-common'
import {
  type Caller,
  createMapping,
  createTokenCache,
  createTokenEndpoint,
  type EndpointRecord,
  fastifyHandler,
  honoHandler,
  type Mapping,
  memoryStore,
  nextHandlers,
  nodeHandler,
  type TokenCache,
  type TokenEndpoint,
  type TokenEndpointOptions,
} from '@parley/trusted-service'
import { createTokenRefresher, TokenRefreshError } from '@parley/trusted-service/client'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { claimsOf, liveness, postRevoke } from '../../calls.ts'
import { databaseKinds, migrate } from './databases.ts'
import { newService, type Service } from './the-service.ts'

interface App {
  readonly service: Service
  readonly mapping: Mapping
  readonly cache: TokenCache
  readonly records: EndpointRecord[]
  readonly endpoint: (more?: Partial<TokenEndpointOptions>) => TokenEndpoint
}

/** The app's own session: `Authorization: Bearer <user>`, or a cookie that names a visitor. */
async function authenticate(request: Request): Promise<Caller | undefined> {
  const user = /^Bearer (\w+)$/.exec(request.headers.get('authorization') ?? '')?.[1]
  if (user !== undefined) return { kind: 'user', user }
  const identity = /visit=(\S+)/.exec(request.headers.get('cookie') ?? '')?.[1]
  return identity === undefined ? undefined : { kind: 'visitor', identity }
}

async function openApp(): Promise<App> {
  const [kind] = databaseKinds
  assert.ok(kind !== undefined)
  const { dialect } = kind
  const [db, service] = await Promise.all([kind.open(), newService()])
  await migrate(db, { dialect, pattern: 'one-to-one' })
  const secrets = [{ id: 'one', secret: randomBytes(32) }]
  const cache = createTokenCache({ service: service.client, store: memoryStore(), secrets })
  const { client } = service
  const onVoided = cache.forgetIdentity
  const mapping = createMapping({ db, dialect, pattern: 'one-to-one', service: client, onVoided })
  const records: EndpointRecord[] = []
  const endpoint: App['endpoint'] = (more = {}) =>
    createTokenEndpoint({
      mapping,
      tokens: cache,
      authenticate,
      audit: (record) => void records.push(record),
      onFault: (error) => assert.fail(String(error)),
      ...more,
    })
  return { service, mapping, cache, records, endpoint }
}

const base = 'https://app.example'

function ask(path: string, user: string | undefined, init: RequestInit = {}): Request {
  const headers = new Headers(init.headers)
  if (user !== undefined) headers.set('authorization', `Bearer ${user}`)
  return new Request(`${base}${path}`, { ...init, headers })
}

async function told(answer: Response): Promise<readonly [number, unknown]> {
  const text = await answer.text()
  return [answer.status, text === '' ? undefined : JSON.parse(text)]
}

let app: App
before(async () => {
  app = await openApp()
})

describe('the routes of the sample of Azure', () => {
  test('create, read, give a token and delete, with its statuses and bodies', async () => {
    const endpoint = app.endpoint({ createsIdentities: false })
    const call = async (method: string, path: string) =>
      told(await endpoint(ask(path, 'ada', { method })))
    const none = {
      code: 404,
      message: 'You have no identity. Create it with POST.',
      reason: 'no-identity',
    }
    assert.deepEqual(await call('GET', '/api/user'), [404, none])
    assert.deepEqual(await call('GET', '/api/token'), [404, none])
    const [status, created] = await call('POST', '/api/user')
    const [name = ''] = await app.service.identities()
    assert.deepEqual([status, created], [201, { acsUserIdentity: name }])
    assert.deepEqual(await call('POST', '/api/user'), [200, { acsUserIdentity: name }])
    assert.deepEqual(await call('GET', '/api/user'), [200, { acsUserIdentity: name }])
    const [given, body] = await call('GET', '/api/token')
    const { token, expiresOn, user } = body as Record<string, string>
    const { exp, iat, acsScope, sub } = claimsOf(token ?? '')
    assert.deepEqual([given, user], [201, { communicationUserId: name }])
    assert.deepEqual(
      [exp * 1000, exp - iat, acsScope, sub],
      [Date.parse(expiresOn ?? ''), 3600, 'chat.join.limited,voip.join', name],
    )
    assert.deepEqual(await call('DELETE', '/api/user'), [204, undefined])
    assert.deepEqual(await app.service.identities(), [])
    assert.deepEqual(await call('GET', '/api/token'), [404, none])
    assert.deepEqual(await liveness(app.service.tenant, [token ?? '']), [false])
  })

  test('a token is never kept on the way, and nothing else is answered', async () => {
    const endpoint = app.endpoint()
    const answer = await endpoint(ask('/api/token', 'ada'))
    assert.equal(answer.status, 201)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    assert.equal(answer.headers.get('vary'), 'origin, sec-fetch-site')
    assert.equal(answer.headers.get('access-control-allow-origin'), null)
    assert.equal((await endpoint(ask('/api/tokens', 'ada'))).status, 404)
    const refused = await endpoint(ask('/api/token', 'ada', { method: 'POST' }))
    assert.deepEqual([refused.status, refused.headers.get('allow')], [405, 'GET'])
    assert.equal(
      (await endpoint(ask('/api/token', undefined, { headers: { 'x-parley-request': '1' } })))
        .status,
      401,
    )
  })
})

describe('who gets what', () => {
  test('is what the policy says, and nothing where it says nothing', async () => {
    const endpoint = app.endpoint({
      policy: (caller) =>
        caller.kind === 'user' && caller.user === 'doctor'
          ? { scopes: ['chat', 'voip'], lifetimeMinutes: 1440 }
          : undefined,
    })
    const [, body] = await told(await endpoint(ask('/api/token', 'doctor')))
    const { exp, iat, acsScope } = claimsOf((body as { token: string }).token)
    assert.deepEqual([exp - iat, acsScope], [86_400, 'chat,voip'])
    const [status, refusal] = await told(await endpoint(ask('/api/token', 'patient')))
    assert.deepEqual([status, (refusal as { reason: string }).reason], [403, 'not-allowed'])
    assert.equal(await app.mapping.findIdentity('patient'), undefined)
  })

  test('a mistake in the policy ends in no token', async () => {
    const faults: unknown[] = []
    const endpoint = app.endpoint({
      policy: () => ({ scopes: ['chat'], lifetimeMinutes: 30 }),
      onFault: (error) => faults.push(error),
    })
    assert.equal((await endpoint(ask('/api/token', 'ada'))).status, 500)
    assert.equal(faults.length, 1)
  })

  test('a visitor is served until his visit ends', async () => {
    const visit = await app.mapping.createVisitor()
    assert.ok(visit.ok)
    const headers = { cookie: `visit=${visit.identity}`, 'x-parley-request': '1' }
    const endpoint = app.endpoint()
    const [status, body] = await told(await endpoint(ask('/api/token', undefined, { headers })))
    assert.equal(status, 201)
    assert.equal(claimsOf((body as { token: string }).token).sub, visit.identity)
    const method = 'DELETE'
    assert.equal((await endpoint(ask('/api/user', undefined, { headers, method }))).status, 204)
    assert.equal((await endpoint(ask('/api/token', undefined, { headers }))).status, 404)
    const member = await app.mapping.identityFor('ada')
    const posing = { cookie: `visit=${member.ok ? member.identity : ''}`, 'x-parley-request': '1' }
    assert.equal((await endpoint(ask('/api/token', undefined, { headers: posing }))).status, 404)
    assert.equal(
      (await endpoint(ask('/api/user', undefined, { headers: posing, method }))).status,
      204,
    )
    assert.equal(await app.mapping.findIdentity('ada'), member.ok ? member.identity : '')
  })

  test('who is forgotten while his token is being issued is not handed it', async () => {
    const endpoint = app.endpoint({
      tokens: {
        tokenFor: async (request) => {
          const token = await app.cache.tokenFor(request)
          await app.mapping.forget('leaver')
          return token
        },
      },
    })
    const [status, body] = await told(await endpoint(ask('/api/token', 'leaver')))
    assert.deepEqual([status, (body as { reason: string }).reason], [404, 'no-identity'])
  })
})

describe('a page of another origin', () => {
  const allowedOrigins = ['https://shop.example']

  test('is refused with the cookies of a user, and told nothing by CORS', async () => {
    const endpoint = app.endpoint({ allowedOrigins })
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'cross-site' },
      {},
    ]) {
      const answer = await endpoint(new Request(`${base}/api/user`, { method: 'DELETE', headers }))
      assert.equal(answer.status, 403)
      assert.equal(answer.headers.get('access-control-allow-origin'), null)
    }
  })

  test('that is named may ask, first whether it may', async () => {
    const endpoint = app.endpoint({ allowedOrigins })
    const headers = { origin: 'https://shop.example', 'sec-fetch-site': 'cross-site' }
    const preflight = await endpoint(ask('/api/token', undefined, { method: 'OPTIONS', headers }))
    assert.equal(preflight.status, 204)
    assert.equal(preflight.headers.get('access-control-allow-methods'), 'GET')
    const answer = await endpoint(ask('/api/token', 'ada', { headers }))
    for (const { headers } of [preflight, answer]) {
      assert.equal(headers.get('access-control-allow-origin'), 'https://shop.example')
      assert.equal(headers.get('access-control-allow-credentials'), 'true')
    }
    assert.equal(answer.status, 201)
    const foreign = { origin: 'https://evil.example', 'x-parley-request': '1' }
    const refused = await endpoint(
      ask('/api/token', 'ada', { method: 'OPTIONS', headers: foreign }),
    )
    assert.equal(refused.status, 403)
  })

  test('cannot be named by a pattern', () => {
    for (const origin of [
      '*',
      'null',
      'https://shop.example/',
      'shop.example',
      'https://*.a.example',
    ]) {
      const make = () => app.endpoint({ allowedOrigins: [origin] })
      if (origin.includes('*.')) assert.doesNotThrow(make)
      else assert.throws(make, TypeError)
    }
  })
})

describe('who asks too often', () => {
  test('is told when to come again, by user and by address', async () => {
    let nowMs = 1_000_000
    const requestsPerMinute = { user: 2, address: 4 }
    const endpoint = app.endpoint({ requestsPerMinute, now: () => nowMs })
    const from = (user: string, address: string) => endpoint(ask('/api/user', user), { address })
    const statuses: (readonly [number, string | null])[] = []
    for (const [user, address] of [
      ['ada', '192.0.2.1'],
      ['ada', '192.0.2.2'],
      ['ada', '192.0.2.1'],
      ['bob', '192.0.2.1'],
      ['cyd', '192.0.2.1'],
      ['cyd', '::ffff:192.0.2.1'],
      ['cyd', '192.0.2.3'],
    ] as const) {
      const answer = await from(user, address)
      statuses.push([answer.status, answer.headers.get('retry-after')])
    }
    assert.deepEqual(statuses, [
      [200, null],
      [200, null],
      [429, '30'],
      [404, null],
      [404, null],
      [429, '15'],
      [404, null],
    ])
    nowMs += 30_000
    assert.equal((await from('ada', '192.0.2.1')).status, 200)
  })
})

describe('the audit', () => {
  test('is told who got what, and never a token', async () => {
    app.records.length = 0
    const endpoint = app.endpoint({ now: () => 5 })
    const [, body] = await told(await endpoint(ask('/api/token', 'ada'), { address: '192.0.2.9' }))
    await endpoint(ask('/api/token', undefined), { address: '192.0.2.9' })
    const identity = await app.mapping.findIdentity('ada')
    const of = { atMs: 5, method: 'GET', route: 'token', address: '192.0.2.9' }
    const granted = { scopes: ['chat.join.limited', 'voip.join'], lifetimeMinutes: 60, identity }
    assert.deepEqual(app.records, [
      { ...of, status: 201, reason: undefined, caller: { kind: 'user', user: 'ada' }, ...granted },
      { ...of, status: 403, reason: 'foreign-origin' },
    ])
    const { token } = body as { token: string }
    assert.equal(JSON.stringify(app.records).includes(token), false)
  })

  test('that fails lets no token out', async () => {
    const audit = () => Promise.reject(new Error('the disk is full'))
    const endpoint = app.endpoint({ audit, onFault: () => undefined })
    const [status, body] = await told(await endpoint(ask('/api/token', 'ada')))
    assert.deepEqual([status, (body as { reason: string }).reason], [500, 'internal'])
  })
})

describe('a service that cannot give', () => {
  test('is 503 while it is away and 409 when it has lost the identity', async () => {
    const away = { tokenFor: () => Promise.reject(new Error('away')) }
    const onFault = () => undefined
    const answer = await app.endpoint({ tokens: away, onFault })(ask('/api/token', 'ada'))
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '2'])
    const identity = await app.mapping.identityFor('lost')
    assert.ok(identity.ok)
    await app.service.client.deleteUser({ communicationUserId: identity.identity })
    assert.equal((await app.endpoint({ onFault })(ask('/api/token', 'lost'))).status, 409)
  })
})

describe('behind a framework', () => {
  interface Mounted {
    readonly origin: string
    readonly close: () => Promise<void>
  }

  const listening = async (server: Server): Promise<Mounted> => {
    if (!server.listening) await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const close = async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
    return { origin: `http://127.0.0.1:${port}`, close }
  }

  const frameworks: Readonly<Record<string, (endpoint: TokenEndpoint) => Promise<Mounted>>> = {
    'node:http': (endpoint) =>
      listening(createServer(nodeHandler(endpoint)).listen(0, '127.0.0.1')),
    Express: (endpoint) => {
      const application = express()
      application.use(nodeHandler(endpoint))
      return listening(application.listen(0, '127.0.0.1'))
    },
    Fastify: async (endpoint) => {
      const application = fastify()
      const method = ['GET', 'POST', 'DELETE', 'OPTIONS']
      application.route({ method, url: '/api/*', handler: fastifyHandler(endpoint) })
      const origin = await application.listen({ port: 0, host: '127.0.0.1' })
      return { origin, close: () => application.close() }
    },
    // Both have handlers that take a `Request`; what puts them on a socket is the platform's.
    Hono: (endpoint) => {
      const application = new Hono().all(
        '/api/*',
        honoHandler(endpoint, () => '127.0.0.1'),
      )
      const mounted: TokenEndpoint = async (request) => application.fetch(request)
      return listening(createServer(nodeHandler(mounted)).listen(0, '127.0.0.1'))
    },
    Next: (endpoint) => {
      const handlers = nextHandlers(endpoint, () => '127.0.0.1')
      const mounted: TokenEndpoint = (request) => handlers[request.method as 'GET'](request)
      return listening(createServer(nodeHandler(mounted)).listen(0, '127.0.0.1'))
    },
  }

  for (const [name, mount] of Object.entries(frameworks)) {
    describe(name, () => specifyMounted(name, mount))
  }

  function specifyMounted(
    name: string,
    mount: (endpoint: TokenEndpoint) => Promise<Mounted>,
  ): void {
    let mounted: Mounted
    let isSignedIn = true
    const user = name.replace(/\W/g, '')
    before(async () => {
      mounted = await mount(app.endpoint({ requestsPerMinute: { user: 100 } }))
    })
    after(() => mounted.close())

    const refresher = () =>
      createTokenRefresher({
        url: `${mounted.origin}/api/token`,
        headers: () => (isSignedIn ? { authorization: `Bearer ${user}` } : {}),
      })

    test('an AzureCommunicationTokenCredential refreshes itself', async () => {
      app.records.length = 0
      const credential = new AzureCommunicationTokenCredential({ tokenRefresher: refresher() })
      const first = await credential.getToken()
      credential.dispose()
      assert.equal(claimsOf(first.token).sub, await app.mapping.findIdentity(user))
      assert.equal(app.records[0]?.address?.replace('::ffff:', ''), '127.0.0.1')
      const identity = claimsOf(first.token).sub
      await postRevoke(app.service.tenant, identity)
      await app.cache.forgetIdentity(identity)
      const second = await refresher()()
      assert.deepEqual(await liveness(app.service.tenant, [first.token, second]), [false, true])
    })

    test('a user who is not signed in is told so', async () => {
      isSignedIn = false
      await assert.rejects(refresher()(), (error) => {
        assert.ok(error instanceof TokenRefreshError)
        assert.deepEqual([error.status, error.reason], [401, 'not-authenticated'])
        return true
      })
      isSignedIn = true
    })

    test('methods, bodies and headers get through', async () => {
      const headers = { authorization: `Bearer ${user}`, 'content-type': 'application/json' }
      const url = `${mounted.origin}/api/user`
      const posted = await fetch(url, { method: 'POST', headers, body: '{}' })
      assert.deepEqual(
        [posted.status, await posted.json()],
        [200, { acsUserIdentity: await app.mapping.findIdentity(user) }],
      )
      assert.equal(
        (await fetch(url, { method: 'DELETE', headers: { authorization: `Bearer ${user}` } }))
          .status,
        204,
      )
      assert.equal(await app.mapping.findIdentity(user), undefined)
    })
  }

  test('what is no request is answered 400', async () => {
    const mounted = await listening(
      createServer(nodeHandler(app.endpoint())).listen(0, '127.0.0.1'),
    )
    const { port } = new URL(mounted.origin)
    const sent = httpRequest({
      port,
      host: '127.0.0.1',
      path: '/api/token',
      headers: { host: '%' },
    })
    const [answer] = await once(sent.end(), 'response')
    assert.equal(answer.statusCode, 400)
    answer.resume()
    await mounted.close()
  })
})
