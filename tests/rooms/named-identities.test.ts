import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { dropExpiredTokenPartitions, makeRoomForTokens } from '@parley/server/database/partitions'
import {
  atOnce,
  createIdentity,
  deleteIdentity,
  getIdentity,
  identityPath,
  issueToken,
  namedVersion,
  postIdentity,
  postToken,
  told,
  validationError,
} from '../calls.ts'
import { type Tenant, theWorld } from '../world.ts'

const world = await theWorld()
const { createTenant, db } = world

function postNamed(tenant: Tenant, customId: unknown, apiVersion = namedVersion) {
  return postIdentity(tenant, { customId }, apiVersion)
}

async function nameFor(tenant: Tenant, customId: string): Promise<string> {
  const { status, body } = await postNamed(tenant, customId)
  assert.deepEqual({ status, body }, { status: 201, body: { identity: { ...body.identity } } })
  assert.equal(body.identity.customId, customId)
  return body.identity.id
}

async function countIdentities(tenant: Tenant): Promise<number> {
  const rows = await db`select from identity where resource_id = ${tenant.resourceId}`
  return rows.length
}

describe('an identity with a custom id', () => {
  test('is the same for the same value, exactly compared', async () => {
    const tenant = await createTenant()
    const first = await nameFor(tenant, 'anna@example.org')
    assert.equal(await nameFor(tenant, 'anna@example.org'), first)
    assert.notEqual(await nameFor(tenant, 'Anna@example.org'), first)
    assert.notEqual(await nameFor(tenant, 'anna@example.org '), first)
    assert.equal(await countIdentities(tenant), 3)
  })

  test('is one row for 1,000 callers at once', async () => {
    const tenant = await createTenant()
    const names = await atOnce(1000, () => nameFor(tenant, 'bert'))
    assert.equal(new Set(names).size, 1)
    assert.equal(await countIdentities(tenant), 1)
  })

  test('is another one in another resource', async () => {
    const [tenant, neighbour] = [await createTenant(), await createTenant()]
    const [own, other] = [await nameFor(tenant, 'carl'), await nameFor(neighbour, 'carl')]
    assert.notEqual(own.slice(43), other.slice(43))
    const { resourceId: one } = tenant
    const { resourceId: two } = neighbour
    const hashes = await db`
      select distinct custom_id_hash from identity where resource_id in (${one}, ${two})
    `
    assert.equal(hashes.length, 2)
  })

  test('is a new one after it was deleted', async () => {
    const tenant = await createTenant()
    const first = await nameFor(tenant, 'dora')
    assert.equal((await deleteIdentity(tenant, first)).status, 204)
    assert.notEqual(await nameFor(tenant, 'dora'), first)
  })

  test('gets a token at once, each time', async () => {
    const tenant = await createTenant()
    const asked = { customId: 'emil', createTokenWithScopes: ['chat'] }
    const answers = await atOnce(2, () => postIdentity(tenant, asked, namedVersion))
    assert.deepEqual(
      answers.map((one) => one.status),
      [201, 201],
    )
    assert.equal(new Set(answers.map((one) => one.body.identity.id)).size, 1)
    assert.equal(new Set(answers.map((one) => one.body.accessToken.token)).size, 2)
  })

  const length = 'CustomId: The length must be within the [1, 256] interval.'
  const boundaries = [
    ['', length],
    ['x', undefined],
    ['x'.repeat(256), undefined],
    ['x'.repeat(257), length],
    [7, 'CustomId: Expected string, found number.'],
  ] as const
  for (const [customId, refusal] of boundaries) {
    const shown = typeof customId === 'number' ? 'a number' : `${customId.length} characters`
    test(`${refusal === undefined ? 'takes' : 'refuses'} ${shown}`, async () => {
      const tenant = await createTenant()
      const answer = await postNamed(tenant, customId)
      if (refusal === undefined) return assert.equal(answer.status, 201)
      assert.deepEqual(told(answer), validationError('CustomId', refusal))
      assert.equal(await countIdentities(tenant), 0)
    })
  }

  const versions = [
    ['2023-10-01', false],
    [namedVersion, true],
    ['2025-06-30', true],
    ['2026-09-23', true],
  ] as const
  for (const [apiVersion, exists] of versions) {
    test(`${exists ? 'exists' : 'does not exist'} at ${apiVersion}`, async () => {
      const tenant = await createTenant()
      const answer = await postNamed(tenant, 'fred', apiVersion)
      if (exists) return assert.equal(answer.status, 201)
      const message = `CustomId: The field does not exist in API version '${apiVersion}'.`
      assert.deepEqual(told(answer), validationError('CustomId', message))
    })
  }

  test('leaves no trace of the value in any table', async () => {
    const tenant = await createTenant()
    const customId = 'gerda.gruenwald@example.org'
    const id = await nameFor(tenant, customId)
    await issueToken(tenant, id)
    await deleteIdentity(tenant, await nameFor(tenant, `${customId}x`))
    const bytes = Buffer.from(customId)
    const digest = createHash('sha256').update(customId).digest('hex')
    const traces = [customId, bytes.toString('hex'), bytes.toString('base64'), digest]
    const tables = await db<{ name: string }[]>`
      select table_name as name from information_schema.tables where table_schema = 'public'
    `
    let rowCount = 0
    for (const { name } of tables) {
      const rows = await db<{ row: string }[]>`select t::text as row from ${db(name)} as t`
      rowCount += rows.length
      for (const { row } of rows) {
        assert.ok(!traces.some((trace) => row.includes(trace)), `${name} knows the custom id`)
      }
    }
    assert.ok(rowCount > 3)
  })
})

describe('reading an identity', () => {
  test('says nothing of a token before the first one', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const answer = await getIdentity(tenant, id)
    assert.deepEqual(told(answer), { status: 200, body: { id } })
    const { headers } = answer
    assert.equal(
      headers['api-supported-versions'],
      '2025-03-02-preview, 2025-06-30, 2026-07-22, 2026-09-23',
    )
  })

  // What creating says and what reading says later come from different places.
  test('says when the last token was issued, as creating it did', async (t) => {
    const tenant = await createTenant()
    const atMs = Math.floor(Date.now() / 1000) * 1000
    world.stopClock(t, atMs + 789)
    const asked = { customId: 'hugo', createTokenWithScopes: ['chat'] }
    const created = await postIdentity(tenant, asked, namedVersion)
    const { id } = created.body.identity
    const lastTokenIssuedAt = new Date(atMs).toISOString().replace('Z', '0000+00:00')
    const expected = { id, customId: 'hugo', lastTokenIssuedAt }
    assert.deepEqual(created.body.identity, expected)
    const read = await getIdentity(tenant, id)
    assert.deepEqual(told(read), { status: 200, body: { id, lastTokenIssuedAt } })
    assert.deepEqual((await postNamed(tenant, 'hugo')).body.identity, expected)
  })

  test('still says so when the ledger has dropped the token', async (t) => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    await issueToken(tenant, id)
    await postToken(tenant, id, { scopes: ['chat'], expiresInMinutes: 60 })
    const before = told(await getIdentity(tenant, id))
    const realMs = Date.now()
    t.after(() => makeRoomForTokens(db, realMs))
    const laterMs = realMs + 31 * 60 * 60 * 1000
    world.stopClock(t, laterMs)
    const { postponed } = await dropExpiredTokenPartitions(db, laterMs)
    assert.deepEqual(postponed, [])
    const left = await db`select from access_token where resource_id = ${tenant.resourceId}`
    assert.equal(left.length, 0)
    assert.deepEqual(told(await getIdentity(tenant, id)), before)
    await makeRoomForTokens(db, laterMs)
    await issueToken(tenant, id)
    const { body } = await getIdentity(tenant, id)
    assert.equal(Date.parse(body.lastTokenIssuedAt), Math.floor(laterMs / 1000) * 1000)
  })

  for (const apiVersion of ['2020-07-20-preview2', '2021-03-07', '2023-10-01']) {
    test(`does not exist at ${apiVersion}`, async () => {
      const tenant = await createTenant()
      const id = await createIdentity(tenant)
      const path = identityPath(id, '', apiVersion)
      const { status, body } = await tenant.call({ method: 'GET', path })
      const uri = `http://${tenant.host}/identities/${id}`
      const message =
        `The HTTP resource that matches the request URI '${uri}' ` +
        `does not support the API version '${apiVersion}'.`
      const error = { code: 'UnsupportedApiVersion', message }
      assert.deepEqual({ status, body }, { status: 400, body: { error } })
    })
  }
})
