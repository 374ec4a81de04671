/**
 * Which resource a request is for: by its host name where there is a domain, by its key where one
 * address stands for all.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { describe, test } from 'node:test'
import { printIdentityName } from '@parley/protocol'
import {
  createIdentity,
  identityPath,
  issueToken,
  liveness,
  notOwned,
  postIdentity,
  postToken,
  told,
  version,
} from '../calls.ts'
import {
  type Answer,
  newDataDir,
  send,
  signed,
  startWorld,
  type Tenant,
  type TestRequest,
  theWorld,
  type World,
} from '../world.ts'

const world = await theWorld()
const { createTenant, origin } = world
const domain = 'parley.test'
const loopback = new URL(origin).host

const denied = {
  status: 401,
  body: { error: { code: 'Denied', message: 'Denied by the resource provider.' } },
}
const creation = { method: 'POST', path: `/identities?api-version=${version}` }

/** Everything of an answer that a caller can look at, but what is of this one request. */
function shown({ status, headers, text }: Answer): object {
  const { date: _, 'x-ms-request-id': requestId, ...rest } = headers
  assert.match(String(requestId), /^[0-9a-f-]{36}$/)
  return { status, headers: rest, text }
}

describe('a host name', () => {
  test('decides the resource, in capitals and with a port as well', async () => {
    const tenant = await createTenant()
    for (const host of [tenant.host, tenant.host.toUpperCase(), `${tenant.host}:4430`]) {
      const { status, body } = await tenant.call({ ...creation, host })
      assert.equal(status, 201)
      assert.equal(body.identity.id.slice(6, 42), tenant.resourceId)
    }
  })

  const strangers = [
    ['of another resource', (other: Tenant) => other.host],
    ['of a resource that does not exist', () => `nobody.${domain}`],
    ['below that of the resource', (_: Tenant, own: Tenant) => `x.${own.host}`],
    ['of the domain itself', () => domain],
    ['elsewhere', () => 'elsewhere.example'],
  ] as const
  for (const [name, hostFor] of strangers) {
    test(`${name} refuses the key, signed for it or not`, async () => {
      const [own, other] = [await createTenant(), await createTenant()]
      const host = hostFor(other, own)
      assert.deepEqual(told(await own.call({ ...creation, host })), denied)
      const signedForOwn = signed(origin, { ...creation, accessKey: own.primaryKey }, world.now())
      assert.deepEqual(told(await send(origin, { ...signedForOwn, host })), denied)
    })
  }

  test('that nobody has is answered as one that somebody has, with a wrong key', async () => {
    const tenant = await createTenant()
    const wrongKey = Buffer.alloc(64, 3)
    const bodies = [undefined, { createTokenWithScopes: ['chat'] }]
    const authorizations = [undefined, '', 'HMAC-SHA256', 'Bearer x.y.z', 'Basic eA==']
    for (const body of bodies) {
      for (const authorization of authorizations) {
        const request: TestRequest = {
          ...creation,
          accessKey: wrongKey,
          ...(body === undefined ? {} : { body }),
          ...(authorization === undefined ? {} : { headers: { authorization } }),
        }
        const known = await tenant.call(request)
        const unknown = await tenant.call({ ...request, host: `nobody.${domain}` })
        assert.equal(known.status, 401)
        assert.deepEqual(shown(unknown), shown(known))
      }
    }
  })
})

describe('two resources', () => {
  test('never take each other’s keys, whatever the host and the path', async () => {
    const [own, other] = [await createTenant(), await createTenant()]
    const ids = { own: await createIdentity(own), other: await createIdentity(other) }
    const hosts = { own: own.host, other: other.host, loopback }
    for (const accessKey of [own.primaryKey, own.secondaryKey]) {
      for (const [hostName, host] of Object.entries(hosts)) {
        for (const [idName, id] of Object.entries(ids)) {
          const path = identityPath(id, '/:issueAccessToken')
          const body = { scopes: ['chat'] }
          const answer = await own.call({ method: 'POST', path, body, host, accessKey })
          const what = `identity ${idName} at host ${hostName}`
          if (hostName === 'other') assert.deepEqual(told(answer), denied, what)
          else if (idName === 'own') assert.equal(answer.status, 200, what)
          // At an address that stands for all, a key is found among those of the first 64, or of
          // the resource that the path names: and that is another one here.
          else if (hostName === 'own') assert.deepEqual(told(answer), notOwned, what)
          else assert.equal(answer.status, 401, what)
        }
      }
    }
  })

  test('never say of each other’s tokens more than that they are not live', async () => {
    const [own, other] = [await createTenant(), await createTenant()]
    const tokens = [
      await issueToken(own, await createIdentity(own)),
      await issueToken(other, await createIdentity(other)),
    ]
    assert.deepEqual(await liveness(own, tokens), [true, false])
    assert.deepEqual(await liveness(other, tokens), [false, true])
    const single = await own.call({
      method: 'POST',
      path: '/introspect',
      body: `token=${tokens[1]}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    assert.deepEqual(told(single), { status: 200, body: { active: false } })
  })

  test('never delete, revoke or read each other’s identities', async () => {
    const [own, other] = [await createTenant(), await createTenant()]
    const id = await createIdentity(other)
    const token = await issueToken(other, id)
    const attempts = [
      { method: 'DELETE', path: identityPath(id) },
      { method: 'POST', path: identityPath(id, '/:revokeAccessTokens') },
      { method: 'GET', path: identityPath(id, '', '2025-03-02-preview') },
    ]
    for (const attempt of attempts) assert.deepEqual(told(await own.call(attempt)), notOwned)
    assert.deepEqual(await liveness(other, [token]), [true])
  })
})

/** Sends a request over TLS to the https listener, as if the name led there. */
function sendTls(on: World, request: TestRequest, servername: string): Promise<Answer> {
  const { hostname, port } = new URL(on.parley.endpoint)
  const ca = readFileSync(on.reachable.caFile ?? '')
  const { host = '', method, path, headers } = request
  const options = { host: hostname, port, servername, ca, method, path }
  return new Promise((resolve, reject) => {
    const sent = httpsRequest({ ...options, headers: { ...headers, host } }, (response) => {
      response.setEncoding('utf8')
      let text = ''
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => {
        const { statusCode: status = 0, headers: answered } = response
        resolve({ status, headers: answered, text, body: JSON.parse(text) })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

describe('over TLS', () => {
  test('the certificate stands for the host name of every resource', async () => {
    const tenant = await createTenant()
    const { host, primaryKey: accessKey } = tenant
    const request = signed(origin, { ...creation, host, accessKey }, world.now())
    assert.equal((await sendTls(world, request, host)).status, 201)
  })

  test('the Host header decides, not the name in the handshake', async () => {
    const [own, other] = [await createTenant(), await createTenant()]
    const { host, primaryKey: accessKey } = own
    const request = signed(origin, { ...creation, host, accessKey }, world.now())
    const { status, body } = await sendTls(world, request, other.host)
    assert.equal(status, 201)
    assert.equal(body.identity.id.slice(6, 42), own.resourceId)
    const atOther = signed(origin, { ...creation, host: other.host, accessKey }, world.now())
    assert.deepEqual(told(await sendTls(world, atOther, host)), denied)
  })
})

async function tenantsOf(on: World, count: number): Promise<readonly Tenant[]> {
  const tenants: Tenant[] = []
  for (let made = 0; made < count; made++) tenants.push(await on.createTenant())
  return tenants
}

/** An identity of a resource that cannot ask for one. */
async function insertIdentity(on: World, { resourceId }: Tenant): Promise<string> {
  const identityId = crypto.randomUUID()
  await on.db`
    insert into identity (resource_id, identity_id, created_at)
    values (${resourceId}, ${identityId}, now())`
  return printIdentityName({ resourceId, identityId })
}

describe('of 65 resources', () => {
  test('at one address, 64 are found by their key and the last by the path alone', async () => {
    const laptop = await startWorld(newDataDir())
    // One was made by the first start.
    const tenants = await tenantsOf(laptop, 64)
    const last = tenants.at(-1) as Tenant
    for (const tenant of tenants.slice(0, -1)) {
      const { status, body } = await postIdentity(tenant)
      assert.equal(status, 201)
      assert.equal(body.identity.id.slice(6, 42), tenant.resourceId)
    }
    assert.deepEqual(told(await postIdentity(last)), denied)
    const id = await insertIdentity(laptop, last)
    assert.equal((await postToken(last, id)).status, 200)
    const other = await insertIdentity(laptop, tenants[0] as Tenant)
    assert.deepEqual(told(await postToken(last, other)), denied)
    await laptop.stop()
  })

  test('with host names, each is found by its own', async () => {
    const named = await startWorld(newDataDir(), { PARLEY_DOMAIN: 'named.test:4430' })
    for (const tenant of await tenantsOf(named, 65)) {
      assert.match(
        tenant.connectionString,
        /^endpoint=https:\/\/tenant-[0-9a-f]{12}\.named\.test:4430\/;/,
      )
      const host = new URL(tenant.connectionString.slice('endpoint='.length).split(';')[0] ?? '')
        .host
      const { status, body } = await tenant.call({ ...creation, host })
      assert.equal(status, 201)
      assert.equal(body.identity.id.slice(6, 42), tenant.resourceId)
    }
    await named.stop()
  })
})
