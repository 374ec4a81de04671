/** Verifiers elsewhere that voidings wait for: what is true when a revocation was answered. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { serverLimits } from '@parley/server/contract/limits'
import { atOnce, createIdentity, deleteIdentity, issueToken, postRevoke } from '../calls.ts'
import { control, createResource, newPlace, regenerateKey, resourcePath } from '../control-plane.ts'
import { makeCredential } from '../credentials.ts'
import { type FollowingVerifier, follow, until } from '../followers.ts'
import { newDataDir, startWorld, type Tenant } from '../world.ts'

const world = await startWorld(newDataDir())
const waitMs = serverLimits.followerLeaseMsMax * 1.25
const path = '/parley/revocations/followers'

async function holder(tenant: Tenant) {
  const id = await createIdentity(tenant)
  return { id, token: await issueToken(tenant, id) }
}

/** The time that something takes, in milliseconds. */
async function timeOf(act: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await act()
  return performance.now() - startedAt
}

/** A follower that is waited for, with a credential that may. */
async function waitedFor(
  context: Parameters<typeof follow>[0],
  tenant: Tenant,
): Promise<FollowingVerifier> {
  const { secret } = await makeCredential(tenant, { mayBeWaitedFor: true })
  const followed = await follow(context, world, { tenant, credential: secret, acknowledge: true })
  await followed.following.ready
  return followed
}

describe('when a voiding was answered, a verifier that is waited for', () => {
  test('refuses at once what was revoked or deleted, every time', async (t) => {
    const tenant = await world.createTenant()
    const [one, other] = [await waitedFor(t, tenant), await waitedFor(t, tenant)]
    const holders = await atOnce(30, () => holder(tenant))
    for (const { token } of holders) {
      await until(() => one.judge(token) === 'ok' && other.judge(token) === 'ok', 'leases')
    }
    for (const [index, { id, token }] of holders.entries()) {
      await (index % 2 === 0 ? postRevoke(tenant, id) : deleteIdentity(tenant, id))
      const verdicts = [one.judge(token), other.judge(token)]
      assert.equal(verdicts.includes('ok'), false, String(verdicts))
    }
  })

  test('refuses at once what a regenerated key had issued', async (t) => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const { judge } = await waitedFor(t, tenant)
    const { token } = await holder(tenant)
    await until(() => judge(token) === 'ok', 'the lease')
    await regenerateKey(world, place, { keyType: 'Primary' })
    assert.notEqual(judge(token), 'ok')
  })

  test('refuses at once what was of a deleted resource', async (t) => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const { judge } = await waitedFor(t, tenant)
    const { token } = await holder(tenant)
    await until(() => judge(token) === 'ok', 'the lease')
    await control(world, { method: 'DELETE', path: resourcePath(place) })
    assert.notEqual(judge(token), 'ok')
  })

  test('refuses by its own clock when it is cut off, and is waited for once', async (t) => {
    const tenant = await world.createTenant()
    const { judge, line } = await waitedFor(t, tenant)
    const [first, second] = [await holder(tenant), await holder(tenant)]
    await until(() => judge(first.token) === 'ok', 'the lease')
    line.cut()
    const tookMs = await timeOf(() => postRevoke(tenant, first.id))
    assert.notEqual(judge(first.token), 'ok')
    assert.ok(tookMs > 500 && tookMs < waitMs + 2000, `${tookMs} ms`)
    const againMs = await timeOf(() => postRevoke(tenant, second.id))
    assert.ok(againMs < tookMs / 2, `${againMs} ms after ${tookMs}`)
    line.mend()
    await until(() => judge(first.token) === 'void', 'healing')
  })

  test('has left when it was closed, and nobody waits', async (t) => {
    const tenant = await world.createTenant()
    const { following } = await waitedFor(t, tenant)
    const { id } = await holder(tenant)
    const countRows = async () => {
      const rows = await world.db`
        select from revocation_follower where resource_id = ${tenant.resourceId}`
      return rows.length
    }
    assert.equal(await countRows(), 1)
    following.close()
    while ((await countRows()) > 0) assert.ok(true)
    assert.ok((await timeOf(() => postRevoke(tenant, id))) < 1000)
  })
})

describe('waiting for followers', () => {
  /** Enters a follower that says nothing more. */
  const enterSilent = async (tenant: Tenant) => {
    const entered = await tenant.call({ method: 'POST', path: `${path}?leaseMs=2000&seq=0` })
    assert.equal(entered.status, 201)
  }

  test('is no affair of another resource', async () => {
    const [tenant, neighbour] = [await world.createTenant(), await world.createTenant()]
    const { id } = await holder(neighbour)
    await enterSilent(tenant)
    assert.ok((await timeOf(() => postRevoke(neighbour, id))) < 1000)
  })

  test('lasts its wait for one that says nothing, and then no more', async () => {
    const tenant = await world.createTenant()
    const { id } = await holder(tenant)
    await enterSilent(tenant)
    const tookMs = await timeOf(() => postRevoke(tenant, id))
    assert.ok(tookMs >= waitMs, `${tookMs} ms`)
    assert.ok((await timeOf(() => postRevoke(tenant, id))) < 1000)
  })

  test('is refused to a credential that may not have it', async () => {
    const tenant = await world.createTenant()
    const { secret } = await makeCredential(tenant)
    const headers = { authorization: `Bearer ${secret}` }
    const asked = { method: 'POST', path: `${path}?leaseMs=2000&seq=0`, headers }
    assert.equal((await tenant.call(asked)).status, 403)
  })

  test('is had by sixty-four of a resource', async () => {
    const tenant = await world.createTenant()
    await atOnce(serverLimits.waitedForFollowersMax, () => enterSilent(tenant))
    const answers = await atOnce(4, () =>
      tenant.call({ method: 'POST', path: `${path}?leaseMs=2000&seq=0` }),
    )
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([503]))
  })

  const wrong = ['', '?leaseMs=1000', '?seq=0', '?leaseMs=999&seq=0', '?leaseMs=2001&seq=0']
  for (const query of wrong) {
    test(`is not begun by ${JSON.stringify(query)}`, async () => {
      const tenant = await world.createTenant()
      const { status } = await tenant.call({ method: 'POST', path: `${path}${query}` })
      assert.equal(status, 400)
    })
  }

  for (const name of ['0199a6b2-7c00-7000-8000-00000000000a', 'nobody']) {
    test(`does not know ${name}`, async () => {
      const tenant = await world.createTenant()
      const asked = { method: 'POST', path: `${path}/${name}/:acknowledge?seq=1` }
      assert.equal((await tenant.call(asked)).status, 404)
    })
  }
})
