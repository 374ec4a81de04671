/** Calls between identities: ringing, and who wins. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import {
  type Caller,
  closeCallSockets,
  join,
  newCaller,
  type ReadyClient,
  refusal,
  start,
  talk,
} from '../call-sockets.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'

describe('a call', () => {
  let outside: TemporaryPostgres
  let worlds: readonly [World, World]
  let tenant: Tenant
  before(async () => {
    outside = await startTemporaryPostgres(60)
    const { username, host, port, database } = outside.postgres.connection
    const settings = {
      PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
      PARLEY_MASTER_KEY: Buffer.alloc(32, 8).toString('base64'),
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

  for (const [title, places] of [
    ['on one node', [0, 0]],
    ['on two nodes', [0, 1]],
  ] as const) {
    describe(title, () => {
      const origin = (party: 0 | 1) => worlds[places[party]].origin

      async function pair(): Promise<{
        readonly ann: Caller
        readonly bob: Caller
        readonly caller: ReadyClient
        readonly callee: ReadyClient
      }> {
        const ann = await newCaller(worlds[0], tenant)
        const bob = await newCaller(worlds[0], tenant)
        const caller = await ann.connect(origin(0))
        return { ann, bob, caller, callee: await bob.connect(origin(1)) }
      }

      test('rings every device of whom is called, and the first to accept wins', async () => {
        const { ann, bob, caller, callee } = await pair()
        const others = [await bob.connect(origin(0)), await bob.connect(origin(1))]
        const { callId } = await start(caller, [bob.id])
        for (const device of [callee, ...others]) {
          const rung = await device.next('call.incoming')
          assert.equal(rung.callId, callId)
          assert.equal(rung.from, ann.id)
          assert.equal(rung.media, 'audio')
        }
        const answers = await Promise.all(
          [callee, ...others].map((device) => device.ask({ type: 'call.accept', callId })),
        )
        const winners = answers.filter(({ type }) => type === 'call.joined')
        assert.equal(winners.length, 1)
        const codes = answers.flatMap((answer) => (answer.type === 'error' ? [answer.code] : []))
        assert.deepEqual(codes, ['CallNotRinging', 'CallNotRinging'])
        for (const [index, device] of [callee, ...others].entries()) {
          if (answers[index]?.type !== 'error') continue
          assert.equal((await device.next('call.cancelled')).reason, 'answeredElsewhere')
        }
        assert.equal((await caller.next('callee.updated')).state, 'accepted')
        const { peer } = await caller.next('participant.joined')
        assert.equal(peer.identity, bob.id)
        const [won] = winners
        assert.ok(won?.type === 'call.joined')
        assert.equal(won.legId, peer.legId)
        assert.deepEqual(
          won.peers.map(({ identity }) => identity),
          [ann.id],
        )
        assert.deepEqual(won.way, { mode: 'p2p' })
      })

      test('rings all devices of all who are called; each is there with the first', async () => {
        const { ann, bob, caller, callee } = await pair()
        const cid = await newCaller(worlds[0], tenant, ['voip.join'])
        const devices = [
          ...[callee, await bob.connect(origin(0))],
          ...[await cid.connect(origin(0)), await cid.connect(origin(1))],
        ] as const
        const { callId } = await start(caller, [bob.id, cid.id, bob.id, ann.id])
        for (const device of devices) {
          assert.equal((await device.next('call.incoming')).callId, callId)
        }
        const answers = await Promise.all(
          devices.map((device) => refusal(device, { type: 'call.accept', callId })),
        )
        const won = answers.flatMap((answer, place) => (answer === 'call.joined' ? [place] : []))
        assert.deepEqual(
          won.map((place) => place >> 1),
          [0, 1],
        )
        for (const [place, device] of devices.entries()) {
          if (won.includes(place)) continue
          assert.equal((await device.next('call.cancelled')).reason, 'answeredElsewhere')
        }
      })

      test('is rejected for all devices by one, and ends', async () => {
        const { bob, caller, callee } = await pair()
        const other = await bob.connect(origin(0))
        const { callId } = await start(caller, [bob.id])
        for (const device of [callee, other]) await device.next('call.incoming')
        assert.deepEqual((await callee.ask({ type: 'call.reject', callId })).type, 'done')
        assert.equal((await other.next('call.cancelled')).reason, 'rejectedElsewhere')
        assert.equal((await caller.next('callee.updated')).state, 'rejected')
        assert.equal((await caller.next('call.ended')).reason, 'rejected')
        assert.equal(await refusal(other, { type: 'call.accept', callId }), 'CallNotFound')
      })

      test('is taken back by who started it, and rings nobody any more', async () => {
        const { bob, caller, callee } = await pair()
        const { callId } = await start(caller, [bob.id])
        await callee.next('call.incoming')
        assert.equal(await refusal(callee, { type: 'call.cancel', callId }), 'LegNotFound')
        assert.equal((await caller.ask({ type: 'call.cancel', callId })).type, 'done')
        assert.equal((await callee.next('call.cancelled')).reason, 'caller')
        assert.equal((await caller.next('call.ended')).reason, 'cancelled')
        assert.equal(await refusal(callee, { type: 'call.accept', callId }), 'CallNotFound')
      })

      test('is over when one of two leaves', async () => {
        const { bob, caller, callee } = await pair()
        const { callId, legs } = await talk(caller, callee, bob.id)
        assert.equal((await callee.ask({ type: 'call.leave', callId })).type, 'done')
        const left = await caller.next('participant.left')
        assert.deepEqual([left.legId, left.identity, left.reason], [legs[1], bob.id, 'left'])
        assert.equal((await caller.next('call.ended')).reason, 'left')
        assert.equal(await refusal(caller, { type: 'call.leave', callId }), 'CallNotFound')
      })

      test('relays what its legs say to each other, and to nobody else', async () => {
        const { bob, caller, callee } = await pair()
        const { callId, legs } = await talk(caller, callee, bob.id)
        const offer = { type: 'offer', sdp: `v=0 ${'x'.repeat(20_000)}` } as const
        const sent = { type: 'signal', callId, to: legs[0], sdp: offer } as const
        assert.equal((await callee.ask(sent)).type, 'done')
        const { seq, ...heard } = await caller.next('signal')
        assert.deepEqual(heard, { type: 'signal', callId, from: legs[1], sdp: offer })
        const candidate = { candidate: 'candidate:1', sdpMid: '0', sdpMLineIndex: 0 }
        await caller.ask({ type: 'signal', callId, to: legs[1], candidate })
        const got = await callee.next('signal')
        assert.deepEqual('candidate' in got && got.candidate, candidate)
        assert.ok(seq > 0)
        const stranger = await (await newCaller(worlds[0], tenant)).connect(origin(1))
        assert.equal(await refusal(stranger, sent), 'LegNotFound')
        const own = { ...sent, to: legs[1] }
        assert.equal(await refusal(callee, own), 'LegNotFound')
        assert.equal(await refusal(caller, { ...sent, to: callId }), 'LegNotFound')
      })

      test('tells of digits, of who is muted, and of who was sent out', async () => {
        const { bob, caller, callee } = await pair()
        const { callId, legs } = await talk(caller, callee, bob.id)
        await caller.ask({ type: 'dtmf', callId, digits: '12#' })
        const { digits, from } = await callee.next('dtmf')
        assert.deepEqual([digits, from], ['12#', legs[0]])
        await callee.ask({ type: 'mute', callId, isMuted: true })
        const { peer } = await caller.next('participant.updated')
        assert.deepEqual([peer.legId, peer.isMuted], [legs[1], true])
        await caller.ask({ type: 'call.remove', callId, legId: legs[1] })
        assert.equal((await callee.next('call.ended')).reason, 'removed')
      })

      test('goes on with a third, who was added, and without the first', async () => {
        const { ann, bob, caller, callee } = await pair()
        const cid = await newCaller(worlds[0], tenant, ['voip.join'])
        const third = await cid.connect(origin(1))
        const { callId } = await talk(caller, callee, bob.id)
        assert.equal((await callee.ask({ type: 'call.add', callId, rawId: cid.id })).type, 'done')
        assert.equal((await third.next('call.incoming')).from, bob.id)
        assert.equal((await caller.next('callee.updated')).state, 'ringing')
        const { peers } = await join(third, { type: 'call.accept', callId })
        assert.deepEqual(
          peers.map(({ identity }) => identity),
          [ann.id, bob.id],
        )
        await caller.ask({ type: 'call.leave', callId })
        assert.equal((await third.next('participant.left')).identity, ann.id)
        assert.equal((await join(caller, { type: 'call.join', callId })).peers.length, 2)
      })

      test('rings a device that comes while it rings', async () => {
        const { bob, caller, callee } = await pair()
        const { callId } = await start(caller, [bob.id])
        await callee.next('call.incoming')
        const late = await bob.connect(origin(1))
        assert.equal((await late.next('call.incoming')).callId, callId)
      })
    })
  }

  test('rings for 45 s', async (context) => {
    const ann = await newCaller(worlds[0], tenant)
    const bob = await newCaller(worlds[0], tenant)
    const [caller, callee] = [await ann.connect(), await bob.connect(worlds[1].origin)]
    const { callId } = await start(caller, [bob.id])
    const { expiresAt } = await callee.next('call.incoming')
    assert.ok(Math.abs(Date.parse(expiresAt) - worlds[0].now() - 45_000) < 5000)
    for (const world of worlds) world.stopClock(context, Date.parse(expiresAt))
    assert.equal(
      await refusal(callee, { type: 'call.accept', callId }).then((code) => code.slice(0, 7)),
      'CallNot',
    )
    assert.equal((await callee.next('call.cancelled')).reason, 'timeout')
    assert.equal((await caller.next('callee.updated')).state, 'timeout')
    assert.equal((await caller.next('call.ended')).reason, 'timeout')
  })

  test('has room for six with audio and for four with video', async () => {
    for (const [media, max] of [
      ['audio', 6],
      ['video', 4],
    ] as const) {
      const people = await Promise.all(
        Array.from({ length: max + 1 }, () => newCaller(worlds[0], tenant)),
      )
      const clients = await Promise.all(people.map((one) => one.connect()))
      const [first, ...others] = clients
      assert.ok(first)
      const { callId } = await start(first, [], { media, isJoinable: true })
      const answers = await Promise.all(
        others.map((one) => refusal(one, { type: 'call.join', callId })),
      )
      assert.equal(answers.filter((answer) => answer === 'call.joined').length, max - 1)
      assert.equal(answers.filter((answer) => answer === 'CallFull').length, 1)
    }
  })

  const noGuid = '00000000-0000-4000-8000-000000000000'
  const nobody = `8:acs:${noGuid}_${noGuid}`
  for (const [title, to, code] of [
    ['nobody', [], 'FrameMalformed'],
    ['a stranger to the resource', [nobody], 'IdentityNotFound'],
    ['a phone', ['4:+15550100'], 'PhoneUnavailable'],
    ['what is no identity', ['8:teamsvisitor:x'], 'IdentityNotFound'],
  ] as const) {
    test(`cannot be made to ${title}`, async () => {
      const client = await (await newCaller(worlds[0], tenant)).connect()
      assert.equal(await refusal(client, { type: 'call.start', media: 'audio', to }), code)
    })
  }
})
