/** What the owner of a resource sees of its calls and ends; what clients ask beforehand. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { callingPath, callingSubprotocol } from '@parley/protocol'
import { serverLimits } from '@parley/server/contract/limits'
import { closeCallSockets, join, newCaller, start, talk } from '../call-sockets.ts'
import { send, type Tenant, theWorld } from '../world.ts'

const world = await theWorld()

after(closeCallSockets)

const post = (tenant: Tenant, path: string) => tenant.call({ method: 'POST', path })
const get = (tenant: Tenant, path: string) => tenant.call({ method: 'GET', path })

async function talking(tenant: Tenant) {
  const [ann, bob] = [await newCaller(world, tenant), await newCaller(world, tenant)]
  const [caller, callee] = [await ann.connect(), await bob.connect()]
  return { ann, bob, caller, callee, ...(await talk(caller, callee, bob.id)) }
}

interface Page {
  readonly value: readonly { readonly id: string; readonly endedAt?: string }[]
  readonly nextLink?: string
}

describe('the owner of a resource', () => {
  test('sees a call while it goes on and afterwards: who, when, why it ended', async () => {
    const tenant = await world.createTenant()
    const { ann, bob, caller, callee, callId, legs } = await talking(tenant)
    const shown = () => get(tenant, `/calls/${callId}`).then(({ body }) => body as never as Shown)
    const live = await shown()
    const { participants, called, createdAt, ...call } = live
    const rest = { media: 'audio', engine: 'mesh', isJoinable: false }
    assert.deepEqual(call, { id: callId, ...rest })
    assert.deepEqual(
      participants.map(({ legId, rawId, deviceId, direction }) => [
        ...[legId, rawId, deviceId, direction],
      ]),
      [
        [legs[0], ann.id, caller.ready.deviceId, 'started'],
        [legs[1], bob.id, callee.ready.deviceId, 'answered'],
      ],
    )
    assert.deepEqual(called, [{ rawId: bob.id, state: 'accepted' }])
    await callee.ask({ type: 'call.leave', callId })
    const over = await shown()
    assert.deepEqual(
      [over.endReason, ...over.participants.map(({ endReason }) => endReason)],
      ['left', 'ended', 'left'],
    )
    assert.ok(createdAt <= (over.endedAt ?? ''))
  })

  test('lists calls by pages, and those that go on', async () => {
    const tenant = await world.createTenant()
    const { callId, caller } = await talking(tenant)
    await caller.ask({ type: 'call.leave', callId })
    const client = await (await newCaller(world, tenant)).connect()
    const { callId: liveId } = await start(client, [], { isJoinable: true })
    const { resourceId } = tenant
    await world.db`
      insert into call (resource_id, call_id, media, engine, is_joinable, created_at, ended_at,
        end_reason)
      select ${resourceId}, gen_random_uuid(), 'audio', 'mesh', false,
        date_trunc('second', now() - interval '1 hour'),
        now(), 'left'
      from generate_series(1, ${serverLimits.callsInPage}::integer)`
    const page = async (path: string) => (await get(tenant, path)).body as unknown as Page
    const first = await page('/calls')
    assert.equal(first.value.length, serverLimits.callsInPage)
    const { pathname, search } = new URL(first.nextLink ?? '')
    const second = await page(pathname + search)
    assert.deepEqual(
      second.value.map(({ id }) => id),
      [callId, liveId],
    )
    assert.equal(second.nextLink, undefined)
    const live = await page('/calls?state=live')
    assert.deepEqual(
      live.value.map(({ id }) => id),
      [liveId],
    )
    assert.equal((await get(tenant, '/calls?after=x')).status, 400)
  })

  test('sends somebody out with all devices, and ends calls; both twice over', async () => {
    const tenant = await world.createTenant()
    const { bob, caller, callee, callId } = await talking(tenant)
    const other = await bob.connect()
    await join(other, { type: 'call.join', callId })
    await caller.next('participant.joined')
    const removal = `/calls/${callId}/participants/${bob.id}/:remove`
    assert.equal((await post(tenant, removal)).status, 204)
    await callee.next('participant.joined')
    for (const client of [callee, other]) {
      assert.equal((await client.next('call.ended')).reason, 'removed')
    }
    for (const _ of ['one', 'other']) {
      assert.equal((await caller.next('participant.left')).identity, bob.id)
    }
    assert.equal((await caller.next('call.ended')).reason, 'removed')
    assert.equal((await post(tenant, removal)).status, 204)
    const again = await talking(tenant)
    for (const _ of ['once', 'again']) {
      assert.equal((await post(tenant, `/calls/${again.callId}/:end`)).status, 204)
    }
    for (const client of [again.caller, again.callee]) {
      const { reason, legId } = await client.next('call.ended')
      assert.deepEqual([reason, legId], ['ended', undefined])
    }
  })

  test('knows no call of another resource, and none that never was', async () => {
    const [tenant, other] = [await world.createTenant(), await world.createTenant()]
    const { callId, bob } = await talking(tenant)
    for (const [of, id] of [
      [other, callId],
      [tenant, randomUUID()],
      [tenant, 'x'],
    ] as const) {
      const answers = [
        await get(of, `/calls/${id}`),
        await post(of, `/calls/${id}/:end`),
        await post(of, `/calls/${id}/participants/${bob.id}/:remove`),
      ]
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [404], id)
    }
    assert.deepEqual(((await get(other, '/calls')).body as unknown as Page).value, [])
  })
})

interface Shown {
  readonly id: string
  readonly createdAt: string
  readonly endedAt?: string
  readonly endReason?: string
  readonly participants: readonly {
    readonly legId: string
    readonly rawId?: string
    readonly deviceId: string
    readonly direction: string
    readonly endReason?: string
  }[]
  readonly called: readonly object[]
}

describe('what clients ask before they open a socket', () => {
  async function config(scopes: readonly string[]) {
    const { token } = await newCaller(world, await world.createTenant(), scopes)
    const headers = { authorization: `Bearer ${token}` }
    return send(world.origin, { method: 'GET', path: '/calling/config', headers })
  }

  for (const scope of ['voip', 'voip.join']) {
    test(`is told to ${scope}`, async () => {
      const { status, body } = await config([scope])
      assert.equal(status, 200)
      const { subprotocol, path, pingEveryMs, legsMax } = body as never as Record<string, unknown>
      assert.deepEqual([subprotocol, path], [callingSubprotocol, callingPath])
      assert.equal(pingEveryMs, serverLimits.callPingMs)
      assert.deepEqual(legsMax, { audio: 6, video: 4 })
    })
  }

  test('is told to nobody else', async () => {
    assert.equal((await config(['chat'])).status, 403)
    const bare = await send(world.origin, { method: 'GET', path: '/calling/config' })
    assert.equal(bare.status, 401)
  })
})
