/** Secrets by which verifiers elsewhere follow, and what they do not open. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { callAdmin } from '../administrator.ts'
import { createIdentity, identityPath, issueToken, postRevoke } from '../calls.ts'
import { control, createResource, newPlace, resourcePath } from '../control-plane.ts'
import { makeCredential } from '../credentials.ts'
import { follow, until } from '../followers.ts'
import { newDataDir, startWorld, type Tenant } from '../world.ts'

const world = await startWorld(newDataDir())
const snapshot = { method: 'GET', path: '/parley/revocations/snapshot' }
const path = '/parley/verifierCredentials'

/** Sends a request with the secret instead of a signature. */
function callBy(tenant: Tenant, secret: string, request: { method: string; path: string }) {
  return tenant.call({ ...request, headers: { authorization: `Bearer ${secret}` } })
}

/** Whose snapshot it is. */
const ownerIn = (page: string) => /"resourceId":"([^"]+)"/.exec(page)?.[1]

describe('the credential of a verifier', () => {
  test('reads the snapshot of its resource', async () => {
    const tenant = await world.createTenant()
    const { secret } = await makeCredential(tenant)
    const { status, text } = await callBy(tenant, secret, snapshot)
    assert.deepEqual([status, ownerIn(text)], [200, tenant.resourceId])
  })

  test('follows as an access key does', async (t) => {
    const tenant = await world.createTenant()
    const { secret } = await makeCredential(tenant)
    const id = await createIdentity(tenant)
    const token = await issueToken(tenant, id)
    const { judge, following } = await follow(t, world, { tenant, credential: secret })
    await following.ready
    assert.equal(judge(token), 'ok')
    await postRevoke(tenant, id)
    await until(() => judge(token) === 'void', 'the revocation')
  })

  const closed = [
    ['create an identity', { method: 'POST', path: identityPath('').replace('/?', '?') }],
    ['revoke', { method: 'POST', path: '/parley/revocations' }],
    ['list live tokens', { method: 'GET', path: '/parley/tokens' }],
    ['introspect', { method: 'POST', path: '/introspect' }],
    ['list credentials', { method: 'GET', path }],
    ['make another', { method: 'POST', path }],
    ['look at resources', { method: 'GET', path: '/subscriptions?api-version=2022-12-01' }],
  ] as const
  for (const [what, request] of closed) {
    test(`does not ${what}`, async () => {
      const tenant = await world.createTenant()
      const { secret } = await makeCredential(tenant)
      const { status } = await callBy(tenant, secret, request)
      assert.ok([401, 404].includes(status), String(status))
      if (status === 404) assert.fail(`${request.path} is no operation`)
    })
  }

  test('is listed without its secret, which is stored nowhere', async () => {
    const tenant = await world.createTenant()
    const made = await makeCredential(tenant, { name: 'edge', expiresInMinutes: 60 })
    const { secret, ...facts } = made
    const { text, headers } = await tenant.call({ method: 'GET', path })
    assert.deepEqual(JSON.parse(text), { value: [facts] })
    assert.equal(headers['cache-control'], undefined)
    const rows = await world.db`select * from verifier_credential`
    const random = Buffer.from(secret.slice('parley_verifier_'.length), 'base64url').subarray(32)
    for (const row of rows) {
      for (const value of Object.values(row)) {
        assert.equal(Buffer.isBuffer(value) && value.includes(random), false)
        assert.notEqual(value, secret)
      }
    }
  })

  test('is made, replaced and deleted on the record', async () => {
    const tenant = await world.createTenant()
    const { id } = await makeCredential(tenant)
    await tenant.call({ method: 'POST', path: `${path}/${id}/:rotate` })
    await tenant.call({ method: 'DELETE', path: `${path}/${id}` })
    await tenant.call({ method: 'DELETE', path: `${path}/${id}` })
    const rows = await world.db<{ operation: string; target: string }[]>`
      select operation, target from audit_entry
      where resource_id = ${tenant.resourceId} order by seq`
    const own = rows.filter(({ target }) => target.endsWith(`/verifierCredentials/${id}`))
    assert.deepEqual(
      own.map(({ operation }) => operation),
      ['Create', 'Rotate', 'Delete'].map((one) => `Parley_${one}VerifierCredential`),
    )
  })

  test('does not open another resource, by whatever host', async () => {
    const [tenant, neighbour] = [await world.createTenant(), await world.createTenant()]
    const { id, secret } = await makeCredential(tenant)
    const { text } = await callBy(neighbour, secret, snapshot)
    assert.equal(ownerIn(text), tenant.resourceId, 'it names its own')
    assert.equal((await neighbour.call({ method: 'DELETE', path: `${path}/${id}` })).status, 204)
    assert.equal((await callBy(tenant, secret, snapshot)).status, 200)
  })

  test('is refused at the host of another resource', async () => {
    const own = await startWorld(newDataDir(), { PARLEY_DOMAIN: 'parley.test' })
    const [tenant, neighbour] = [await own.createTenant(), await own.createTenant()]
    const { secret } = await makeCredential(tenant)
    assert.equal((await callBy(tenant, secret, snapshot)).status, 200)
    assert.equal((await callBy(neighbour, secret, snapshot)).status, 401)
  })

  test('is refused with one character changed', async () => {
    const tenant = await world.createTenant()
    const { secret } = await makeCredential(tenant)
    const last = secret.at(-9) === 'A' ? 'B' : 'A'
    const other = `${secret.slice(0, -9)}${last}${secret.slice(-8)}`
    assert.equal((await callBy(tenant, other, snapshot)).status, 401)
  })

  test('is limited to a hundred of a resource, those that are over not counted', async (t) => {
    const tenant = await world.createTenant()
    await makeCredential(tenant, { expiresInMinutes: 1 })
    await Promise.all(Array.from({ length: 99 }, () => makeCredential(tenant)))
    assert.equal((await tenant.call({ method: 'POST', path })).status, 400)
    world.stopClock(t, world.now() + 61_000)
    await makeCredential(tenant)
    assert.equal((await tenant.call({ method: 'POST', path })).status, 400)
  })

  const wrong = [{ expiresInMinutes: 0 }, { name: 'x'.repeat(65) }, { scope: 'all' }]
  for (const body of wrong) {
    test(`is not made of ${JSON.stringify(body).slice(0, 30)}`, async () => {
      const tenant = await world.createTenant()
      assert.equal((await tenant.call({ method: 'POST', path, body })).status, 400)
    })
  }
})

describe('the end of a credential', () => {
  test('by deletion closes its stream and no other', async (t) => {
    const tenant = await world.createTenant()
    const [dead, live] = [await makeCredential(tenant), await makeCredential(tenant)]
    const first = await follow(t, world, { tenant, credential: dead.secret })
    const second = await follow(t, world, { tenant, credential: live.secret })
    await Promise.all([first.following.ready, second.following.ready])
    const deleted = await tenant.call({ method: 'DELETE', path: `${path}/${dead.id}` })
    assert.equal(deleted.status, 204)
    assert.equal((await callBy(tenant, dead.secret, snapshot)).status, 401)
    await until(() => first.following.fault()?.kind === 'wrong-status', 'the refusal')
    assert.deepEqual(second.line.asked, ['snapshot', 'events'])
    assert.equal(second.following.fault(), undefined)
  })

  test('by rotation leaves the new secret and closes what came by the old one', async (t) => {
    const tenant = await world.createTenant()
    const { id, secret } = await makeCredential(tenant)
    const { following } = await follow(t, world, { tenant, credential: secret })
    await following.ready
    const rotated = await tenant.call({ method: 'POST', path: `${path}/${id}/:rotate` })
    const { secret: next } = JSON.parse(rotated.text)
    assert.equal(rotated.headers['cache-control'], 'no-store')
    assert.equal((await callBy(tenant, secret, snapshot)).status, 401)
    assert.equal((await callBy(tenant, next, snapshot)).status, 200)
    await until(() => following.fault()?.kind === 'wrong-status', 'the refusal')
  })

  test('by time ends its stream', async (t) => {
    const tenant = await world.createTenant()
    const { secret } = await makeCredential(tenant, { expiresInMinutes: 1 })
    const { following } = await follow(t, world, { tenant, credential: secret })
    await following.ready
    world.stopClock(t, world.now() + 60_000)
    await until(() => following.fault()?.kind === 'wrong-status', 'the refusal')
  })

  test('comes with the keys of its resource when it takes none', async (t) => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const { secret } = await makeCredential(tenant)
    const { following } = await follow(t, world, { tenant, credential: secret })
    await following.ready
    const body = { properties: { disableLocalAuth: true } }
    await control(world, { method: 'PATCH', path: resourcePath(place), body })
    await until(() => following.fault()?.kind === 'wrong-status', 'the refusal')
  })

  test('comes with its resource', async () => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const { secret } = await makeCredential(tenant)
    await control(world, { method: 'DELETE', path: resourcePath(place) })
    assert.equal((await callBy(tenant, secret, snapshot)).status, 401)
  })

  test('is not brought about by the administrator token in its place', async () => {
    const { status } = await callAdmin(world, { method: 'GET', path })
    assert.equal(status, 401)
  })
})
