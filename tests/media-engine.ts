/** What an engine must do to carry the media of calls: one suite for all of them. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import type { EngineLeg, MediaEngine } from '@parley/server/calls/media-engine'

const permissions = { canSend: true, canReceive: true }

type Create = () => Promise<MediaEngine>

/** Describes an engine; `create` makes one that nobody else uses. */
export function describeMediaEngine(name: MediaEngine['name'], create: Create): void {
  describe(`the engine ${name}`, () => {
    comingsAndGoings(name, create)
    limitsAndEnds(create)
    changes(create)
  })
}

async function openedBy(create: Create) {
  const engine = await create()
  const call = { resourceId: randomUUID(), callId: randomUUID() }
  const leg = () => ({
    ...{ ...call, legId: randomUUID(), deviceId: randomUUID() },
    identity: `8:acs:${call.resourceId}_${randomUUID()}`,
  })
  assert.equal((await engine.open({ ...call, media: 'audio' })).ok, true)
  return { engine, call, leg }
}

/** The legs that an engine has of a call. */
async function carried(engine: MediaEngine, { callId }: { readonly callId: string }) {
  return (await engine.reconcile()).filter((leg) => leg.callId === callId).map(({ legId }) => legId)
}

function comingsAndGoings(name: MediaEngine['name'], create: Create): void {
  const opened = () => openedBy(create)
  test('has its name, and room for two at least', async () => {
    const { engine } = await opened()
    assert.equal(engine.name, name)
    assert.ok(engine.legsMax('audio') >= engine.legsMax('video'))
    assert.ok(engine.legsMax('video') >= 2)
  })

  test('lets a leg in once, however often it is told to', async () => {
    const { engine, call, leg } = await opened()
    const one = leg()
    const ways = [await engine.admit(one, permissions), await engine.admit(one, permissions)]
    assert.deepEqual(
      ways.map((way) => way.ok && way.value.mode),
      [ways[0]?.ok && ways[0].value.mode, ways[0]?.ok && ways[0].value.mode],
    )
    assert.equal(ways[0]?.ok, true)
    assert.deepEqual(await carried(engine, call), [one.legId])
  })

  test('keeps its legs when its call is opened again', async () => {
    const { engine, call, leg } = await opened()
    const one = leg()
    await engine.admit(one, permissions)
    assert.equal((await engine.open({ ...call, media: 'audio' })).ok, true)
    assert.deepEqual(await carried(engine, call), [one.legId])
  })
}

function limitsAndEnds(create: Create): void {
  const opened = () => openedBy(create)
  test('lets nobody into a call that is not open, or has no room', async () => {
    const { engine, call, leg } = await opened()
    const refused = await engine.admit({ ...leg(), callId: randomUUID() }, permissions)
    assert.equal(!refused.ok && refused.fault.kind, 'refused')
    for (let place = 0; place < engine.legsMax('audio'); place++) {
      assert.equal((await engine.admit(leg(), permissions)).ok, true)
    }
    assert.equal((await engine.admit(leg(), permissions)).ok, false)
    await engine.close(call)
  })

  test('has no leg any more that was removed, and takes removing it again', async () => {
    const { engine, call, leg } = await opened()
    const [one, other] = [leg(), leg()]
    for (const each of [one, other]) await engine.admit(each, permissions)
    for (const _ of ['once', 'again']) await engine.remove(one)
    assert.deepEqual(await carried(engine, call), [other.legId])
    const unknown: EngineLeg = leg()
    await engine.remove(unknown)
  })
}

function changes(create: Create): void {
  const opened = () => openedBy(create)
  test('holds nothing of a leg that another node has, and takes it back', async () => {
    const { engine, call, leg } = await opened()
    const one = leg()
    await engine.admit(one, permissions)
    for (const _ of ['once', 'again']) await engine.release(one)
    assert.deepEqual(await carried(engine, call), [])
    assert.equal((await engine.open({ ...call, media: 'audio' })).ok, true)
    assert.equal((await engine.admit(one, permissions)).ok, true)
    assert.deepEqual(await carried(engine, call), [one.legId])
  })

  test('changes what a leg may do, and refuses that of one that it has not', async () => {
    const { engine, leg } = await opened()
    const one = leg()
    await engine.admit(one, permissions)
    const silent = { canSend: false, canReceive: true }
    assert.equal((await engine.setPermissions(one, silent)).ok, true)
    await engine.remove(one)
    assert.equal((await engine.setPermissions(one, silent)).ok, false)
  })

  test('has nothing left of a call that was closed, and takes closing it again', async () => {
    const { engine, call, leg } = await opened()
    await engine.admit(leg(), permissions)
    for (const _ of ['once', 'again']) await engine.close(call)
    assert.deepEqual(await carried(engine, call), [])
    assert.equal((await engine.admit(leg(), permissions)).ok, false)
  })

  test('says what it cannot do, rather than do nothing', async () => {
    const { engine, leg } = await opened()
    const one = leg()
    const way = await engine.admit(one, permissions)
    if (!way.ok || way.value.mode === 'sdp') return
    const signalled = await engine.signal(one, { candidate: null })
    assert.equal(!signalled.ok && signalled.fault.kind, 'unable')
  })
}
