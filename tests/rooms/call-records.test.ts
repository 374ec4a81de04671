/** What is kept of calls and charged for them, and what a crash or a deletion leaves of it. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { countLiveLegs, deleteNamelessLegs } from '@parley/server/calls/sweep-store'
import { countSpans } from '@parley/server/calls/usage'
import { serverLimits } from '@parley/server/contract/limits'
import { differencesOf } from '@parley/server/usage/comparison'
import { usageSources } from '@parley/server/usage-sources'
import { closeCallSockets, eventually, newCaller, start, talk } from '../call-sockets.ts'
import { deleteIdentity } from '../calls.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'

const oneHourMs = 3_600_000

describe('the time of participants', () => {
  let world: World
  before(async () => {
    world = await startWorld(newDataDir())
  })
  after(async () => {
    closeCallSockets()
    await world.stop()
  })

  async function talking(tenant: Tenant) {
    const [ann, bob] = [await newCaller(world, tenant), await newCaller(world, tenant)]
    const [caller, callee] = [await ann.connect(), await bob.connect()]
    const { callId, legs } = await talk(caller, callee, bob.id)
    return { ann, bob, caller, callee, callId, legs }
  }

  interface LegRow {
    readonly connected_at: Date
    readonly counted_seconds: number
    readonly ended_at: Date | null
    readonly end_reason: string | null
  }

  async function legOf(legId: string): Promise<LegRow> {
    const [row] = await world.db<LegRow[]>`
      select connected_at, counted_seconds, ended_at, end_reason
      from call_leg where leg_id = ${legId}`
    assert.ok(row)
    return row
  }

  interface UsageHour {
    readonly hour: string
    readonly quantity: number
  }

  async function hoursOf(tenant: Tenant): Promise<readonly UsageHour[]> {
    const path = '/usage?meter=call-participant-seconds'
    const { body } = await tenant.call({ method: 'GET', path })
    return body.value as unknown as readonly UsageHour[]
  }

  async function quantities(tenant: Tenant): Promise<readonly number[]> {
    return (await hoursOf(tenant)).map(({ quantity }) => quantity)
  }

  /** What a recount finds that was not counted so. */
  const differences = ({ resourceId }: Tenant) => differencesOf(world.db, resourceId, usageSources)

  test('is counted every 50 s, so that a crash loses 60 s at most', async () => {
    const tenant = await world.createTenant()
    const { legs } = await talking(tenant)
    const connectedAtMs = (await legOf(legs[1])).connected_at.getTime()
    await countLiveLegs(world.db, connectedAtMs + 49_999)
    assert.deepEqual(await quantities(tenant), [])
    await countLiveLegs(world.db, connectedAtMs + 50_000)
    const sum = (await quantities(tenant)).reduce((one, other) => one + other, 0)
    assert.equal(sum, 100)
    await countLiveLegs(world.db, connectedAtMs + 60_000)
    assert.equal((await legOf(legs[1])).counted_seconds, 50)
    assert.deepEqual(await differences(tenant), [])
    const { callCheckpointMs, callReconcileMs } = serverLimits
    assert.ok(callCheckpointMs + callReconcileMs <= 60_000)
  })

  test('is charged in the hours in which it was spent', async () => {
    const tenant = await world.createTenant()
    const hourMs = Date.parse('2026-03-01T11:00:00Z')
    const span = { isPhone: false, connectedAtMs: hourMs - 9500, fromSeconds: 0, toSeconds: 3620 }
    await countSpans(world.db, tenant.resourceId, [span])
    assert.deepEqual(await quantities(tenant), [10, 3600, 10])
    const rest = { ...span, fromSeconds: 3620, toSeconds: 3621 }
    await countSpans(world.db, tenant.resourceId, [rest, { ...rest, toSeconds: 3620 }])
    assert.deepEqual(await quantities(tenant), [10, 3600, 11])
  })

  test('can be counted again from what is stored, whoever left or was deleted', async (context) => {
    const tenant = await world.createTenant()
    const boundaryMs = (Math.floor(world.now() / oneHourMs) + 1) * oneHourMs
    world.stopClock(context, boundaryMs - 30_500)
    const { ann, bob, caller, callId } = await talking(tenant)
    world.stopClock(context, boundaryMs + 25_000)
    await countLiveLegs(world.db, world.now())
    assert.deepEqual(await quantities(tenant), [62, 48])
    assert.deepEqual(await differences(tenant), [])
    world.stopClock(context, boundaryMs + 30_000)
    await caller.ask({ type: 'call.leave', callId })
    assert.deepEqual(await quantities(tenant), [62, 58])
    assert.deepEqual(await differences(tenant), [])
    for (const { id } of [ann, bob]) {
      assert.equal((await deleteIdentity(tenant, id)).status, 204)
      await deleteNamelessLegs(world.db)
      assert.deepEqual(await differences(tenant), [])
    }
    assert.deepEqual(await quantities(tenant), [62, 58])
    const kept = await world.db`select from call where call_id = ${callId}`
    assert.equal(kept.count, 0)
  })

  test('ends, where a node dies, with the last word of that node', async () => {
    const tenant = await world.createTenant()
    const { callee, legs } = await talking(tenant)
    // What is left of a node that was killed: a device that nobody speaks for.
    const [device] = await world.db<{ readonly seen_at: Date }[]>`
      update call_device set session_id = ${randomUUID()}, seen_at = now() - interval '9 s'
      where device_id = ${callee.ready.deviceId} returning seen_at`
    await world.db`
      update call_leg set
        connected_at = connected_at - interval '70 s', counted_at = counted_at - interval '70 s'
      where leg_id = any(${legs})`
    await countLiveLegs(world.db, world.now())
    assert.equal((await legOf(legs[1])).counted_seconds, 0)
    assert.ok((await legOf(legs[0])).counted_seconds >= 70)
    const row = await eventually(
      () => legOf(legs[1]),
      ({ ended_at }) => ended_at !== null,
    )
    assert.deepEqual([row.end_reason, row.ended_at], ['lost', device?.seen_at])
    const spentMs = (row.ended_at?.getTime() ?? 0) - row.connected_at.getTime()
    assert.equal(row.counted_seconds, Math.floor(spentMs / 1000))
    assert.deepEqual(await differences(tenant), [])
  })

  test('names the phones of a call until its last identity is deleted', async () => {
    const tenant = await world.createTenant()
    const { ann, bob, caller, callee, callId } = await talking(tenant)
    await world.db`
      insert into call_leg (
        resource_id, call_id, leg_id, phone, device_id, seen_at, direction, role, joined_at)
      values (${tenant.resourceId}, ${callId}, ${randomUUID()}, '+15550123', ${randomUUID()},
        now(), 'answered', 'Presenter', now())`
    for (const client of [caller, callee]) await client.ask({ type: 'call.leave', callId })
    const path = `/calls/${callId}`
    const whole = await tenant.call({ method: 'GET', path })
    assert.ok(whole.text.includes('4:+15550123'), whole.text)
    assert.ok(whole.text.includes('"endReason":"left"'))
    assert.equal((await deleteIdentity(tenant, ann.id)).status, 204)
    await deleteNamelessLegs(world.db)
    assert.ok((await tenant.call({ method: 'GET', path })).text.includes('4:+15550123'))
    assert.equal((await deleteIdentity(tenant, bob.id)).status, 204)
    await deleteNamelessLegs(world.db)
    assert.equal((await tenant.call({ method: 'GET', path })).status, 404)
    const rows = await world.db`select from call_leg where phone = '+15550123'`
    assert.equal(rows.count, 0)
  })

  test('is not charged for what only rang', async () => {
    const tenant = await world.createTenant()
    const [ann, bob] = [await newCaller(world, tenant), await newCaller(world, tenant)]
    const caller = await ann.connect()
    const { callId } = await start(caller, [bob.id])
    await caller.ask({ type: 'call.cancel', callId })
    assert.deepEqual(await quantities(tenant), [])
  })
})
