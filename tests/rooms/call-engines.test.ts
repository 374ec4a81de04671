/** Every engine that runs here, against the one suite; and what becomes of what engines tell. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, describe, test } from 'node:test'
import { followEngines } from '@parley/server/calls/engine-events'
import { gatherEngines } from '@parley/server/calls/engines'
import type { EngineEvent, MediaEngine } from '@parley/server/calls/media-engine'
import { createMesh } from '@parley/server/calls/mesh'
import { enterPhone } from '@parley/server/calls/phone-legs'
import { createReconciling } from '@parley/server/calls/reconciling'
import { createCallSession } from '@parley/server/calls/session'
import { change } from '@parley/server/calls/steps'
import { openLog } from '@parley/server/foundation/log'
import {
  closeCallSockets,
  join,
  newCaller,
  type ReadyClient,
  start,
  talk,
} from '../call-sockets.ts'
import { describeMediaEngine } from '../media-engine.ts'
import { theWorld } from '../world.ts'

describeMediaEngine('mesh', async () => createMesh())

const world = await theWorld()

after(closeCallSockets)

describe('an engine', () => {
  /** The engine of a node beside the server's, on its database: a mesh that can tell something. */
  function another(rest: Partial<MediaEngine> = {}) {
    let tell: (event: EngineEvent) => void = () => undefined
    const engine: MediaEngine = {
      ...{ ...createMesh(), name: 'janus', hasPhones: true },
      follow: (listener) => {
        tell = listener
      },
      ...rest,
    }
    const { log } = openLog({ level: 'silent', fileDescriptor: 2 })
    const node = {
      ...{ db: world.db, log, engines: gatherEngines([createMesh(), engine]) },
      platform: { now: world.now, newGuid: randomUUID, randomBytes: () => Buffer.alloc(16) },
      iceFor: async () => ({ iceServers: [], iceTransportPolicy: 'all' as const }),
    }
    const settle = followEngines(node)
    const told = async (event: EngineEvent) => {
      tell(event)
      await settle()
    }
    return { engine, node, told, settle, tell: (event: EngineEvent) => tell(event) }
  }

  const clients: ReadyClient[] = []
  // A call that stays would be compared with what the server's own engines have.
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.leave()
  })

  /** Ann talks to Bob, and their media go through that engine. */
  async function talking() {
    const tenant = await world.createTenant()
    const { resourceId } = tenant
    const [ann, bob] = [await newCaller(world, tenant), await newCaller(world, tenant)]
    const [caller, callee] = [await ann.connect(), await bob.connect()]
    clients.push(caller, callee)
    const { callId, legs } = await talk(caller, callee, bob.id)
    await world.db`update call set engine = 'janus' where call_id = ${callId}`
    const call = { resourceId, callId }
    const legAt = (place: 0 | 1) => ({ ...call, legId: legs[place] })
    return { ann, bob, caller, callee, call, callId, legs, legAt }
  }

  test('speaks to the client of a leg, in its order', async () => {
    const { callee, callId, legAt } = await talking()
    const { tell, settle } = another()
    const answer = { sdp: { type: 'answer', sdp: 'v=0' } } as const
    tell({ kind: 'signal', leg: legAt(1), signal: answer })
    for (const candidate of ['1', '2', '3']) {
      tell({ kind: 'signal', leg: legAt(1), signal: { candidate: { candidate } } })
    }
    await settle()
    const { seq: _, ...first } = await callee.next('signal')
    assert.deepEqual(first, { type: 'signal', callId, from: 'engine', ...answer })
    for (const candidate of ['1', '2', '3']) {
      const event = await callee.next('signal')
      assert.deepEqual('candidate' in event && event.candidate, { candidate })
    }
  })

  test('that lost the media of a leg lets its client take its place anew', async () => {
    const { caller, callee, callId, legs, legAt } = await talking()
    const { told } = another()
    await told({ kind: 'media-lost', leg: legAt(1) })
    assert.equal((await callee.next('call.rejoin')).callId, callId)
    await world.db`update call set engine = 'mesh' where call_id = ${callId}`
    const { legId, peers } = await join(callee, { type: 'call.join', callId })
    assert.equal(legId, legs[1])
    assert.deepEqual(
      peers.map((peer) => peer.legId),
      [legs[0]],
    )
    assert.deepEqual(caller.waiting(), [])
  })

  test('whose leg has ended ends it here', async () => {
    const { caller, callee, legs, legAt } = await talking()
    await another().told({ kind: 'disconnected', leg: legAt(1) })
    const left = await caller.next('participant.left')
    assert.deepEqual([left.legId, left.reason], [legs[1], 'disconnected'])
    const ended = await callee.next('call.ended')
    assert.deepEqual([ended.legId, ended.reason], [legs[1], 'disconnected'])
  })

  test('that says of a call that never was, or is over, is not heard', async () => {
    const { callee, callId, call, legAt } = await talking()
    const { told } = another()
    await told({ kind: 'disconnected', leg: { ...legAt(1), legId: randomUUID() } })
    await told({ kind: 'failed', call: { ...call, callId: randomUUID() } })
    await world.db`update call set engine = 'mesh' where call_id = ${callId}`
    await told({ kind: 'failed', call })
    assert.deepEqual(callee.waiting(), [])
  })

  const unreachable = async () => {
    return { ok: false, fault: { kind: 'unreachable', detail: 'gone' } } as const
  }
  for (const [title, rest, name] of [
    ['can open its call again keeps it', {}, 'janus'],
    ['is gone leaves its call to another one', { open: unreachable }, 'mesh'],
  ] as const) {
    test(`that failed and ${title}; all come again`, async () => {
      const { caller, callee, call, callId } = await talking()
      await another(rest).told({ kind: 'failed', call })
      for (const client of [caller, callee]) await client.next('call.rejoin')
      const [row] = await world.db`select engine from call where call_id = ${callId}`
      assert.equal(row?.['engine'], name)
    })
  }

  test('that is gone, where no other one has room for all, ends the call as failed', async () => {
    const tenant = await world.createTenant()
    const people = await Promise.all([1, 2, 3, 4, 5].map(() => newCaller(world, tenant)))
    const all = await Promise.all(people.map((one) => one.connect()))
    clients.push(...all)
    const [first, ...others] = all
    assert.ok(first)
    const { callId } = await start(first, [], { isJoinable: true })
    for (const one of others) await join(one, { type: 'call.join', callId })
    await world.db`update call set engine = 'janus', media = 'video' where call_id = ${callId}`
    const call = { resourceId: tenant.resourceId, callId }
    await another({ open: unreachable }).told({ kind: 'failed', call })
    const ended = await others.at(-1)?.next('call.ended')
    assert.deepEqual([ended?.legId, ended?.reason], [undefined, 'failed'])
  })

  test('tells when a phone has answered, and loses its line when it fails', async () => {
    const { caller, callee, call, callId } = await talking()
    const { node, told } = another()
    const line = { legId: randomUUID(), deviceId: randomUUID(), phone: '+15550100' }
    const coming = { ...line, direction: 'answered', role: 'Presenter', legsMax: 16 } as const
    await change(node, call, (held) => enterPhone(held, { ...coming, atMs: world.now() }))
    const ringing = await caller.next('callee.updated')
    assert.deepEqual([ringing.identity, ringing.state], ['4:+15550100', 'ringing'])
    await told({ kind: 'connected', leg: { ...call, legId: line.legId } })
    assert.equal((await caller.next('callee.updated')).state, 'accepted')
    assert.equal((await caller.next('participant.joined')).peer.identity, '4:+15550100')
    await told({ kind: 'failed', call })
    const left = await caller.next('participant.left')
    assert.deepEqual([left.identity, left.reason], ['4:+15550100', 'failed'])
    assert.equal((await caller.next('call.rejoin')).callId, callId)
    assert.equal((await callee.next('callee.updated')).state, 'ringing')
  })

  /** Compares that engine with what is stored, as a node would whose client Bob is. */
  async function compare({ engine, node }: ReturnType<typeof another>, own?: ReadyClient) {
    const reconciling = createReconciling()
    const sessions = own === undefined ? [] : [sessionOf(own, engine.name)]
    const hub = { sessions: () => sessions }
    await reconciling.run({ ...node, hub })
    const values = reconciling.numbers[0]?.read()
    assert.ok(Array.isArray(values))
    return values.find(({ labels }) => labels.engine === engine.name)?.value
  }

  const legsOf = new Map<ReadyClient, { resourceId: string; callId: string; legId: string }>()

  function sessionOf(client: ReadyClient, engine: string) {
    const leg = legsOf.get(client)
    assert.ok(leg)
    const { deviceId, resume } = client.ready
    const { resourceId, callId, legId } = leg
    const admitted = { resourceId } as Parameters<typeof createCallSession>[0]['admitted']
    const guest = { admitted, deviceId, resume, sessionId: randomUUID(), transport: undefined }
    const session = createCallSession(guest, 0)
    session.legs.set(callId, { legId, engine })
    return session
  }

  test('that carries a leg well after its end is made to cut it, and that is counted', async () => {
    const { caller, call, callId, legAt } = await talking()
    const one = another()
    await one.engine.open({ ...call, media: 'audio' })
    for (const leg of [legAt(0), legAt(1), { ...call, legId: randomUUID() }]) {
      const who = { identity: '', deviceId: randomUUID() }
      await one.engine.admit({ ...leg, ...who }, { canSend: true, canReceive: true })
    }
    assert.equal(await compare(one), 1)
    const legIds = async () => (await one.engine.reconcile()).map(({ legId }) => legId)
    assert.deepEqual(await legIds(), [legAt(0).legId, legAt(1).legId])
    await caller.ask({ type: 'call.leave', callId })
    assert.equal(await compare(one), 0)
    assert.deepEqual(await legIds(), [])
  })

  test('that lost a leg without a word ends it as lost', async () => {
    const { caller, callee, legs, legAt } = await talking()
    legsOf.set(callee, legAt(1))
    await compare(another(), callee)
    const left = await caller.next('participant.left')
    assert.deepEqual([left.legId, left.reason], [legs[1], 'lost'])
  })
})
