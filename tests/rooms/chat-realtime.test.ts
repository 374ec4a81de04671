/**
 * Notifications of chat over real sockets: what is told, to whom, and what becomes of a socket.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import type { NoticeEvent } from '@parley/server/chat/notices'
import { publishNotices } from '@parley/server/chat/realtime/store'
import { atOnce, createIdentity, deleteIdentity, issueToken } from '../calls.ts'
import { connectChat, messageOf, type SocketClient, tell } from '../chat-sockets.ts'
import { newDataDir, send, startWorld, type Tenant } from '../world.ts'

const world = await startWorld(newDataDir())
const { origin } = world

/** An identity with a token. */
async function holder(tenant: Tenant) {
  const id = await createIdentity(tenant)
  return { id, token: await issueToken(tenant, id) }
}

/** Contents of messages, in the order in which they come. */
async function contents(client: SocketClient, count: number): Promise<readonly unknown[]> {
  const found: unknown[] = []
  while (found.length < count) found.push((await client.next()).body['messageBody'])
  return found
}

const texts = (count: number, start = 0) =>
  Array.from({ length: count }, (_, index) => `m${start + index}`)

describe('a client', () => {
  test('is told with its own name what it takes part in, on each of its devices', async () => {
    const tenant = await world.createTenant()
    const [ann, bob, eve] = await atOnce(3, () => holder(tenant))
    assert.ok(ann && bob && eve)
    const annPhone = await connectChat(origin, ann)
    const annLaptop = await connectChat(origin, ann)
    const bobs = await connectChat(origin, bob)
    const eves = await connectChat(origin, eve)
    await tell(world, { recipients: [ann.id, bob.id] }, messageOf(ann.id, 'hello'))
    for (const [client, recipient] of [
      [annPhone, ann.id],
      [annLaptop, ann.id],
      [bobs, bob.id],
    ] as const) {
      const { id, body } = await client.next()
      assert.deepEqual([id, body['recipientMri'], body['messageBody']], [1, recipient, 'hello'])
    }
    await tell(world, { recipients: [eve.id] }, messageOf(eve.id, 'alone'))
    assert.deepEqual(await contents(eves, 1), ['alone'])
    assert.deepEqual(
      [annPhone, annLaptop, bobs].flatMap((one) => one.waiting()),
      [],
    )
  })

  test('is told nothing that was rolled back', async () => {
    const tenant = await world.createTenant()
    const ann = await holder(tenant)
    const client = await connectChat(origin, ann)
    const { resourceId } = tenant
    const told = { resourceId, threadId: '19:t@thread.v2', recipients: [ann.id] }
    const rolledBack = new Error('rolled back')
    const attempt = world.db.begin(async (transaction) => {
      await publishNotices(transaction, [{ ...told, event: messageOf(ann.id, 'never') }])
      throw rolledBack
    })
    await assert.rejects(attempt, rolledBack)
    await tell(world, { recipients: [ann.id] }, messageOf(ann.id, 'after'))
    assert.deepEqual(await contents(client, 1), ['after'])
  })

  test('is told in the order of the commits, whatever fits into a notification', async () => {
    const tenant = await world.createTenant()
    const ann = await holder(tenant)
    const client = await connectChat(origin, ann)
    const sent = texts(30).map((text, index) => text.padEnd(index % 3 === 0 ? 28_000 : 4, '.'))
    for (const text of sent) {
      await tell(world, { recipients: [ann.id] }, messageOf(ann.id, text))
    }
    assert.deepEqual(await contents(client, sent.length), sent)
  })

  test('is told of all that one transaction tells, in its order', async () => {
    const tenant = await world.createTenant()
    const ann = await holder(tenant)
    const client = await connectChat(origin, ann)
    const sent = texts(500)
    const events = sent.map((text) => messageOf(ann.id, text))
    await tell(world, { recipients: [ann.id] }, ...events)
    assert.deepEqual(await contents(client, sent.length), sent)
  })

  test('is told without a transaction, too', async () => {
    const tenant = await world.createTenant()
    const ann = await holder(tenant)
    const client = await connectChat(origin, ann)
    const event: NoticeEvent = {
      kind: 'typingIndicatorReceived',
      by: { rawId: ann.id, displayName: 'Ann' },
      atMs: 1_767_225_600_000,
    }
    const { resourceId } = tenant
    const notice = { resourceId, threadId: '19:t@thread.v2', recipients: [ann.id], event }
    await publishNotices(world.db, [notice])
    assert.equal((await client.next()).body['eventId'], 245)
  })

  test('is told of a thread of 250 whose names fill a notification', async () => {
    const tenant = await world.createTenant()
    const ann = await holder(tenant)
    const others = Array.from({ length: 249 }, () => `8:acs:${tenant.resourceId}_${randomUUID()}`)
    const client = await connectChat(origin, ann)
    const recipients = [...others, ann.id]
    await tell(world, { recipients }, messageOf(ann.id, 'x'.repeat(4000)))
    assert.equal((await client.next()).body['recipientMri'], ann.id)
  })

  test('has its events acknowledged', async () => {
    const tenant = await world.createTenant()
    const client = await connectChat(origin, await holder(tenant))
    client.send('5:1+::{"name":"user.activity","args":[{"state":"active","cv":"x.1"}]}')
    assert.equal(await client.nextFrame(), '6:::1+[]')
    client.send('2::')
    client.send('5:27+::{"name":"ping"}')
    assert.equal(await client.nextFrame(), '6:::27+[]')
  })

  for (const frame of ['nonsense', '9:::', '', '0::']) {
    test(`loses its socket for ${JSON.stringify(frame)}`, async () => {
      const tenant = await world.createTenant()
      const client = await connectChat(origin, await holder(tenant))
      client.send(frame)
      assert.equal(await client.closed, 1000)
    })
  }
})

describe('a client that comes back', () => {
  test('is told what it missed, once, and then what happens', async () => {
    const tenant = await world.createTenant()
    const ann = await holder(tenant)
    const device = { ...ann, endpointId: randomUUID() }
    const first = await connectChat(origin, device)
    const told = (text: string) => tell(world, { recipients: [ann.id] }, messageOf(ann.id, text))
    for (const text of texts(3)) await told(text)
    assert.deepEqual(await contents(first, 3), texts(3))
    await settled(first)
    await first.cut()
    for (const text of texts(4, 3)) await told(text)
    const second = await connectChat(origin, device)
    await told('m7')
    assert.deepEqual(await contents(second, 5), texts(5, 3))
    await settled(second)
    await second.cut()
    const third = await connectChat(origin, device)
    await told('m8')
    assert.deepEqual(await contents(third, 1), ['m8'])
  })

  test('is told again what it had not answered', async () => {
    const tenant = await world.createTenant()
    const ann = await holder(tenant)
    const device = { ...ann, endpointId: randomUUID() }
    const first = await connectChat(origin, { ...device, isSilent: true })
    for (const text of texts(3)) {
      await tell(world, { recipients: [ann.id] }, messageOf(ann.id, text))
    }
    assert.deepEqual(await contents(first, 3), texts(3))
    first.answer(2)
    await settled(first)
    await first.cut()
    assert.deepEqual(await contents(await connectChat(origin, device), 2), ['m0', 'm2'])
  })

  test('takes the place of its former connection', async () => {
    const tenant = await world.createTenant()
    const ann = await holder(tenant)
    const device = { ...ann, endpointId: randomUUID() }
    const first = await connectChat(origin, device)
    await tell(world, { recipients: [ann.id] }, messageOf(ann.id, 'm0'))
    assert.deepEqual(await contents(first, 1), ['m0'])
    await settled(first)
    const second = await connectChat(origin, device)
    assert.equal(await first.closed, 1000)
    await tell(world, { recipients: [ann.id] }, messageOf(ann.id, 'm1'))
    assert.deepEqual(await contents(second, 1), ['m1'])
  })

  test('is told nothing of before it first came, nor after it took its leave', async () => {
    const tenant = await world.createTenant()
    const ann = await holder(tenant)
    const device = { ...ann, endpointId: randomUUID() }
    const watcher = await connectChat(origin, ann)
    const told = async (text: string) => {
      await tell(world, { recipients: [ann.id] }, messageOf(ann.id, text))
      // When one of this node's clients has it, it has happened for this node.
      assert.deepEqual(await contents(watcher, 1), [text])
    }
    await told('before')
    const first = await connectChat(origin, device)
    await told('m0')
    assert.deepEqual(await contents(first, 1), ['m0'])
    await first.cut()
    const path = `/v3/registrations/${device.endpointId}`
    const headers = { 'x-skypetoken': ann.token }
    assert.equal((await send(origin, { method: 'DELETE', path, headers })).status, 204)
    await told('gone')
    const second = await connectChat(origin, device)
    await told('m1')
    assert.deepEqual(await contents(second, 1), ['m1'])
  })

  test('finds nothing of somebody else under a name that it has guessed', async () => {
    const tenant = await world.createTenant()
    const [ann, eve] = await atOnce(2, () => holder(tenant))
    assert.ok(ann && eve)
    const endpointId = randomUUID()
    const first = await connectChat(origin, { ...ann, endpointId })
    await first.cut()
    await tell(world, { recipients: [ann.id] }, messageOf(ann.id, 'secret'))
    const guessed = await connectChat(origin, { ...eve, endpointId })
    await tell(world, { recipients: [eve.id] }, messageOf(eve.id, 'own'))
    assert.deepEqual(await contents(guessed, 1), ['own'])
  })
})

/** Waits until the server has read all that a client has sent: frames are read in order. */
async function settled(client: SocketClient): Promise<void> {
  client.send('5:99+::{"name":"ping"}')
  assert.equal(await client.nextFrame(), '6:::99+[]')
}

describe('what somebody wrote', () => {
  test('is no longer kept when he is deleted', async () => {
    const tenant = await world.createTenant()
    const [ann, bob] = await atOnce(2, () => holder(tenant))
    assert.ok(ann && bob)
    await connectChat(origin, ann)
    const recipients = [ann.id, bob.id]
    await tell(world, { recipients }, messageOf(ann.id, 'hers'), messageOf(bob.id, 'his'))
    assert.equal((await deleteIdentity(tenant, ann.id)).status, 204)
    const rows = await world.db<{ body: string }[]>`
      select body from chat_notice where resource_id = ${tenant.resourceId}`
    assert.deepEqual(
      rows.map(({ body }) => JSON.parse(body).event.message.content),
      ['his'],
    )
    const places = await world.db`
      select from chat_endpoint where resource_id = ${tenant.resourceId}`
    assert.equal(places.length, 0)
  })
})
