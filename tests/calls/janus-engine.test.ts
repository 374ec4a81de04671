/** The engine at a real Janus, against the suite of all engines, and what only it has. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { connectJanus, type JanusConnection } from '@parley/server/calls/janus/connection'
import type { EngineEvent, MediaEngine } from '@parley/server/calls/media-engine'
import { describeMediaEngine } from '../media-engine.ts'
import { lacks } from './daemons.ts'
import { newJanusEngine, stopJanusEngines } from './janus-engine.ts'
import { type JanusProcess, janusSecrets, startJanus } from './janus-process.ts'

const permissions = { canSend: true, canReceive: true }
const log = { warn: () => undefined, info: () => undefined }

describe('engines at Janus', { skip: lacks('the engine janus', 'janus') }, () => {
  let janus: JanusProcess
  let stranger: JanusConnection

  before(async () => {
    janus = await startJanus()
    stranger = connectJanus({ url: janus.url, apiSecret: janusSecrets.api, log })
    await stranger.whenUp(5000)
  })

  after(async () => {
    await stopJanusEngines()
    await stranger?.close()
    await janus?.kill()
  })

  describeMediaEngine('janus', () => newJanusEngine(janus))

  const newCall = () => ({ resourceId: randomUUID(), callId: randomUUID() })
  const newLeg = (call: ReturnType<typeof newCall>) => ({
    ...{ ...call, legId: randomUUID(), deviceId: randomUUID() },
    identity: `8:acs:${call.resourceId}_${randomUUID()}`,
  })

  /** The next event of a kind. */
  const next = (engine: MediaEngine, kind: EngineEvent['kind']) =>
    new Promise<EngineEvent>((resolve) => {
      engine.follow((event) => event.kind === kind && resolve(event))
    })

  /** Somebody who has the secret of Janus, and has come past us. */
  async function intrude(plugin: 'audiobridge' | 'videoroom', room: string, id: string) {
    const handle = await stranger.attach(plugin, 'a stranger', () => undefined)
    assert.ok(handle.ok)
    const place = { room, id, ptype: 'publisher' }
    return { handle: handle.value, joined: await handle.value.ask({ request: 'join', ...place }) }
  }

  for (const media of ['audio', 'video'] as const) {
    const plugin = media === 'audio' ? 'audiobridge' : 'videoroom'
    test(`lets nobody into a call with ${media} who has no token of a leg`, async () => {
      const engine = await newJanusEngine(janus)
      const call = newCall()
      await engine.open({ ...call, media })
      const room = `${call.resourceId}.${call.callId}`
      const { joined } = await intrude(plugin, room, randomUUID())
      assert.equal(
        !joined.ok && joined.fault.kind === 'refused' && joined.fault.code,
        media === 'audio' ? 489 : 433,
      )
    })
  }

  test('finds a leg at Janus that no node has let in, and cuts it out', async () => {
    const engine = await newJanusEngine(janus)
    const call = newCall()
    const room = `${call.resourceId}.${call.callId}`
    const legId = randomUUID()
    const made = await stranger.attach('audiobridge', 'a stranger', () => undefined)
    assert.ok(made.ok)
    await made.value.ask({ request: 'create', room, admin_key: janusSecrets.room })
    const { handle, joined } = await intrude('audiobridge', room, legId)
    assert.equal(joined.ok, true)
    const found = (await engine.reconcile()).filter((leg) => leg.callId === call.callId)
    assert.deepEqual(found, [{ ...call, legId }])
    await engine.remove({ ...call, legId })
    assert.deepEqual(
      (await engine.reconcile()).filter((leg) => leg.callId === call.callId),
      [],
    )
    const asked = await handle.ask({ request: 'configure' })
    assert.equal(!asked.ok && asked.fault.kind === 'refused' && asked.fault.code, 459)
  })

  test('destroys rooms that nobody is in, the second time that it sees them', async () => {
    const engine = await newJanusEngine(janus)
    const call = newCall()
    const room = `${call.resourceId}.${call.callId}`
    const made = await stranger.attach('videoroom', 'a stranger', () => undefined)
    assert.ok(made.ok)
    const { ask } = made.value
    await ask({ request: 'create', room, admin_key: janusSecrets.room })
    const exists = async () => {
      const asked = await ask({ request: 'exists', room })
      return asked.ok && asked.value.data['exists']
    }
    await engine.reconcile()
    assert.equal(await exists(), true)
    await engine.reconcile()
    assert.equal(await exists(), false)
  })

  test('leaves what another node has let in to that one, and lists it', async () => {
    const [one, other] = [await newJanusEngine(janus), await newJanusEngine(janus)]
    const call = newCall()
    const [ann, bob] = [newLeg(call), newLeg(call)]
    for (const [engine, leg] of [
      [one, ann],
      [other, bob],
    ] as const) {
      assert.equal((await engine.open({ ...call, media: 'audio' })).ok, true)
      assert.equal((await engine.admit(leg, permissions)).ok, true)
    }
    const own = async (engine: MediaEngine) =>
      (await engine.reconcile()).filter((leg) => leg.callId === call.callId).map((leg) => leg.legId)
    assert.deepEqual([await own(one), await own(other)], [[ann.legId], [bob.legId]])
  })

  test('gives a leg that comes back another session once Janus has been away', async () => {
    const ownJanus = await startJanus()
    const engine = await newJanusEngine(ownJanus)
    const call = newCall()
    const leg = newLeg(call)
    await engine.open({ ...call, media: 'video' })
    const ways = [await engine.admit(leg, permissions), await engine.admit(leg, permissions)]
    assert.deepEqual(ways[0], ways[1])
    const failed = next(engine, 'failed')
    await ownJanus.kill()
    assert.deepEqual(await failed, { kind: 'failed', call })
    const opening = engine.open({ ...call, media: 'video' })
    await ownJanus.start()
    assert.equal((await opening).ok, true)
    const again = await engine.admit(leg, permissions)
    assert.equal(again.ok, true)
    assert.notDeepEqual(again, ways[0])
    await ownJanus.kill()
  })

  describe('of which there are two', () => {
    let januses: readonly [JanusProcess, JanusProcess]
    before(async () => {
      januses = [await startJanus(), await startJanus()]
    })
    after(async () => {
      for (const one of januses ?? []) await one.kill()
    })

    /** The Januses that have the room of a call. */
    async function having(call: ReturnType<typeof newCall>) {
      const found = await Promise.all(
        januses.map(async (one) => {
          const session = connectJanus({ url: one.url, apiSecret: janusSecrets.api, log })
          if (!(await session.whenUp(3000))) return []
          const handle = await session.attach('audiobridge', 'a test', () => undefined)
          assert.ok(handle.ok)
          const room = `${call.resourceId}.${call.callId}`
          const asked = await handle.value.ask({ request: 'exists', room })
          await session.close()
          return asked.ok && asked.value.data['exists'] === true ? [one] : []
        }),
      )
      return found.flat()
    }

    test('have each call at one of them, the same for all nodes', async () => {
      const [first, second] = januses
      const nodes = [await newJanusEngine(first, second), await newJanusEngine(second, first)]
      const places = new Set<JanusProcess | undefined>()
      for (let count = 0; count < 12; count++) {
        const call = newCall()
        for (const node of nodes) {
          assert.equal((await node.open({ ...call, media: 'audio' })).ok, true)
        }
        const found = await having(call)
        assert.equal(found.length, 1)
        places.add(found[0])
      }
      assert.equal(places.size, 2)
    })

    test('take over the calls of one that dies, at the same one for all nodes', async () => {
      const nodes = [await newJanusEngine(...januses), await newJanusEngine(...januses)]
      const call = newCall()
      const legs = [newLeg(call), newLeg(call)] as const
      const come = (node: MediaEngine, leg: (typeof legs)[number]) =>
        node.open({ ...call, media: 'audio' }).then(() => node.admit(leg, permissions))
      const enter = () =>
        Promise.all(nodes.map((node, place) => come(node, legs[place] ?? legs[0])))
      const before = await enter()
      const [home] = await having(call)
      const failures = nodes.map((node) => next(node, 'failed'))
      await home?.kill()
      assert.deepEqual(await Promise.all(failures), [
        { kind: 'failed', call },
        { kind: 'failed', call },
      ])
      const after = await enter()
      assert.ok(after.every((way) => way.ok))
      assert.notDeepEqual(after, before)
      const [refuge, ...others] = await having(call)
      assert.ok(refuge !== undefined && refuge !== home && others.length === 0)
      await home?.start()
    })
  })

  test('says that no Janus is reached, rather than wait for one for long', async () => {
    const ownJanus = await startJanus()
    const engine = await newJanusEngine(ownJanus)
    await ownJanus.kill()
    const opened = await engine.open({ ...newCall(), media: 'audio' })
    assert.equal(!opened.ok && opened.fault.kind, 'unreachable')
    const leg = newLeg(newCall())
    await engine.remove(leg)
    await engine.close(leg)
    assert.deepEqual(await engine.reconcile(), [])
  })
})
