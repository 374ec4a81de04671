/**
 * Relays, as far as no relay is needed to see it: who is given one, for how long, and that coturn
 * would not find it any more from the moment that something it depends on is void.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, describe, test } from 'node:test'
import {
  closeCallSockets,
  connectCalls,
  eventually,
  join,
  newCaller,
  start,
  talk,
} from '../call-sockets.ts'
import { createIdentity, deleteIdentity, notOwned, postRevoke, postToken, told } from '../calls.ts'
import { control, createResource, newPlace, regenerateKey, resourcePath } from '../control-plane.ts'
import { type Answer, newDataDir, send, startWorld, type Tenant, theWorld } from '../world.ts'

const urls = ['turn:relay.test:3478', 'turns:relay.test:443?transport=tcp']
const variables = {
  PARLEY_DOMAIN: 'parley.test',
  PARLEY_TURN_URLS: urls.join(','),
  PARLEY_TURN_REALM: 'realm.test',
}
const world = await startWorld(newDataDir(), variables)
const { createTenant, db } = world
const path = '/networkTraversal/:issueRelayConfiguration?api-version=2022-03-01-preview'

interface Configuration {
  readonly expiresOn: string
  readonly iceServers: readonly {
    readonly urls: readonly string[]
    readonly username: string
    readonly credential: string
    readonly routeType: string
  }[]
}

function post(tenant: Tenant, body?: object): Promise<Answer> {
  return tenant.call({ method: 'POST', path, ...(body === undefined ? {} : { body }) })
}

function postAs(token: string, body: object = {}): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  return send(world.origin, { method: 'POST', path, body, headers })
}

function configurationIn({ status, body }: Answer): Configuration {
  assert.equal(status, 200, JSON.stringify(body))
  return body as unknown as Configuration
}

function userIn(answer: Answer): string {
  return configurationIn(answer).iceServers[0]?.username ?? ''
}

async function issueVoip(tenant: Tenant, id: string, scopes = ['voip']): Promise<string> {
  const { status, body } = await postToken(tenant, id, { scopes, expiresInMinutes: 60 })
  assert.equal(status, 200)
  return body.token
}

/** What coturn finds of a user. */
async function keyOf(userName: string): Promise<string | undefined> {
  const [row] = await db<{ readonly hmackey: string }[]>`
    select hmackey
    from parley_turn.turnusers_lt
    where name = ${userName}
    and realm = 'realm.test'`
  return row?.hmackey
}

async function isLive(userName: string): Promise<boolean> {
  return (await keyOf(userName)) !== undefined
}

describe('a relay configuration', () => {
  test('has every address, a user that coturn finds, and 48 hours', async (context) => {
    const tenant = await createTenant()
    const nowMs = Date.now()
    world.stopClock(context, nowMs)
    const { expiresOn, iceServers } = configurationIn(await post(tenant))
    assert.equal(Date.parse(expiresOn), nowMs + 172_800_000)
    assert.deepEqual(
      iceServers.map(({ routeType }) => routeType),
      ['any', 'nearest'],
    )
    for (const { urls: shown, username, credential } of iceServers) {
      assert.deepEqual(shown, urls)
      const text = `${username}:realm.test:${credential}`
      assert.equal(await keyOf(username), createHash('md5').update(text).digest('hex'))
    }
  })

  test('is of one route where one is asked for', async () => {
    const tenant = await createTenant()
    for (const routeType of ['any', 'nearest']) {
      const { iceServers } = configurationIn(await post(tenant, { routeType }))
      assert.deepEqual(
        iceServers.map((one) => one.routeType),
        [routeType],
      )
    }
    assert.equal((await post(tenant, { routeType: 'far' })).status, 400)
  })

  const times = [
    [0, 0],
    [60, 60],
    [172_800, 172_800],
    [172_801, 172_800],
  ] as const
  for (const [ttl, seconds] of times) {
    test(`is good for ${seconds} s where ${ttl} are asked for`, async (context) => {
      const tenant = await createTenant()
      const nowMs = Date.now()
      world.stopClock(context, nowMs)
      const { expiresOn } = configurationIn(await post(tenant, { ttl }))
      assert.equal(Date.parse(expiresOn), nowMs + seconds * 1000)
    })
  }

  test('is refused with a ttl that is no whole number from 0, or an unknown field', async () => {
    const tenant = await createTenant()
    for (const body of [{ ttl: -1 }, { ttl: 1.5 }, { ttl: '60' }, { user: 'x' }]) {
      assert.equal((await post(tenant, body)).status, 400, JSON.stringify(body))
    }
  })

  test('is for an identity of the resource alone', async () => {
    const [tenant, other] = [await createTenant(), await createTenant()]
    const id = await createIdentity(tenant)
    assert.ok(await isLive(userIn(await post(tenant, { id }))))
    const gone = await createIdentity(tenant)
    assert.equal((await deleteIdentity(tenant, gone)).status, 204)
    for (const wrong of [await createIdentity(other), gone, 'nobody', '']) {
      assert.deepEqual(told(await post(tenant, { id: wrong })), notOwned)
    }
  })

  test('says 503 RelayNotConfigured where there is none, also to a user', async () => {
    const plain = await theWorld()
    const tenant = await plain.createTenant()
    const answer = await post(tenant)
    assert.deepEqual([answer.status, answer.body.error.code], [503, 'RelayNotConfigured'])
    const token = await issueVoip(tenant, await createIdentity(tenant))
    const headers = { authorization: `Bearer ${token}` }
    const asked = await send(plain.origin, { method: 'POST', path, headers })
    assert.deepEqual([asked.status, asked.body.error.code], [503, 'RelayNotConfigured'])
  })

  test('is had by 64 at a time of one identity', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    for (let count = 0; count < 64; count++) userIn(await post(tenant, { id, ttl: 600 }))
    assert.equal((await post(tenant, { id })).status, 429)
    userIn(await post(tenant, { id: await createIdentity(tenant) }))
  })
})

describe('a relay configuration for the holder of an access token', () => {
  test('is its own, and ends with the token', async () => {
    const tenant = await createTenant()
    const [id, other] = [await createIdentity(tenant), await createIdentity(tenant)]
    for (const scopes of [['voip'], ['voip.join'], ['chat', 'voip']]) {
      const token = await issueVoip(tenant, id, scopes)
      const { expiresOn } = configurationIn(await postAs(token, { id }))
      const leftMs = Date.parse(expiresOn) - Date.now()
      assert.ok(leftMs > 3_500_000 && leftMs <= 3_600_000, String(leftMs))
      assert.equal((await postAs(token, { id: other })).status, 403)
    }
  })

  test('is refused to a token for chat, to a void one, and to a stranger', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const chat = await postAs(await issueVoip(tenant, id, ['chat']))
    assert.deepEqual([chat.status, chat.body.error.code], [403, 'Forbidden'])
    const token = await issueVoip(tenant, id)
    await postRevoke(tenant, id)
    for (const bad of [token, 'a.b.c', `${token.slice(0, -4)}AAAA`]) {
      assert.deepEqual(told(await postAs(bad)).status, 401)
    }
  })
})

describe('a relay user is found no more', () => {
  test('from the moment that it has expired', async () => {
    const tenant = await createTenant()
    assert.equal(await isLive(userIn(await post(tenant, { ttl: 0 }))), false)
  })

  test('when the tokens of its identity are revoked, whoever asked for it', async () => {
    const tenant = await createTenant()
    const [id, other] = [await createIdentity(tenant), await createIdentity(tenant)]
    const users = [
      userIn(await post(tenant, { id })),
      userIn(await postAs(await issueVoip(tenant, id))),
    ]
    const kept = [userIn(await post(tenant, { id: other })), userIn(await post(tenant))]
    for (const user of [...users, ...kept]) assert.ok(await isLive(user))
    assert.equal((await postRevoke(tenant, id)).status, 204)
    for (const user of users) assert.equal(await isLive(user), false)
    for (const user of kept) assert.ok(await isLive(user))
    assert.ok(await isLive(userIn(await post(tenant, { id }))))
  })

  test('when its identity is deleted, and no row names that any more', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const user = userIn(await post(tenant, { id }))
    assert.equal((await deleteIdentity(tenant, id)).status, 204)
    assert.equal(await isLive(user), false)
    const rows = await db`select from relay_user where identity_id = ${id.slice(-36)}`
    assert.equal(rows.length, 0)
  })

  test('when the access key is replaced that it, or its token, was asked for with', async () => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const id = await createIdentity(tenant)
    const users = [userIn(await post(tenant)), userIn(await postAs(await issueVoip(tenant, id)))]
    const { secondaryKey: accessKey } = tenant
    const kept = userIn(await tenant.call({ method: 'POST', path, accessKey }))
    await regenerateKey(world, place, { keyType: 'Primary' })
    for (const user of users) assert.equal(await isLive(user), false)
    assert.ok(await isLive(kept))
  })

  test('when a step-down takes calls from the token that it was asked for with', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const user = userIn(await postAs(await issueVoip(tenant, id, ['chat', 'voip'])))
    const join = userIn(await postAs(await issueVoip(tenant, id, ['voip.join'])))
    const leave = async (...scopes: readonly string[]) => {
      const body = { targets: [{ identity: id, scopes }] }
      const { status } = await tenant.call({ method: 'POST', path: '/parley/stepDowns', body })
      assert.equal(status, 200)
    }
    await leave('voip', 'voip.join')
    assert.deepEqual(await Promise.all([user, join].map(isLive)), [true, true])
    await leave('voip.join')
    assert.deepEqual(await Promise.all([user, join].map(isLive)), [false, true])
    await leave('chat')
    assert.deepEqual(await Promise.all([user, join].map(isLive)), [false, false])
  })

  test('soon after the token is denied that it was asked for with', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    const [token, other] = [await issueVoip(tenant, id), await issueVoip(tenant, id)]
    const [user, kept] = [userIn(await postAs(token)), userIn(await postAs(other))]
    const body = { targets: [{ token }] }
    const denied = await tenant.call({ method: 'POST', path: '/parley/revocations', body })
    assert.equal(denied.status, 200, denied.text)
    await eventually(
      () => isLive(user),
      (live) => !live,
    )
    assert.ok(await isLive(kept))
  })

  test('when its resource is deleted', async () => {
    const place = await newPlace(world)
    const tenant = await createResource(world, place)
    const user = userIn(await post(tenant))
    const deleted = await control(world, { method: 'DELETE', path: resourcePath(place) })
    assert.ok(deleted.status < 300)
    assert.equal(await isLive(user), false)
  })

  test('and its row is gone when nothing is left to end', async () => {
    const tenant = await createTenant()
    const id = await createIdentity(tenant)
    await post(tenant, { id })
    await postRevoke(tenant, id)
    const count = async () =>
      (await db`select from relay_user where resource_id = ${tenant.resourceId}`).length
    await eventually(count, (left) => left === 0)
  })
})

describe('the relay user of a leg', () => {
  after(closeCallSockets)

  async function twoWhoTalk() {
    const tenant = await createTenant()
    const [ann, ben] = [await newCaller(world, tenant), await newCaller(world, tenant)]
    return { tenant, ann, ben, sockets: [await ann.connect(), await ben.connect()] as const }
  }

  test('comes with its place in the call, and lives as long as the leg', async () => {
    const { ben, sockets } = await twoWhoTalk()
    const { callId, iceServers, iceTransportPolicy } = await start(sockets[0], [ben.id])
    const [server] = iceServers
    assert.equal(iceTransportPolicy, 'all')
    assert.deepEqual([iceServers.length, server?.urls], [1, urls])
    const user = server?.username ?? ''
    const text = `${user}:realm.test:${server?.credential}`
    assert.equal(await keyOf(user), createHash('md5').update(text).digest('hex'))
    await sockets[0].ask({ type: 'call.leave', callId })
    assert.equal(await isLive(user), false)
  })

  test('is another one for each leg, and ends with it when the token is revoked', async () => {
    const { tenant, ann, ben, sockets } = await twoWhoTalk()
    const { callId, iceServers } = await start(sockets[0], [ben.id], { isJoinable: true })
    await sockets[1].next('call.incoming')
    const accepted = await join(sockets[1], { type: 'call.accept', callId })
    const users = [iceServers, accepted.iceServers].map(([one]) => one?.username ?? '')
    assert.notEqual(users[0], users[1])
    assert.deepEqual(await Promise.all(users.map(isLive)), [true, true])
    assert.equal((await postRevoke(tenant, ann.id)).status, 204)
    assert.deepEqual(await Promise.all(users.map(isLive)), [false, true])
  })

  test('is the same after a lost socket', async () => {
    const { ann, ben, sockets } = await twoWhoTalk()
    const { callId } = await talk(...sockets, ben.id)
    const { token } = ann
    const { resume } = sockets[0].ready
    await sockets[0].cut()
    const again = await connectCalls(world.origin, { token, resume })
    const [call] = again.ready.calls
    assert.equal(call?.callId, callId)
    const users = await db<{ readonly user_name: string }[]>`
      select user_name
      from relay_user
      where resource_id = ${ann.id.slice(6, 42)}
      and leg_id = ${call?.legId ?? ''}`
    assert.deepEqual(
      users.map(({ user_name }) => user_name),
      call?.iceServers.map(({ username }) => username),
    )
  })

  test('is the only way where addresses are hidden, from then on', async () => {
    const { tenant, ben, sockets } = await twoWhoTalk()
    const setting = '/parley/calling'
    const before = await tenant.call({ method: 'GET', path: setting })
    assert.deepEqual([before.status, before.body], [200, { hideAddresses: false }])
    const body = { hideAddresses: true }
    const set = await tenant.call({ method: 'PUT', path: setting, body })
    assert.deepEqual([set.status, set.body], [200, body])
    const { iceTransportPolicy } = await start(sockets[0], [ben.id])
    assert.equal(iceTransportPolicy, 'relay')
    const audited = await db`
      select from audit_entry
      where resource_id = ${tenant.resourceId}
      and operation = 'Parley_SetCalling'`
    assert.equal(audited.length, 1)
  })

  test('is nobody where the server has no relay, even where addresses are hidden', async () => {
    const plain = await theWorld()
    const tenant = await plain.createTenant()
    const body = { hideAddresses: true }
    await tenant.call({ method: 'PUT', path: '/parley/calling', body })
    const ann = await newCaller(plain, tenant)
    const socket = await ann.connect()
    const { iceServers, iceTransportPolicy } = await start(socket, [], { isJoinable: true })
    assert.deepEqual([iceServers, iceTransportPolicy], [[], 'all'])
  })
})
