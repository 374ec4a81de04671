/**
 * Who gets a socket of chat's notifications, for how long, and what two nodes make of that.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import { createIdentity, issueToken, postRevoke, postToken } from '../calls.ts'
import {
  allocate,
  connectChat,
  messageOf,
  openSocket,
  type SocketClient,
  sessionQuery,
  tell,
} from '../chat-sockets.ts'
import { newDataDir, send, startWorld, type Tenant, type World } from '../world.ts'

const world = await startWorld(newDataDir())
const { origin } = world

/** An identity with a token. */
async function holder(tenant: Tenant) {
  const id = await createIdentity(tenant)
  return { id, token: await issueToken(tenant, id) }
}

/** Tries to open a WebSocket; the status that it is refused with. */
async function refusalOf(query: string, sessionId: string = randomUUID()): Promise<string> {
  const url = `${origin.replace('http', 'ws')}/socket.io/1/websocket/${sessionId}?${query}`
  try {
    const client = await openSocket(url)
    await client.cut()
    return 'opened'
  } catch (error) {
    return String(error).replace(/^.*: /, '')
  }
}

describe('an allocation', () => {
  test('is refused without a token, and a page may read that', async () => {
    for (const token of ['', 'x.y.z']) {
      const { status, headers } = await allocate(origin, token)
      assert.deepEqual([status, headers['access-control-allow-origin']], [401, '*'])
    }
  })

  for (const [scope, status] of [
    ['chat', 200],
    ['chat.join', 200],
    ['chat.join.limited', 200],
    ['voip', 403],
  ] as const) {
    test(`is answered ${status} for ${scope}`, async () => {
      const tenant = await world.createTenant()
      const id = await createIdentity(tenant)
      const { body } = await postToken(tenant, id, { scopes: [scope] })
      assert.equal((await allocate(origin, body.token)).status, status)
    })
  }

  test('is refused from the revocation on', async () => {
    const tenant = await world.createTenant()
    const { id, token } = await holder(tenant)
    assert.equal((await allocate(origin, token)).status, 200)
    await postRevoke(tenant, id)
    assert.equal((await allocate(origin, token)).status, 401)
  })

  test('keeps the token out of sight, and ends with it', async () => {
    const tenant = await world.createTenant()
    const { token } = await holder(tenant)
    const { text, body } = await allocate(origin, token)
    for (const part of token.split('.')) assert.ok(!text.includes(part))
    const { connectparams, socketio, ttl } = body as unknown as {
      readonly connectparams: { readonly se: string }
      readonly socketio: string
      readonly ttl: string
    }
    const hours = (Number(connectparams.se) - world.now()) / 3_600_000
    assert.ok(hours > 23.9 && hours <= 24, String(hours))
    assert.deepEqual([new URL(socketio).pathname, ttl], ['/', '3600'])
  })
})

describe('a preflight', () => {
  const paths = [
    ['GET', '/chat/config/realTimeNotifications'],
    ['POST', '/v4/a'],
    ['POST', '/v3/registrations'],
    ['DELETE', '/v3/registrations/x'],
    ['GET', '/socket.io/1/'],
    ['POST', `/socket.io/1/xhr-polling/${randomUUID()}`],
  ] as const
  for (const [method, path] of paths) {
    test(`lets pages send ${method} ${path.slice(0, 35)}`, async () => {
      const { status, headers } = await send(origin, {
        method: 'OPTIONS',
        path,
        headers: {
          origin: 'https://app.example',
          'access-control-request-method': method,
          'access-control-request-headers': 'content-type,x-skypetoken',
        },
      })
      assert.equal(status, 204)
      assert.equal(headers['access-control-allow-origin'], '*')
      assert.match(String(headers['access-control-allow-methods']), new RegExp(method))
      assert.equal(headers['access-control-allow-headers'], 'content-type,x-skypetoken')
    })
  }

  test('lets pages send nothing where access keys are asked for', async () => {
    const { status, headers } = await send(origin, {
      method: 'OPTIONS',
      path: '/identities?api-version=2023-10-01',
      headers: { 'access-control-request-method': 'POST' },
    })
    assert.deepEqual([status, headers['access-control-allow-origin']], [405, undefined])
  })
})

describe('a WebSocket', () => {
  test('is refused without a pass, with a forged one, and at an address that is none', async () => {
    const tenant = await world.createTenant()
    const { token } = await holder(tenant)
    const query = sessionQuery(await allocate(origin, token), randomUUID())
    assert.equal(await refusalOf(''), '401')
    const last = new URLSearchParams(query).get('sig')?.at(-5) ?? ''
    const forged = query.replace(/(sig=[^&]*).{5}(?=&)/, `$1${last === 'A' ? 'B' : 'A'}AAAA`)
    assert.notEqual(forged, query)
    assert.equal(await refusalOf(forged), '401')
    assert.equal(await refusalOf(query, 'x'), '404')
    assert.equal(await refusalOf(query), 'opened')
  })

  test('is refused with the pass of a token that was revoked since', async () => {
    const tenant = await world.createTenant()
    const { id, token } = await holder(tenant)
    const query = sessionQuery(await allocate(origin, token), randomUUID())
    await postRevoke(tenant, id)
    assert.equal(await refusalOf(query), '401')
  })

  test('is refused with a pass of more than five minutes', async (t) => {
    const tenant = await world.createTenant()
    const { token } = await holder(tenant)
    const query = sessionQuery(await allocate(origin, token), randomUUID())
    world.stopClock(t, world.now() + 5 * 60_000 + 1000)
    assert.equal(await refusalOf(query), '401')
  })

  test('is refused while its server may have missed a revocation', async (t) => {
    const tenant = await world.createTenant()
    const { token } = await holder(tenant)
    const query = sessionQuery(await allocate(origin, token), randomUUID())
    const { wake } = world.sleep()
    t.after(wake)
    assert.equal(await refusalOf(query), '503')
  })

  test('is told nothing while its server may have missed a revocation', async (t) => {
    const tenant = await world.createTenant()
    const ann = await holder(tenant)
    const client = await connectChat(origin, ann)
    const { wake } = world.sleep()
    t.after(wake)
    await tell(world, { recipients: [ann.id] }, messageOf(ann.id, 'one'), messageOf(ann.id, 'two'))
    client.send('5:1+::{"name":"ping"}')
    assert.equal(await client.nextFrame(), '6:::1+[]')
    assert.deepEqual(client.waiting(), [])
    wake()
    assert.equal((await client.next()).body['messageBody'], 'one')
    assert.equal((await client.next()).body['messageBody'], 'two')
  })

  test('is closed by the revocation of its token, and no other', async () => {
    const tenant = await world.createTenant()
    const [ann, bob] = [await holder(tenant), await holder(tenant)]
    const [annes, bobs] = [await connectChat(origin, ann), await connectChat(origin, bob)]
    const startedAt = performance.now()
    await postRevoke(tenant, ann.id)
    assert.equal(await annes.closed, 1000)
    assert.ok(performance.now() - startedAt < 1000)
    await tell(world, { recipients: [ann.id, bob.id] }, messageOf(bob.id, 'still here'))
    assert.equal((await bobs.next()).body['messageBody'], 'still here')
    assert.deepEqual(annes.waiting(), [])
  })

  test('is closed when its token expires', async (t) => {
    const tenant = await world.createTenant()
    const ann = await holder(tenant)
    const client = await connectChat(origin, ann)
    world.stopClock(t, world.now() + 25 * 3_600_000)
    assert.equal(await client.closed, 1000)
  })

  test('is closed when its client takes nothing', async () => {
    const tenant = await world.createTenant()
    const { id, token } = await holder(tenant)
    const endpointId = randomUUID()
    const client = await connectChat(origin, { token, endpointId })
    client.pause()
    const large = messageOf(id, 'x'.repeat(28_000))
    const count = async () => (await openSockets()) ?? 0
    const before = await count()
    for (let sent = 0; (await count()) >= before; sent += 20) {
      assert.ok(sent < 2000, 'it was cut off')
      await tell(world, { recipients: [id] }, ...Array.from({ length: 20 }, () => large))
    }
  })

  test('is refused to an identity that has 32', async () => {
    const tenant = await world.createTenant()
    const { token } = await holder(tenant)
    const clients: SocketClient[] = []
    for (let count = 0; count < 32; count++) clients.push(await connectChat(origin, { token }))
    const query = sessionQuery(await allocate(origin, token), randomUUID())
    assert.equal(await refusalOf(query), '503')
    await clients[0]?.cut()
    await connectChat(origin, await holder(tenant))
    for (const client of clients) await client.cut()
  })

  test('is closed when the server stops, which does not wait for it', async () => {
    const own = await startWorld(newDataDir())
    const tenant = await own.createTenant()
    const ann = await holder(tenant)
    const client = await connectChat(own.origin, ann)
    const startedAt = performance.now()
    await own.stop()
    assert.ok(performance.now() - startedAt < 4000)
    assert.equal(await client.closed, 1000)
  })
})

/** How many sockets the server says that it has. */
async function openSockets(): Promise<number> {
  const management = `http://127.0.0.1:${world.parley.managementPort}`
  const { text } = await send(management, { method: 'GET', path: '/metrics' })
  return Number(/^parley_chat_sockets (\d+)$/m.exec(text)?.[1])
}

describe('two nodes on one database', () => {
  let outside: TemporaryPostgres
  let nodes: readonly [World, World]
  let tenant: Tenant
  before(async () => {
    outside = await startTemporaryPostgres()
    const { username, host, port, database } = outside.postgres.connection
    const settings = {
      PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
      PARLEY_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
      PARLEY_ISSUER: 'https://parley.example',
      PARLEY_DOMAIN: 'parley.test',
    }
    const first = await startWorld(newDataDir(), settings)
    nodes = [first, await startWorld(newDataDir(), settings)]
    tenant = await first.createTenant()
  })
  after(async () => {
    for (const node of nodes) await node.stop()
    await outside.close()
  })

  test('tell each other', async () => {
    const [one, other] = nodes
    const [ann, bob] = [await holder(tenant), await holder(tenant)]
    const clients = [await connectChat(one.origin, ann), await connectChat(other.origin, bob)]
    const recipients = [ann.id, bob.id]
    for (const [index, { db }] of [...nodes, ...nodes].entries()) {
      await tell({ db }, { recipients }, messageOf(ann.id, `m${index}`))
    }
    for (const client of clients) {
      for (const index of [0, 1, 2, 3]) {
        assert.equal((await client.next()).body['messageBody'], `m${index}`)
      }
    }
  })

  test('close what the other one has revoked', async () => {
    const [one, other] = nodes
    const ann = await holder(tenant)
    const clients = [await connectChat(one.origin, ann), await connectChat(other.origin, ann)]
    const startedAt = performance.now()
    await postRevoke(one.adoptTenant(tenant), ann.id)
    for (const client of clients) assert.equal(await client.closed, 1000)
    assert.ok(performance.now() - startedAt < 1000)
    assert.equal((await allocate(other.origin, ann.token)).status, 401)
  })

  test('close where a step-down has taken chat, and only there', async () => {
    const [one, other] = nodes
    const [ann, ben] = [await holder(tenant), await holder(tenant)]
    const clients = [await connectChat(one.origin, ann), await connectChat(other.origin, ann)]
    const bystander = await connectChat(one.origin, ben)
    const { status } = await one.adoptTenant(tenant).call({
      method: 'POST',
      path: '/parley/stepDowns',
      body: {
        targets: [
          { identity: ann.id, scopes: ['voip'] },
          { identity: ben.id, scopes: ['chat'] },
        ],
      },
    })
    assert.equal(status, 200)
    for (const client of clients) assert.equal(await client.closed, 1000)
    await tell(one, { recipients: [ben.id] }, messageOf(ann.id, 'still here'))
    assert.equal((await bystander.next()).body['messageBody'], 'still here')
  })

  test('take the passes and the places of each other', async () => {
    const [one, other] = nodes
    const ann = await holder(tenant)
    const device = { ...ann, endpointId: randomUUID() }
    const first = await connectChat(one.origin, device)
    const told = (text: string) => tell(one, { recipients: [ann.id] }, messageOf(ann.id, text))
    await told('m0')
    assert.equal((await first.next()).body['messageBody'], 'm0')
    await placesSaved(device.endpointId, () => first.cut())
    await told('m1')
    const query = sessionQuery(await allocate(one.origin, ann.token, device.endpointId), 'x')
    const url = `${other.origin.replace('http', 'ws')}/socket.io/1/websocket/${randomUUID()}`
    const second = await openSocket(`${url}?${query}`)
    assert.equal((await second.next()).body['messageBody'], 'm1')
  })

  test('miss nothing while they cannot hear, and tell nothing twice', async () => {
    const [one, other] = nodes
    const ann = await holder(tenant)
    const clients = [await connectChat(one.origin, ann), await connectChat(other.origin, ann)]
    const sent: string[] = []
    for (let round = 0; round < 5; round++) {
      for (let each = 0; each < 10; each++) {
        const text = `m${round}.${each}`
        sent.push(text)
        await tell(one, { recipients: [ann.id] }, messageOf(ann.id, text))
        if (each !== 5) continue
        await outside.database`
          select pg_terminate_backend(pid)
          from pg_stat_activity
          where application_name = 'parley chat'`
      }
    }
    for (const client of clients) {
      const heard: unknown[] = []
      while (heard.length < sent.length) heard.push((await client.next()).body['messageBody'])
      assert.deepEqual(heard, sent)
    }
  })

  /** Does something, and waits until it is recorded how far a client has heard. */
  async function placesSaved(endpointId: string, act: () => Promise<void>): Promise<void> {
    const seenAt = async () => {
      const [row] = await outside.database<{ seen_at: Date }[]>`
        select seen_at from chat_endpoint where endpoint_id = ${endpointId}`
      return row?.seen_at.getTime()
    }
    const before = await seenAt()
    await act()
    while ((await seenAt()) === before) await outside.database`select pg_sleep(0.005)`
  }
})
