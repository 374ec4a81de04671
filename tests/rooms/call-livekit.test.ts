/** LiveKit as an engine: the one suite of engines, and what is LiveKit's own. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { JoinedCall } from '@parley/protocol'
import { createLivekit } from '@parley/server/calls/livekit/livekit'
import { openLivekitRooms } from '@parley/server/calls/livekit/rooms'
import type { EngineEvent } from '@parley/server/calls/media-engine'
import { openLog } from '@parley/server/foundation/log'
import { closeCallSockets, eventually, join, newCaller, start } from '../call-sockets.ts'
import { type LivekitServer, startLivekitServer } from '../livekit-server.ts'
import { describeMediaEngine } from '../media-engine.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'

const speaking = { canSend: true, canReceive: true }
const listening = { canSend: false, canReceive: true }
const log = openLog({ level: 'silent', fileDescriptor: 2 }).log

let server: LivekitServer
before(async () => {
  server = await startLivekitServer()
})
after(() => server.close())

describeMediaEngine('livekit', async () => (await newEngine()).engine)

describe('calls that LiveKit carries', () => {
  test('let a client in for half a minute, into its call and as its leg alone', async () => {
    const { admitted, call, name } = await openCall()
    const { leg, token } = await admitted()
    const { sub, video, exp = 0, nbf = 0, name: called } = await server.read(token)
    assert.deepEqual(
      [sub, called, video?.room, video?.roomJoin],
      [leg.legId, undefined, name, true],
    )
    assert.equal(exp - nbf, 30)
    const { roomAdmin, roomCreate, roomList } = video ?? {}
    assert.deepEqual([roomAdmin, roomCreate, roomList], [undefined, undefined, undefined])
    assert.ok(!token.includes(call.callId) && !JSON.stringify(video).includes('8:acs:'))
  })

  test('take what their media are, and nothing from a consumer', async () => {
    const sourcesOf = async (media: 'audio' | 'video', permissions: typeof speaking) => {
      const { admitted } = await openCall({ media })
      const { video } = await server.read((await admitted(permissions)).token)
      return [video?.canPublish, video?.canPublishSources]
    }
    assert.deepEqual(await sourcesOf('audio', speaking), [true, ['microphone']])
    const all = ['microphone', 'camera', 'screen_share', 'screen_share_audio']
    assert.deepEqual(await sourcesOf('video', speaking), [true, all])
    assert.deepEqual(await sourcesOf('video', listening), [false, undefined])
  })

  test('end for a leg that is removed, whose token is void at once', async () => {
    const { admitted, engine, name } = await openCall()
    const [one, other] = [await admitted(), await admitted()]
    for (const { token } of [one, other]) assert.equal(await server.connect(token), 'connected')
    await engine.remove(one.leg)
    assert.equal(server.permissionOf(name, one.leg.legId), undefined)
    assert.equal(await server.connect(one.token), 'refused')
    assert.equal(await server.connect(other.token), 'connected')
  })

  test('send a leg out again that connects after it was removed', async () => {
    const { admitted, engine, name, clock } = await openCall()
    const { leg, token } = await admitted()
    await engine.remove(leg)
    await clock.pass(500)
    assert.equal(await server.connect(token), 'connected')
    await clock.pass(500)
    assert.equal(server.permissionOf(name, leg.legId), undefined)
    assert.equal(await server.connect(token), 'refused')
    assert.equal(clock.waiting(), 0)
  })

  test('stop looking for a removed leg once its token is over', async () => {
    const { admitted, engine, clock } = await openCall()
    const { leg } = await admitted()
    await engine.remove(leg)
    for (let passedMs = 0; passedMs < 29_500; passedMs += 500) await clock.pass(500)
    assert.equal(clock.waiting(), 1)
    await clock.pass(500)
    assert.equal(clock.waiting(), 0)
  })

  test('remove a leg when LiveKit answers again', async () => {
    const { admitted, engine, name, clock } = await openCall()
    const { leg, token } = await admitted()
    await server.connect(token)
    server.failWith = 503
    await engine.remove(leg)
    for (let passedMs = 0; passedMs < 60_000; passedMs += 500) await clock.pass(500)
    server.failWith = undefined
    await clock.pass(500)
    assert.equal(server.permissionOf(name, leg.legId), undefined)
  })

  test('change what a leg may do, before it has connected too', async () => {
    const { admitted, engine, name } = await openCall()
    const [here, coming] = [await admitted(), await admitted()]
    await server.connect(here.token)
    for (const { leg } of [here, coming]) {
      assert.equal((await engine.setPermissions(leg, listening)).ok, true)
    }
    assert.equal(server.permissionOf(name, here.leg.legId)?.canPublish ?? false, false)
    await server.connect(coming.token)
    assert.equal(server.permissionOf(name, coming.leg.legId)?.canPublish, true)
    await engine.reconcile()
    assert.equal(server.permissionOf(name, coming.leg.legId)?.canPublish ?? false, false)
  })

  test('tell who has connected and who is gone', async () => {
    const { admitted, engine, name, events } = await openCall()
    const { leg, token } = await admitted()
    await engine.reconcile()
    assert.equal(events.length, 0)
    await server.connect(token)
    for (const _ of ['once', 'again']) await engine.reconcile()
    server.disconnect(name, leg.legId)
    await engine.reconcile()
    assert.deepEqual(
      events.map((event) => event.kind),
      ['connected', 'disconnected'],
    )
  })

  test('are listed with legs that other nodes have let in, without rooms of others', async () => {
    const { admitted, call } = await openCall()
    const { leg, token } = await admitted()
    await server.connect(token)
    const stranger = await openLivekitRooms(server)
    await stranger.create({ resourceId: 'their', callId: 'room' }, { legsMax: 2 })
    const listed = await (await newEngine()).engine.reconcile()
    const ours = listed.filter(({ callId }) => callId === call.callId)
    assert.deepEqual(ours, [{ ...call, legId: leg.legId }])
    assert.ok(listed.every(({ resourceId }) => resourceId !== 'their'))
  })

  test('forget a leg that never came', async () => {
    const { admitted, engine, clock } = await openCall()
    const { leg } = await admitted()
    const isListed = async () => (await engine.reconcile()).some(({ legId }) => legId === leg.legId)
    assert.equal(await isListed(), true)
    await clock.pass(30_000)
    assert.equal(await isListed(), false)
  })

  test('are refused while LiveKit does not answer, and no list is given', async () => {
    const { engine, call } = await openCall()
    server.failWith = 503
    try {
      const leg = { ...call, legId: randomUUID(), deviceId: randomUUID(), identity: '8:acs:x_y' }
      const admitted = await engine.admit(leg, speaking)
      assert.equal(!admitted.ok && admitted.fault.kind, 'unreachable')
      await assert.rejects(engine.reconcile())
    } finally {
      server.failWith = undefined
    }
  })
})

/** Time that passes when a test says so. */
function createClock() {
  // Tokens are signed by the clock of the machine, which goes on; what is revoked is ahead of it.
  let nowMs = Date.now() + 10_000
  let waiting: { readonly atMs: number; readonly call: () => unknown }[] = []
  return {
    now: () => nowMs,
    waiting: () => waiting.length,
    timers: {
      callAfter(delayMs: number, call: () => void) {
        const entry = { atMs: nowMs + delayMs, call }
        waiting.push(entry)
        return () => {
          waiting = waiting.filter((one) => one !== entry)
        }
      },
    },
    /** Lets time pass, and waits for what was due to have been done. */
    async pass(milliseconds: number) {
      nowMs += milliseconds
      const due = waiting.filter(({ atMs }) => atMs <= nowMs)
      waiting = waiting.filter((one) => !due.includes(one))
      for (const { call } of due) await call()
    },
  }
}

async function newEngine() {
  const clock = createClock()
  const { now, timers } = clock
  const rooms = openLivekitRooms(server)
  const clientUrl = 'wss://livekit.example.com'
  const engine = createLivekit({ rooms, clientUrl, now, timers, log })
  const events: EngineEvent[] = []
  engine.follow((event) => events.push(event))
  return { engine, clock, events }
}

async function openCall({ media = 'audio' }: { readonly media?: 'audio' | 'video' } = {}) {
  const made = await newEngine()
  const call = { resourceId: randomUUID(), callId: randomUUID() }
  assert.equal((await made.engine.open({ ...call, media })).ok, true)
  const admitted = async (permissions = speaking) => {
    const leg = { ...call, legId: randomUUID() }
    const who = { deviceId: randomUUID(), identity: `8:acs:${call.resourceId}_${randomUUID()}` }
    const way = await made.engine.admit({ ...leg, ...who }, permissions)
    assert.ok(way.ok && way.value.mode === 'external')
    assert.equal(way.value.url, 'wss://livekit.example.com')
    return { leg, token: way.value.token }
  }
  return { ...made, call, name: `${call.resourceId}_${call.callId}`, admitted }
}

describe('a server that has LiveKit', () => {
  let world: World
  let tenant: Tenant
  before(async () => {
    const { url, apiKey, apiSecret } = server
    world = await startWorld(newDataDir(), {
      PARLEY_LIVEKIT_URL: url,
      PARLEY_LIVEKIT_API_KEY: apiKey,
      PARLEY_LIVEKIT_API_SECRET: apiSecret,
    })
    tenant = await world.createTenant()
  })
  after(async () => {
    closeCallSockets()
    await world.stop()
  })

  const external = ({ way, engine }: JoinedCall) => {
    assert.ok(way.mode === 'external' && engine === 'livekit')
    assert.equal(way.url, server.url.replace('http', 'ws'))
    return way.token
  }

  test('lets two talk to each other without it', async () => {
    const [one, other] = [await newCaller(world, tenant), await newCaller(world, tenant)]
    const [caller] = [await one.connect(), await other.connect()]
    assert.equal((await start(caller, [other.id])).way.mode, 'p2p')
  })

  test('hands a group over to it, and takes out whose token is revoked', async () => {
    const [one, other] = [await newCaller(world, tenant), await newCaller(world, tenant)]
    const [first, second] = [await one.connect(), await other.connect()]
    const own = await start(first, [], { isJoinable: true })
    const theirs = await join(second, { type: 'call.join', callId: own.callId })
    const call = { resourceId: tenant.resourceId, callId: own.callId }
    const name = `${call.resourceId}_${call.callId}`
    const rooms = await openLivekitRooms(server)
    for (const joined of [own, theirs]) {
      assert.equal(await server.connect(external(joined)), 'connected')
      assert.deepEqual(server.permissionOf(name, joined.legId)?.canPublish, true)
    }
    const path = `/identities/${encodeURIComponent(one.id)}/:revokeAccessTokens`
    await tenant.call({ method: 'POST', path: `${path}?api-version=2023-10-01` })
    assert.equal(await first.closed, 4401)
    await eventually(
      () => rooms.listLegs(call),
      (legs) => legs.ok && !legs.value.includes(own.legId),
    )
    assert.equal(await server.connect(external(own)), 'refused')
    assert.notEqual(server.permissionOf(name, theirs.legId), undefined)
    assert.equal((await second.ask({ type: 'call.leave', callId: own.callId })).type, 'done')
    await eventually(
      () => rooms.has(call),
      (isThere) => isThere.ok && !isThere.value,
    )
  })
})
