/**
 * What ends the legs of somebody at Janus, on whichever node it happens; and what Janus has then is
 * asked of its administration.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import {
  administerJanus,
  type JanusAdministration,
} from '@parley/server/calls/janus/administration'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import {
  type Caller,
  closeCallSockets,
  connectCalls,
  join,
  newCaller,
  type ReadyClient,
  refusal,
  start,
} from '../call-sockets.ts'
import { deleteIdentity, postRevoke } from '../calls.ts'
import {
  control,
  createResource,
  newPlace,
  type Place,
  regenerateKey,
  resourcePath,
  subscriptionPath,
} from '../control-plane.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'
import { lacks } from './daemons.ts'
import { type JanusProcess, janusSecrets, janusSettings, startJanus } from './janus-process.ts'

/** Reconciling begins every ten seconds: what happens within these was not left to it. */
const promptMs = 5000

describe('legs at Janus', { skip: lacks('the ends of legs at Janus', 'janus') }, () => {
  let outside: TemporaryPostgres
  let janus: JanusProcess
  let administration: JanusAdministration
  let worlds: readonly [World, World]

  before(async () => {
    outside = await startTemporaryPostgres()
    janus = await startJanus()
    const log = { warn: () => undefined, info: () => undefined }
    const { adminUrl: url } = janus
    administration = administerJanus({ url, adminSecret: janusSecrets.admin, log })
    const { username, host, port, database } = outside.postgres.connection
    const settings = {
      ...janusSettings(janus),
      PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
      PARLEY_MASTER_KEY: Buffer.alloc(32, 9).toString('base64'),
      PARLEY_ISSUER: 'https://calls.example',
    }
    worlds = [await startWorld(newDataDir(), settings), await startWorld(newDataDir(), settings)]
  })

  after(async () => {
    closeCallSockets()
    administration?.close()
    for (const world of worlds ?? []) await world.stop()
    await janus?.kill()
    await outside?.close()
  })

  /** The legs of a call that Janus has handles of. */
  async function carried(callId: string): Promise<readonly string[]> {
    const handles = (await administration.listHandles()) ?? []
    const own = handles.filter(({ opaqueId }) => opaqueId.includes(callId))
    return [...new Set(own.map(({ opaqueId }) => opaqueId.slice(-36)))].sort()
  }

  async function untilCarried(callId: string, legIds: readonly string[]): Promise<void> {
    const startedAt = performance.now()
    for (;;) {
      const found = await carried(callId)
      if (JSON.stringify(found) === JSON.stringify([...legIds].sort())) return
      const isLate = performance.now() - startedAt > promptMs
      assert.ok(!isLate, `Janus has ${found.join(' ')}, not ${legIds.join(' ')}`)
    }
  }

  interface Group {
    readonly place: Place
    readonly tenant: Tenant
    readonly callId: string
    readonly people: readonly Caller[]
    readonly clients: readonly ReadyClient[]
    readonly legs: readonly [string, string, string]
  }

  async function offer(client: ReadyClient, callId: string): Promise<void> {
    const sdp = { type: 'offer', sdp: offerOf(randomBytes(8).toString('hex')) } as const
    const answer = await client.ask({ type: 'signal', callId, sdp })
    assert.equal(answer.type, 'done', JSON.stringify(answer))
  }

  /** Two at the first node and one at the second, all of whom Janus carries. */
  async function talking(media: 'audio' | 'video' = 'audio'): Promise<Group> {
    const place = await newPlace(worlds[0])
    const tenant = await createResource(worlds[0], place)
    const people = [
      await newCaller(worlds[0], tenant),
      await newCaller(worlds[0], tenant),
      await newCaller(worlds[0], tenant),
    ]
    const [ann, bob, eve] = people
    assert.ok(ann && bob && eve)
    const clients = [await ann.connect(), await bob.connect(worlds[1].origin), await eve.connect()]
    const [one, two, three] = clients
    assert.ok(one && two && three)
    const { callId, legId, engine, way } = await start(one, [], { isJoinable: true, media })
    assert.deepEqual([engine, way.mode], ['janus', 'sdp'])
    const second = await join(two, { type: 'call.join', callId })
    const third = await join(three, { type: 'call.join', callId })
    for (const client of clients) await offer(client, callId)
    const legs = [legId, second.legId, third.legId] as const
    await untilCarried(callId, legs)
    return { place, tenant, callId, people, clients, legs: [...legs] }
  }

  type Cause = (group: Group) => Promise<{ readonly status: number } | Buffer>
  const causes: readonly (readonly [string, Cause, 'all' | 'bob'])[] = [
    ['a revocation', ({ tenant, people }) => postRevoke(tenant, people[1]?.id ?? ''), 'bob'],
    ['a deletion', ({ tenant, people }) => deleteIdentity(tenant, people[1]?.id ?? ''), 'bob'],
    [
      'a step-down',
      ({ tenant, people }) => {
        const body = { targets: [{ identity: people[1]?.id, scopes: ['chat'] }] }
        return tenant.call({ method: 'POST', path: '/parley/stepDowns', body })
      },
      'bob',
    ],
    [
      'being sent out by the owner of the resource',
      ({ tenant, people, callId }) => {
        const path = `/calls/${callId}/participants/${people[1]?.id}/:remove`
        return tenant.call({ method: 'POST', path })
      },
      'bob',
    ],
    [
      'the regeneration of the key that their tokens were issued under',
      ({ place }) => regenerateKey(worlds[0], place, { keyType: 'Primary' }),
      'all',
    ],
    [
      'the deletion of the resource',
      ({ place }) => control(worlds[0], { method: 'DELETE', path: resourcePath(place) }),
      'all',
    ],
    [
      'the end of the subscription',
      ({ place: { subscriptionId } }) => {
        const path = subscriptionPath(subscriptionId, '/providers/Microsoft.Subscription/cancel')
        return control(worlds[0], { method: 'POST', path })
      },
      'all',
    ],
    [
      'the end of the call',
      ({ tenant, callId }) => tenant.call({ method: 'POST', path: `/calls/${callId}/:end` }),
      'all',
    ],
  ]
  for (const [cause, make, whose] of causes) {
    test(`end by ${cause}`, async () => {
      const group = await talking()
      const made = await make(group)
      assert.ok(Buffer.isBuffer(made) || made.status < 300, JSON.stringify(made))
      const [ann, , eve] = group.legs
      await untilCarried(group.callId, whose === 'all' ? [] : [ann, eve])
    })
  }

  test('end when their token does', async (context) => {
    const { clients, callId } = await talking('video')
    for (const world of worlds) {
      world.stopClock(context, Date.parse(clients[1]?.ready.expiresAt ?? '') + 1000)
    }
    await untilCarried(callId, [])
  })

  test('end when their client leaves, in a call with video too', async () => {
    const { clients, callId, legs } = await talking('video')
    assert.equal(await refusal(clients[1] as ReadyClient, { type: 'call.leave', callId }), 'done')
    await untilCarried(callId, [legs[0], legs[2]])
  })

  test('take over a call of two that grows beyond what goes from peer to peer', async () => {
    const tenant = await worlds[0].createTenant()
    const people = await Promise.all(Array.from({ length: 5 }, () => newCaller(worlds[0], tenant)))
    const [ann, ...others] = people
    assert.ok(ann)
    const host = await ann.connect()
    const { callId, engine } = await start(host, [others[0]?.id ?? ''], { media: 'video' })
    assert.equal(engine, 'mesh')
    const engines: string[] = []
    for (const [place, one] of others.entries()) {
      const client = await one.connect(worlds[place % 2]?.origin)
      if (place > 0) await host.ask({ type: 'call.add', callId, rawId: one.id })
      await client.next('call.incoming')
      engines.push((await join(client, { type: 'call.accept', callId })).engine)
    }
    assert.deepEqual(engines, ['mesh', 'mesh', 'mesh', 'janus'])
    const told = host.waiting().map(({ type }) => type)
    assert.equal(told.filter((type) => type === 'call.rejoin').length, 1)
    const again = await join(host, { type: 'call.join', callId })
    assert.deepEqual([again.engine, again.way.mode, again.peers.length], ['janus', 'sdp', 4])
    await offer(host, callId)
    await untilCarried(callId, [again.legId])
  })

  test('go to the node where their client comes back, and are offered anew', async () => {
    const { clients, callId, legs, people } = await talking()
    const [, client] = clients
    await client?.cut()
    const { token = '' } = people[1] ?? {}
    const auth = { token, resume: client?.ready.resume ?? '' }
    const back = await connectCalls(worlds[0].origin, auth)
    const [own] = back.ready.calls
    assert.equal(own?.legId, legs[1])
    await untilCarried(callId, [legs[0], legs[2]])
    await offer(back, callId)
    await untilCarried(callId, legs)
  })
})

/** What a browser offers that has a microphone and no network. */
function offerOf(ufrag: string): string {
  const lines = [
    ...['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0'],
    ...['m=audio 9 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 0.0.0.0', 'a=rtcp:9 IN IP4 0.0.0.0'],
    ...[`a=ice-ufrag:${ufrag}`, `a=ice-pwd:${ufrag.repeat(2)}`, 'a=ice-options:trickle'],
    `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}`,
    ...['a=setup:actpass', 'a=mid:0', 'a=sendrecv', 'a=rtcp-mux', 'a=rtpmap:111 opus/48000/2'],
  ]
  return `${lines.join('\r\n')}\r\n`
}
