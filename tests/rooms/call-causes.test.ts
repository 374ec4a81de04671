/**
 * Every cause that voids tokens, on two nodes: the socket is closed, the leg ends, the peer at the
 * other node is told, and what rang stops to ring.
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import {
  type Caller,
  closeCallSockets,
  eventually,
  newCaller,
  type ReadyClient,
  start,
  talk,
} from '../call-sockets.ts'
import { claimsOf, deleteIdentity, postRevoke } from '../calls.ts'
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

describe('a cause that voids', () => {
  let outside: TemporaryPostgres
  let worlds: readonly [World, World]
  let place: Place
  let tenant: Tenant
  let secondary: Tenant
  before(async () => {
    outside = await startTemporaryPostgres(60)
    const { username, host, port, database } = outside.postgres.connection
    const settings = {
      PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
      PARLEY_MASTER_KEY: Buffer.alloc(32, 11).toString('base64'),
      PARLEY_ISSUER: 'https://calls.example',
    }
    const first = await startWorld(newDataDir(), settings)
    worlds = [first, await startWorld(newDataDir(), settings)]
  })
  after(async () => {
    closeCallSockets()
    for (const world of worlds) await world.stop()
    await outside.close()
  })
  beforeEach(async () => {
    place = await newPlace(worlds[0])
    tenant = await createResource(worlds[0], place)
    secondary = worlds[0].adoptTenant({ ...tenant, primaryKey: tenant.secondaryKey })
  })

  const post = (path: string, body: object) => tenant.call({ method: 'POST', path, body })

  /** What ends Bob alone, whose token was issued under the primary key. */
  const causesOfOne: readonly [string, number, (bob: Caller) => Promise<unknown>][] = [
    ['revoking an identity', 4401, (bob) => postRevoke(tenant, bob.id)],
    ['deleting an identity', 4401, (bob) => deleteIdentity(tenant, bob.id)],
    [
      'revoking one token',
      4401,
      (bob) => post('/parley/revocations', { targets: [{ jti: claimsOf(bob.token).jti }] }),
    ],
    [
      'stepping down to other scopes',
      4403,
      (bob) => post('/parley/stepDowns', { targets: [{ identity: bob.id, scopes: ['chat'] }] }),
    ],
    [
      'regenerating the key that a token was issued under',
      4401,
      () => regenerateKey(worlds[0], place, { keyType: 'Primary' }),
    ],
  ]

  for (const [cause, code, act] of causesOfOne) {
    test(`such as ${cause}, ends the call of one with another`, async () => {
      const [ann, bob] = [await newCaller(worlds[0], secondary), await newCaller(worlds[0], tenant)]
      const [caller, callee] = [await ann.connect(), await bob.connect(worlds[1].origin)]
      const { legs } = await talk(caller, callee, bob.id)
      await act(bob)
      assert.equal(await callee.closed, code)
      const left = await caller.next('participant.left')
      assert.deepEqual([left.legId, left.reason], [legs[1], 'revoked'])
      assert.equal((await caller.next('call.ended')).reason, 'revoked')
    })

    test(`such as ${cause}, stops what rings the one`, async () => {
      const [ann, bob] = [await newCaller(worlds[0], secondary), await newCaller(worlds[0], tenant)]
      const caller = await ann.connect()
      const devices = [await bob.connect(), await bob.connect(worlds[1].origin)]
      await start(caller, [bob.id])
      for (const device of devices) await device.next('call.incoming')
      await act(bob)
      for (const device of devices) assert.equal(await device.closed, code)
      const isDeleted = cause === 'deleting an identity'
      if (!isDeleted) assert.equal((await caller.next('callee.updated')).state, 'cancelled')
      assert.equal((await caller.next('call.ended')).reason, 'cancelled')
    })

    test(`such as ${cause}, stops what the one made ring`, async () => {
      const [ann, bob] = [await newCaller(worlds[0], secondary), await newCaller(worlds[0], tenant)]
      const devices = [await ann.connect(), await ann.connect(worlds[1].origin)]
      await start(await bob.connect(), [ann.id])
      for (const device of devices) await device.next('call.incoming')
      await act(bob)
      for (const device of devices) {
        assert.equal((await device.next('call.cancelled')).reason, 'revoked')
      }
    })
  }

  const causesOfAll: readonly [string, () => Promise<{ readonly status: number }>][] = [
    [
      'deleting a resource',
      () => control(worlds[0], { method: 'DELETE', path: resourcePath(place) }),
    ],
    [
      'deleting a subscription',
      () => control(worlds[0], { method: 'DELETE', path: subscriptionPath(place.subscriptionId) }),
    ],
    [
      'cancelling a subscription',
      () =>
        control(worlds[0], {
          method: 'POST',
          path: subscriptionPath(place.subscriptionId, '/providers/Microsoft.Subscription/cancel'),
        }),
    ],
  ]

  for (const [cause, act] of causesOfAll) {
    test(`such as ${cause}, ends all calls of it, and those of no other`, async () => {
      const elsewhere = await worlds[0].createTenant()
      const pairs: (readonly [ReadyClient, ReadyClient])[] = []
      for (const of of [tenant, elsewhere]) {
        const [ann, bob] = [await newCaller(worlds[0], of), await newCaller(worlds[0], of)]
        const pair = [await ann.connect(), await bob.connect(worlds[1].origin)] as const
        await talk(...pair, bob.id)
        pairs.push(pair)
      }
      assert.ok((await act()).status < 300)
      for (const client of pairs[0] ?? []) assert.equal(await client.closed, 4401)
      for (const client of pairs[1] ?? []) {
        assert.equal((await client.ask({ type: 'ping' })).type, 'pong')
      }
      const { resourceId } = tenant
      await eventually(
        () => worlds[0].db`
          select from call_leg where resource_id = ${resourceId} and ended_at is null`,
        ({ length }) => length === 0,
      )
    })
  }
})
