/** What ends the calls of somebody whose token is void, on every node; and what does not. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import {
  type Caller,
  closeCallSockets,
  connectCalls,
  eventually,
  issueCallToken,
  join,
  newCaller,
  openCallSocket,
  type ReadyClient,
  refusal,
  start,
  talk,
} from '../call-sockets.ts'
import { deleteIdentity, postRevoke } from '../calls.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'

describe('calls on two nodes', () => {
  let outside: TemporaryPostgres
  let worlds: readonly [World, World]
  let tenant: Tenant
  let settings: Readonly<Record<string, string>>
  before(async () => {
    outside = await startTemporaryPostgres(60)
    const { username, host, port, database } = outside.postgres.connection
    settings = {
      PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
      PARLEY_MASTER_KEY: Buffer.alloc(32, 9).toString('base64'),
      PARLEY_ISSUER: 'https://calls.example',
    }
    const first = await startWorld(newDataDir(), settings)
    worlds = [first, await startWorld(newDataDir(), settings)]
    tenant = await first.createTenant()
  })
  after(async () => {
    closeCallSockets()
    for (const world of worlds) await world.stop()
    await outside.close()
  })

  interface Talk {
    readonly ann: Caller
    readonly bob: Caller
    readonly caller: ReadyClient
    readonly callee: ReadyClient
    readonly callId: string
    readonly legs: readonly [string, string]
  }

  /** Ann at the first node talks to Bob at the second. */
  async function talking(scopes: readonly string[] = ['voip'], of = tenant): Promise<Talk> {
    const ann = await newCaller(worlds[0], of)
    const bob = await newCaller(worlds[0], of, scopes)
    const [caller, callee] = [await ann.connect(), await bob.connect(worlds[1].origin)]
    return { ann, bob, caller, callee, ...(await talk(caller, callee, bob.id)) }
  }

  async function seconds(callId: string): Promise<number> {
    const [row] = await worlds[0].db<{ readonly seconds: number }[]>`
      select sum(counted_seconds)::integer as seconds from call_leg where call_id = ${callId}`
    return row?.seconds ?? 0
  }

  const causes: readonly [string, (bob: string) => Promise<number>, number][] = [
    ['a revocation', async (bob) => (await postRevoke(tenant, bob)).status, 4401],
    ['a deletion', async (bob) => (await deleteIdentity(tenant, bob)).status, 4401],
    [
      'a step-down',
      async (bob) => {
        const targets = [{ identity: bob, scopes: ['chat'] }]
        const body = { targets }
        const path = '/parley/stepDowns'
        return (await tenant.call({ method: 'POST', path, body })).status
      },
      4403,
    ],
  ]
  for (const [cause, make, code] of causes) {
    test(`${cause} closes the socket, ends the leg and tells the others`, async () => {
      const { bob, caller, callee, legs, callId } = await talking()
      assert.ok((await make(bob.id)) < 300)
      assert.equal(await callee.closed, code)
      const left = await caller.next('participant.left')
      assert.deepEqual([left.legId, left.reason], [legs[1], 'revoked'])
      assert.equal((await caller.next('call.ended')).reason, 'revoked')
      assert.equal(await refusal(caller, { type: 'call.join', callId }), 'CallNotFound')
    })
  }

  test('a revocation does not wait for a socket that was lost to come back', async () => {
    const { bob, caller, callee, legs } = await talking()
    await callee.cut()
    assert.equal((await postRevoke(tenant, bob.id)).status, 204)
    const left = await caller.next('participant.left')
    assert.deepEqual([left.legId, left.reason], [legs[1], 'revoked'])
  })

  test('a change of the resource that leaves tokens good leaves calls alone', async () => {
    const { caller, callee, callId } = await talking()
    const { resourceId } = tenant
    const path = '/parley/cors'
    const body = { userOrigins: ['https://app.example'], ownerOrigins: [] }
    const answer = await tenant.call({ method: 'PUT', path, body })
    assert.ok(answer.status < 500, resourceId)
    await caller.ask({ type: 'dtmf', callId, digits: '1' })
    assert.equal((await callee.next('dtmf')).digits, '1')
  })

  test('a token ends at its time, unless another one took its place', async (context) => {
    const { bob, caller, callee, callId } = await talking()
    const { expiresAt } = callee.ready
    for (const world of worlds) world.stopClock(context, Date.parse(expiresAt) - 60_000)
    const token = await issueCallToken(tenant, bob.id)
    const renewed = await callee.ask({ type: 'auth', token })
    assert.ok(renewed.type === 'ready' && renewed.expiresAt > expiresAt)
    const strange = await issueCallToken(tenant, (await newCaller(worlds[0], tenant)).id)
    assert.equal(await refusal(callee, { type: 'auth', token: strange }), 'TokenRefused')
    for (const world of worlds) world.stopClock(context, Date.parse(expiresAt))
    assert.equal(await caller.closed, 4408)
    assert.equal((await callee.next('participant.left')).reason, 'expired')
    assert.equal((await callee.next('call.ended')).callId, callId)
  })

  test('a lost socket comes back on another node, and hears what it missed', async () => {
    const { bob, caller, callee, callId, legs } = await talking()
    await callee.cut()
    await caller.ask({ type: 'dtmf', callId, digits: '1' })
    await caller.ask({ type: 'dtmf', callId, digits: '2' })
    const { token } = bob
    const { resume } = callee.ready
    const back = await connectCalls(worlds[0].origin, { token, resume, heard: 1 })
    assert.deepEqual([back.ready.isResumed, back.ready.deviceId], [true, callee.ready.deviceId])
    assert.deepEqual(
      back.ready.calls.map((call) => [call.callId, call.legId, call.peers.length]),
      [[callId, legs[1], 1]],
    )
    assert.equal((await back.next('dtmf')).digits, '1')
    assert.equal((await back.next('dtmf')).digits, '2')
    await back.ask({ type: 'dtmf', callId, digits: '3' })
    assert.equal((await caller.next('dtmf')).digits, '3')
    const late = await connectCalls(worlds[0].origin, { token, resume })
    assert.deepEqual([late.ready.isResumed, late.ready.calls], [false, []])
  })

  test('the former socket is closed when its device comes elsewhere', async () => {
    const { bob, callee } = await talking()
    const { resume } = callee.ready
    await connectCalls(worlds[0].origin, { token: bob.token, resume })
    assert.equal(await callee.closed, 4409)
  })

  test('a lost socket that stays away for 10 s has left', async (context) => {
    const { caller, callee, legs } = await talking()
    await callee.cut()
    const [row] = await eventually(
      () => worlds[0].db<{ readonly at: Date }[]>`
        select lost_at as at from call_device
        where device_id = ${callee.ready.deviceId} and lost_at is not null`,
      (rows) => rows.length > 0,
    )
    for (const world of worlds) world.stopClock(context, (row?.at.getTime() ?? 0) + 10_000)
    const left = await caller.next('participant.left')
    assert.deepEqual([left.legId, left.reason], [legs[1], 'disconnected'])
  })

  test('a device whose node is gone has been lost since that node spoke last', async () => {
    const { caller, callee, legs } = await talking()
    // What is left of a node that was killed: a row that nobody touches.
    await worlds[0].db`
      update call_device set session_id = ${randomUUID()}, seen_at = now() - interval '21 s'
      where device_id = ${callee.ready.deviceId}`
    const left = await caller.next('participant.left')
    assert.deepEqual([left.legId, left.reason], [legs[1], 'lost'])
  })

  test('whoever sends more than 400 frames in ten seconds is closed', async () => {
    const client = await (await newCaller(worlds[0], tenant)).connect()
    for (let count = 0; count < 401; count++) client.send('{"type":"ping"}')
    assert.equal(await client.closed, 4429)
  })

  test('an identity has at most 16 devices', async () => {
    const { token } = await newCaller(worlds[0], tenant)
    for (let count = 0; count < 16; count++)
      await connectCalls(worlds[count % 2 === 0 ? 0 : 1].origin, { token })
    const client = await openCallSocket(worlds[0].origin)
    client.send(JSON.stringify({ type: 'auth', token }))
    assert.equal(await client.closed, 4429)
  })

  test('a server that stops sends its clients away, who go on elsewhere', async () => {
    const { bob, caller, callee, callId } = await talking()
    assert.ok(callee.ready.resume)
    const third = await startWorld(newDataDir(), settings)
    const cid = await newCaller(worlds[0], tenant)
    const joining = await cid.connect(third.origin)
    await caller.ask({ type: 'call.add', callId, rawId: cid.id })
    await joining.next('call.incoming')
    const { legId } = await join(joining, { type: 'call.accept', callId })
    await third.stop()
    assert.equal(await joining.closed, 1001)
    const { resume } = joining.ready
    const back = await connectCalls(worlds[1].origin, { token: cid.token, resume, heard: 1 })
    assert.deepEqual(
      back.ready.calls.map((call) => [call.legId, call.peers.length]),
      [[legId, 2]],
    )
    assert.ok(bob.id)
  })

  test('the time of participants is counted, without saying whose', async (context) => {
    const of = await worlds[0].createTenant()
    const { bob, caller, callId } = await talking(['voip'], of)
    const at = worlds[0].now()
    for (const world of worlds) world.stopClock(context, at + 61_000)
    await eventually(
      () => seconds(callId),
      (counted) => counted >= 120,
    )
    for (const world of worlds) world.stopClock(context, at + 75_000)
    await caller.ask({ type: 'call.leave', callId })
    const counted = await seconds(callId)
    assert.ok(counted >= 150 && counted <= 154, String(counted))
    const usage = () => of.call({ method: 'GET', path: '/usage?meter=call-participant-seconds' })
    const quantity = ({ body }: Awaited<ReturnType<typeof usage>>) => {
      const hours = body.value as unknown as readonly { readonly quantity: number }[]
      return hours.reduce((sum, hour) => sum + hour.quantity, 0)
    }
    assert.equal(quantity(await usage()), counted)
    assert.equal((await deleteIdentity(of, bob.id)).status, 204)
    assert.equal(quantity(await usage()), counted)
  })

  test('nothing of a deleted identity is left in the tables of calls', async () => {
    const { ann, bob, caller, callee, callId } = await talking()
    const bobId = bob.id.slice(-36)
    const path = `/calls/${callId}`
    const shown = await tenant.call({ method: 'GET', path })
    assert.ok(shown.text.includes(bobId))
    await deleteIdentity(tenant, bob.id)
    await callee.closed
    await caller.next('participant.left')
    await caller.next('call.ended')
    for (const table of ['call', 'call_leg', 'call_ring', 'call_device', 'call_frame']) {
      const rows = await worlds[0].db`select * from ${worlds[0].db(table)}`
      assert.ok(!JSON.stringify(rows).includes(bobId), table)
    }
    const kept = await tenant.call({ method: 'GET', path })
    assert.ok(kept.text.includes(ann.id))
    await deleteIdentity(tenant, ann.id)
    await eventually(
      () => tenant.call({ method: 'GET', path }),
      ({ status }) => status === 404,
    )
  })

  test('a first frame that is no auth, or a token that opens no calls, closes', async () => {
    const chat = await newCaller(worlds[0], tenant, ['chat'])
    const first = await openCallSocket(worlds[0].origin)
    first.send('{"type":"ping"}')
    assert.equal(await first.closed, 4400)
    for (const [token, code] of [
      [chat.token, 4403],
      ['nonsense', 4401],
    ] as const) {
      const client = await openCallSocket(worlds[0].origin)
      client.send(JSON.stringify({ type: 'auth', token }))
      assert.equal(await client.closed, code)
    }
    await assert.rejects(openCallSocket(worlds[0].origin, 'chat'))
  })

  describe('scopes', () => {
    const cells: readonly [string, 'voip' | 'voip.join', string][] = [
      ['start', 'voip', 'call.joined'],
      ['start', 'voip.join', 'ScopeForbidden'],
      ['dial', 'voip', 'PhoneUnavailable'],
      ['dial', 'voip.join', 'ScopeForbidden'],
      ['start a room', 'voip', 'call.joined'],
      ['start a room', 'voip.join', 'call.joined'],
      ['join', 'voip', 'call.joined'],
      ['join', 'voip.join', 'call.joined'],
      ['join a room that goes on', 'voip', 'call.joined'],
      ['join a room that goes on', 'voip.join', 'call.joined'],
      ['dial from a room', 'voip', 'PhoneUnavailable'],
      ['dial from a room', 'voip.join', 'ScopeForbidden'],
      ['reject', 'voip', 'done'],
      ['reject', 'voip.join', 'done'],
      ['answer', 'voip', 'call.joined'],
      ['answer', 'voip.join', 'call.joined'],
      ['add', 'voip', 'done'],
      ['add', 'voip.join', 'ScopeForbidden'],
      ['mute', 'voip', 'done'],
      ['mute', 'voip.join', 'done'],
      ['send digits', 'voip', 'done'],
      ['send digits', 'voip.join', 'done'],
      ['remove', 'voip', 'done'],
      ['remove', 'voip.join', 'done'],
      ['leave', 'voip', 'done'],
      ['leave', 'voip.join', 'done'],
    ]
    for (const [act, scope, outcome] of cells) {
      test(`${scope} to ${act}: ${outcome}`, async () => {
        const one = await newCaller(worlds[0], tenant, [scope])
        const client = await one.connect()
        const other = await newCaller(worlds[0], tenant)
        const host = await other.connect()
        const third = await newCaller(worlds[0], tenant)
        const asked = async (): Promise<string> => {
          const frame = { type: 'call.start', media: 'audio' } as const
          if (act === 'start') return refusal(client, { ...frame, to: [other.id] })
          if (act === 'dial') return refusal(client, { ...frame, to: ['4:+15550100'] })
          if (act.includes('room')) {
            const role = { role: 'Presenter' }
            const roomId = await newRoom({ [one.id]: role, [other.id]: role })
            if (act === 'join a room that goes on') await join(host, { type: 'room.join', roomId })
            if (act !== 'dial from a room') return refusal(client, { type: 'room.join', roomId })
            const { callId } = await join(client, { type: 'room.join', roomId })
            return refusal(client, { type: 'call.add', callId, rawId: '4:+15550100' })
          }
          if (act === 'answer' || act === 'reject') {
            const { callId } = await start(host, [one.id])
            const type = act === 'answer' ? 'call.accept' : 'call.reject'
            return refusal(client, { type, callId })
          }
          const { callId, legId } = await start(host, [], { isJoinable: true })
          const joined = await refusal(client, { type: 'call.join', callId })
          if (act === 'join') return joined
          if (act === 'add') return refusal(client, { type: 'call.add', callId, rawId: third.id })
          if (act === 'send digits') return refusal(client, { type: 'dtmf', callId, digits: '1' })
          if (act === 'remove') return refusal(client, { type: 'call.remove', callId, legId })
          if (act === 'leave') return refusal(client, { type: 'call.leave', callId })
          return refusal(client, { type: 'mute', callId, isMuted: true })
        }
        assert.equal(await asked(), outcome)
      })
    }
  })

  async function newRoom(participants: object, rest: object = {}): Promise<string> {
    const path = '/rooms?api-version=2025-03-13'
    const answer = await tenant.call({ method: 'POST', path, body: { participants, ...rest } })
    assert.equal(answer.status, 201, answer.text)
    return answer.body.id
  }

  describe('the call of a room', () => {
    test('is one, though two start it at once on two nodes', async () => {
      const [ann, bob] = [await newCaller(worlds[0], tenant), await newCaller(worlds[0], tenant)]
      const roomId = await newRoom({ [ann.id]: {}, [bob.id]: {} })
      const clients = [await ann.connect(), await bob.connect(worlds[1].origin)]
      const [one, other] = await Promise.all(
        clients.map((client) => join(client, { type: 'room.join', roomId })),
      )
      assert.equal(one?.callId, other?.callId)
      assert.equal(one?.roomId, roomId)
    })

    test('is open to its list alone, and within its window', async (context) => {
      const [ann, bob] = [await newCaller(worlds[0], tenant), await newCaller(worlds[0], tenant)]
      const validFrom = new Date(worlds[0].now() + 60_000).toISOString()
      const validUntil = new Date(worlds[0].now() + 120_000).toISOString()
      const roomId = await newRoom({ [ann.id]: {} }, { validFrom, validUntil })
      const client = await ann.connect()
      const stranger = await bob.connect()
      const frame = { type: 'room.join', roomId } as const
      assert.equal(await refusal(stranger, frame), 'RoomNotFound')
      assert.equal(await refusal(client, { ...frame, roomId: '99' }), 'RoomNotFound')
      assert.equal(await refusal(client, frame), 'RoomNotOpen')
      for (const world of worlds) world.stopClock(context, Date.parse(validFrom))
      const { callId } = await join(client, frame)
      assert.equal(await refusal(stranger, { type: 'call.join', callId }), 'CallNotFound')
      for (const world of worlds) world.stopClock(context, Date.parse(validUntil))
      assert.equal((await client.next('call.ended')).reason, 'removed')
      assert.equal(await refusal(client, frame), 'RoomNotOpen')
    })

    for (const [role, outcome] of [
      ['Presenter', 'done'],
      ['Collaborator', 'done'],
      ['Attendee', 'RoleForbidden'],
      ['Consumer', 'RoleForbidden'],
    ] as const) {
      test(`lets a ${role} send somebody out: ${outcome}`, async () => {
        const [ann, bob] = [await newCaller(worlds[0], tenant), await newCaller(worlds[0], tenant)]
        const roomId = await newRoom({ [ann.id]: { role }, [bob.id]: {} })
        const [one, other] = [await ann.connect(), await bob.connect(worlds[1].origin)]
        const { legId, callId } = await join(other, { type: 'room.join', roomId })
        assert.equal((await join(one, { type: 'room.join', roomId })).role, role)
        assert.equal(await refusal(one, { type: 'call.remove', callId, legId }), outcome)
      })
    }

    test('ends for who is taken off its list', async () => {
      const [ann, bob] = [await newCaller(worlds[0], tenant), await newCaller(worlds[0], tenant)]
      const roomId = await newRoom({ [ann.id]: {}, [bob.id]: {} })
      const [one, other] = [await ann.connect(), await bob.connect(worlds[1].origin)]
      await join(one, { type: 'room.join', roomId })
      await join(other, { type: 'room.join', roomId })
      await one.next('participant.joined')
      const path = `/rooms/${roomId}/participants?api-version=2025-03-13`
      const headers = { 'content-type': 'application/merge-patch+json' }
      const body = { participants: { [bob.id]: null } }
      assert.equal((await tenant.call({ method: 'PATCH', path, body, headers })).status, 200)
      assert.equal((await other.next('call.ended')).reason, 'removed')
      assert.equal((await one.next('participant.left')).reason, 'removed')
    })
  })
})
