/**
 * Limits of rates through the whole stack.
 */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import {
  atOnce,
  createIdentity,
  deleteIdentity,
  identityPath,
  liveness,
  postIdentity,
  postRevoke,
  postToken,
  told,
} from '../calls.ts'
import { newDataDir, startWorld, type World } from '../world.ts'

const limit = (max: number) => [{ per: 'resource', max, seconds: 3600 }]
const rates = {
  'identity-create': limit(3),
  'identity-create-with-token': limit(2),
  'token-issue': limit(4),
  'identity-delete': limit(1),
  'token-revoke': limit(1),
}
const refused = {
  status: 429,
  body: {
    error: {
      code: 'TooManyRequests',
      message: 'Too many requests; Retry-After says when to come again.',
    },
  },
}

describe('a server with limits of rates', () => {
  let world: World
  before(async () => {
    world = await startWorld(newDataDir(), { PARLEY_RATE_LIMITS: JSON.stringify(rates) })
  })

  test('answers what is too much with 429 and when to come again', async () => {
    const tenant = await world.createTenant()
    const answers = await atOnce(10, () => postIdentity(tenant))
    assert.equal(answers.filter(({ status }) => status === 201).length, 3)
    const others = answers.filter(({ status }) => status !== 201)
    for (const answer of others) {
      assert.deepEqual(told(answer), refused)
      const seconds = Number(answer.headers['retry-after'])
      assert.ok(seconds > 3600 && seconds <= 3960)
      assert.match(String(answer.headers['x-ms-request-id']), /^[0-9a-f-]{36}$/)
    }
  })

  test('changes nothing where it refuses', async () => {
    const tenant = await world.createTenant()
    const { db } = world
    const ids = await atOnce(3, () => createIdentity(tenant))
    const [id = '', other = ''] = ids
    const { body } = await postToken(tenant, id)
    assert.equal((await postRevoke(tenant, other)).status, 204)
    assert.deepEqual(told(await postRevoke(tenant, id)), refused)
    assert.equal((await deleteIdentity(tenant, other)).status, 204)
    assert.deepEqual(told(await deleteIdentity(tenant, id)), refused)
    assert.deepEqual(told(await postIdentity(tenant)), refused)
    assert.deepEqual(await liveness(tenant, [body.token]), [true])
    const { resourceId } = tenant
    assert.equal((await db`select from identity where resource_id = ${resourceId}`).length, 2)
  })

  test('counts creating with a token apart, as the service does', async () => {
    const tenant = await world.createTenant()
    const withToken = { createTokenWithScopes: ['chat'] }
    await atOnce(3, () => createIdentity(tenant))
    assert.equal((await postIdentity(tenant, withToken)).status, 201)
    assert.equal((await postIdentity(tenant, withToken)).status, 201)
    assert.deepEqual(told(await postIdentity(tenant, withToken)), refused)
  })

  test('does not count who is not known, or what is not understood', async () => {
    const tenant = await world.createTenant()
    const id = await createIdentity(tenant)
    const path = identityPath(id, '/:issueAccessToken')
    const accessKey = Buffer.alloc(64)
    for (let count = 0; count < 6; count++) {
      assert.equal((await tenant.call({ method: 'POST', path, accessKey })).status, 401)
      assert.equal((await postToken(tenant, id, { scopes: 'chat' })).status, 400)
    }
    const answers = await atOnce(5, () => postToken(tenant, id))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 200, 429])
  })

  test('gives each resource its own', async () => {
    const [greedy, modest] = [await world.createTenant(), await world.createTenant()]
    await atOnce(20, () => postIdentity(greedy))
    const answers = await atOnce(3, () => postIdentity(modest))
    assert.ok(answers.every(({ status }) => status === 201))
  })
})
