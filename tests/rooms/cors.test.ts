/**
 * What browsers are told about pages of other origins, through the whole stack.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { listAuditEntries } from '@parley/server/audit/store'
import { postIdentity, version } from '../calls.ts'
import { type Answer, newDataDir, send, startWorld, type Tenant, theWorld } from '../world.ts'

const world = await theWorld()
const page = 'https://app.example'
const ownerPath = `/identities?api-version=${version}`

/** What a browser asks before it sends a request of a page. */
function ask(host: string, path: string, asked: Readonly<Record<string, string>>): Promise<Answer> {
  const headers = { origin: page, 'access-control-request-method': 'POST', ...asked }
  return send(world.origin, { method: 'OPTIONS', path, host, headers })
}

function allowed({ headers }: Answer): unknown {
  return headers['access-control-allow-origin']
}

function putCors(tenant: Tenant, body: object): Promise<Answer> {
  return tenant.call({ method: 'PUT', path: '/parley/cors', body })
}

describe('the rules of a resource for browsers', () => {
  test('let pages of all origins call with access tokens, and of none as the owner', async () => {
    const tenant = await world.createTenant()
    const { status, body } = await tenant.call({ method: 'GET', path: '/parley/cors' })
    assert.equal(status, 200)
    assert.deepEqual(body, { userOrigins: ['*'], ownerOrigins: [] })
  })

  test('are set together, told as they are, and audited', async () => {
    const tenant = await world.createTenant()
    const rules = { userOrigins: [page], ownerOrigins: ['HTTPS://Admin.example:443'] }
    const told = { userOrigins: [page], ownerOrigins: ['https://admin.example'] }
    assert.deepEqual((await putCors(tenant, rules)).body, told)
    assert.deepEqual((await tenant.call({ method: 'GET', path: '/parley/cors' })).body, told)
    const entries = await listAuditEntries(world.db, {
      afterSeq: 0,
      entriesMax: 100,
      resourceId: tenant.resourceId,
    })
    assert.equal(entries.at(-1)?.operation, 'Parley_SetCors')
    assert.match(entries.at(-1)?.actor ?? '', /^access-key\/primary/)
    assert.deepEqual((await putCors(tenant, {})).body, { userOrigins: ['*'], ownerOrigins: [] })
  })

  for (const [field, value] of [
    ['UserOrigins', { userOrigins: ['*', page] }],
    ['UserOrigins', { userOrigins: ['app.example'] }],
    ['OwnerOrigins', { ownerOrigins: [`${page}/path`] }],
    ['Origins', { origins: [] }],
  ] as const) {
    test(`refuse ${JSON.stringify(value)}`, async () => {
      const tenant = await world.createTenant()
      const { status, body } = await putCors(tenant, value)
      assert.deepEqual([status, body.error.target], [400, field])
    })
  }
})

describe('a preflight', () => {
  test('of an owner operation is refused by silence until its origin is allowed', async () => {
    const tenant = await world.createTenant()
    const names = 'authorization,content-type,x-ms-content-sha256,x-ms-date'
    const asked = { 'access-control-request-headers': names }
    const before = await ask(tenant.host, ownerPath, asked)
    assert.equal(before.status, 204)
    assert.equal(allowed(before), undefined)
    assert.match(before.headers.vary ?? '', /^Origin/)
    await putCors(tenant, { ownerOrigins: [page] })
    const after = await ask(tenant.host, ownerPath, asked)
    assert.equal(after.status, 204)
    assert.equal(allowed(after), page)
    assert.equal(after.headers['access-control-allow-methods'], 'POST')
    assert.equal(after.headers['access-control-allow-headers'], names)
    assert.equal(after.headers['access-control-max-age'], '600')
    assert.equal(after.headers['access-control-allow-credentials'], undefined)
    const other = await world.createTenant()
    assert.equal(allowed(await ask(other.host, ownerPath, asked)), undefined)
    const stranger = { ...asked, origin: 'https://else.example' }
    assert.equal(allowed(await ask(tenant.host, ownerPath, stranger)), undefined)
    assert.equal(allowed(await ask('nowhere.parley.test', ownerPath, asked)), undefined)
  })

  test('names the methods of the path that pages may use', async () => {
    const path = '/access/entra/:exchangeAccessToken?api-version=2025-03-02-preview'
    const tenant = await world.createTenant()
    assert.equal(allowed(await ask(tenant.host, path, {})), '*')
    const get = await ask(tenant.host, '/.well-known/jwks.json', {
      'access-control-request-method': 'GET',
    })
    assert.equal(allowed(get), '*')
    assert.equal(get.headers['access-control-allow-methods'], 'GET')
  })

  test('echoes no header that is none', async () => {
    const tenant = await world.createTenant()
    await putCors(tenant, { ownerOrigins: ['*'] })
    const names = ['a b', 'a;b', 'x'.repeat(2049)]
    for (const name of names) {
      const asked = { 'access-control-request-headers': name }
      const { headers } = await ask(tenant.host, ownerPath, asked)
      assert.equal(headers['access-control-allow-headers'], undefined)
    }
  })

  const answered405 = [
    ['of the control plane', '/parley/auditEntries', { 'access-control-request-method': 'GET' }],
    ['about a method that the path lacks', ownerPath, { 'access-control-request-method': 'PUT' }],
    ['without a method', ownerPath, { 'access-control-request-method': '' }],
    ['without an origin', ownerPath, { origin: '' }],
  ] as const
  for (const [name, path, asked] of answered405) {
    test(`${name} is none`, async () => {
      assert.equal((await ask((await world.createTenant()).host, path, asked)).status, 405)
    })
  }
})

describe('an answer', () => {
  test('is for the page whose origin is allowed, whatever it says', async () => {
    const tenant = await world.createTenant()
    await putCors(tenant, { ownerOrigins: [page] })
    const origin = { origin: page }
    const path = ownerPath
    const { host } = tenant
    const answers: readonly [number, Answer][] = [
      [201, await tenant.call({ method: 'POST', path, headers: origin })],
      [401, await send(world.origin, { method: 'POST', path, host, headers: origin })],
      [
        400,
        await send(world.origin, { method: 'POST', path: '/identities', host, headers: origin }),
      ],
      [
        413,
        await send(world.origin, {
          ...{ method: 'POST', path, host, body: 'x'.repeat(70_000) },
          headers: { ...origin, 'content-type': 'application/json' },
        }),
      ],
    ]
    for (const [status, answer] of answers) {
      assert.equal(answer.status, status)
      assert.equal(allowed(answer), page)
      assert.equal(answer.headers.vary, 'Origin')
      assert.match(String(answer.headers['access-control-expose-headers']), /x-ms-request-id/)
    }
    const stranger = { origin: 'https://else.example' }
    const strange = await tenant.call({ method: 'POST', path, headers: stranger })
    assert.deepEqual([strange.status, allowed(strange)], [201, undefined])
    assert.equal(strange.headers.vary, 'Origin')
  })

  test('that anybody may read says so to everybody, for caches keep it', async () => {
    const { headers } = await send(world.origin, { method: 'GET', path: '/.well-known/jwks.json' })
    assert.equal(headers['access-control-allow-origin'], '*')
    assert.equal(headers.vary, undefined)
  })

  test('to who is no browser says nothing of it', async () => {
    const { headers } = await postIdentity(await world.createTenant())
    assert.deepEqual(
      Object.keys(headers).filter((name) => name.startsWith('access-') || name === 'vary'),
      [],
    )
  })

  test('of a server with one name is narrowed to the resource of its caller', async () => {
    const own = await startWorld(newDataDir(), { PARLEY_CORS_ORIGINS: 'off' })
    const [strict, open] = [await own.createTenant(), await own.createTenant()]
    await putCors(open, { ownerOrigins: [page] })
    const asked = { origin: page, 'access-control-request-method': 'POST' }
    const preflight = await send(own.origin, { method: 'OPTIONS', path: ownerPath, headers: asked })
    assert.equal(allowed(preflight), page)
    const headers = { origin: page }
    const path = ownerPath
    assert.equal(allowed(await open.call({ method: 'POST', path, headers })), page)
    assert.equal(allowed(await strict.call({ method: 'POST', path, headers })), undefined)
    const exchange = '/access/entra/:exchangeAccessToken?api-version=2025-03-02-preview'
    const users = await send(own.origin, { method: 'OPTIONS', path: exchange, headers: asked })
    assert.equal(allowed(users), undefined)
    await own.stop()
  })
})
