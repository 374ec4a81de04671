/**
 * One server with one NATS server, which asks for a token: what is carried, and what is not
 * believed. What happens to several of each is in `worlds/nats`.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { jetstream } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { findLastSeq } from '@parley/server/events/store'
import { natsCarrier } from '@parley/verifier/nats'
import { callAdmin } from '../administrator.ts'
import { createIdentity, issueToken, postRevoke } from '../calls.ts'
import { follow, until } from '../followers.ts'
import { type NatsCluster, lacksNats as skip, startNats } from '../nats-cluster.ts'
import { newDataDir, send, startWorld, type Tenant, type World } from '../world.ts'

if (skip !== false) console.log(`skipped: one server with NATS (${skip})`)

describe('a server with NATS', { skip }, () => {
  let nats: NatsCluster
  let world: World
  let connection: NatsConnection
  before(async () => {
    nats = await startNats(1, join(newDataDir(), 'nats'), 's3cr t')
    const [server] = nats.servers
    await server?.kill()
    const PARLEY_NATS_URL = nats.urls.replace('nats://', 'nats://s3cr%20t@')
    world = await startWorld(newDataDir(), { PARLEY_NATS_URL })
  })
  after(async () => {
    await connection?.close()
    await nats?.close()
  })

  async function numberOf(name: string): Promise<number> {
    const at = `http://127.0.0.1:${world.parley.managementPort}`
    const { text } = await send(at, { method: 'GET', path: '/metrics' })
    return Number(new RegExp(`^parley_nats_${name} (\\d+)$`, 'm').exec(text)?.[1])
  }

  /** An identity with a token. */
  async function holder(tenant: Tenant) {
    const id = await createIdentity(tenant)
    return { id, token: await issueToken(tenant, id) }
  }

  /** A verifier that rides on NATS. */
  async function ride(context: TestContext, tenant: Tenant) {
    const carrier = natsCarrier({ connection, jetStream: jetstream(connection) })
    const followed = await follow(context, world, { tenant, carrier, maxStalenessMs: 1000 })
    await until(followed.following.isCarried, 'the verifier rides on NATS')
    return followed
  }

  test('starts and serves while NATS is away, and connects when it is there', async () => {
    const tenant = await world.createTenant()
    await postRevoke(tenant, (await holder(tenant)).id)
    assert.equal(await numberOf('connected'), 0)
    nats.servers[0]?.start()
    await nats.whenReady()
    connection = await nats.connect()
    while ((await numberOf('connected')) === 0)
      await send(world.origin, { method: 'GET', path: '/' })
    await assert.rejects(nats.connect('wrong'))
  })

  test('tells a verifier of revocations without a stream of its own', async (t) => {
    const tenant = await world.createTenant()
    const { id, token } = await holder(tenant)
    const { judge, line, following } = await ride(t, tenant)
    line.cut()
    assert.equal(judge(token), 'ok')
    const publishedBefore = await numberOf('published_total')
    await postRevoke(tenant, id)
    const afterMs = await until(() => judge(token) === 'void', 'the revocation')
    assert.ok(afterMs < 250, `${afterMs} ms`)
    assert.equal(following.isCarried(), true)
    assert.equal((await numberOf('published_total')) - publishedBefore, 1)
  })

  test('tells a verifier of revocations of its own resource alone', async (t) => {
    const [tenant, neighbour] = [await world.createTenant(), await world.createTenant()]
    const heard: string[] = []
    const { resourceId } = neighbour
    connection.subscribe(`parley.*.${resourceId}`, {
      callback: (_, m) => void heard.push(m.string()),
    })
    const { following, judge } = await ride(t, tenant)
    const { id, token } = await holder(tenant)
    await postRevoke(tenant, id)
    await until(() => judge(token) === 'void', 'the revocation')
    const seq = following.position() ?? 0
    await postRevoke(neighbour, (await holder(neighbour)).id)
    await until(() => heard.length === 1, 'what the neighbour is told')
    await until(() => (following.position() ?? 0) > seq, 'a heartbeat about both')
    assert.equal(following.isCarried(), true)
  })

  test('sends verifiers to itself for the keys that an emergency replaced', async (t) => {
    const tenant = await world.createTenant()
    const before = await holder(tenant)
    const { judge } = await ride(t, tenant)
    const path = '/parley/signingKeys/:rotate'
    const rotated = await callAdmin(world, { method: 'POST', path, body: { emergency: true } })
    assert.equal(rotated.status, 200)
    const { token } = await holder(tenant)
    await until(() => judge(token) === 'ok', 'the new keys')
    assert.notEqual(judge(before.token), 'ok')
  })

  test('does not believe notices of others, nor answers for resources of others', async () => {
    const tenant = await world.createTenant()
    const { id, token } = await holder(tenant)
    const [resourceId = '', subject = ''] = id.slice('8:acs:'.length).split('_')
    const seq = await findLastSeq(world.db)
    const forged = `${seq}:${seq + 1}:identity:${resourceId}:9999999999999:${subject}=4000000000`
    for (const text of [forged, `${'A'.repeat(43)}${forged}`]) {
      connection.publish('parley.notices', text)
    }
    await connection.flush()
    const isLive = async () => {
      const answer = await tenant.call({
        method: 'POST',
        path: '/introspect',
        body: { tokens: [token] },
      })
      return answer.body.value[0]?.active
    }
    const stranger = '0199a6b2-7c00-7000-8000-00000000000f'
    const how = { timeout: 300 }
    const known = await connection.request(`parley.followers.${resourceId}`, '1', how)
    assert.equal((known.json() as { call: string }).call, '1')
    await assert.rejects(connection.request(`parley.followers.${stranger}`, '1', how))
    assert.equal(await isLive(), true)
    await postRevoke(tenant, id)
    assert.equal(await isLive(), false)
  })
})
