import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { insertSampleCalls } from '../calls/sample-rows.ts'
import type { Database } from '../database/connect.ts'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate } from '../database/migrate.ts'
import { findLiveNames, insertAskedUser, insertLegUser } from './store.ts'
import {
  deleteUsers,
  withdrawAfter,
  withdrawDue,
  withdrawOfDeniedTokens,
  withdrawOfLegs,
} from './withdrawal-store.ts'

const nowMs = Date.now()
const now = new Date(nowMs)
const hourMs = 3_600_000
const due = { nowMs, leftMs: 10_000, newMs: 60_000, usersMax: 100 }
const id = (place: number) => `00000000-0000-0000-0000-${String(place).padStart(12, '0')}`
const [subscriptionId, resourceId, identityId] = [id(1), id(2), id(3)]

describe('relay users that are over', () => {
  let temporary: TemporaryPostgres
  let sql: Database
  let count = 0
  before(async () => {
    temporary = await startTemporaryPostgres()
    sql = temporary.database
    const migrated = await migrate(sql, nowMs)
    assert.ok(migrated.ok, JSON.stringify(migrated))
    await sql`insert into subscription values (${subscriptionId}, ${now})`
    await sql`
      insert into resource (
        resource_id, subscription_id, resource_group, name, data_location, created_at)
      values (${resourceId}, ${subscriptionId}, 'group', 'name', 'here', ${now})`
    await sql`
      insert into identity (resource_id, identity_id, created_at)
      values (${resourceId}, ${identityId}, ${now})`
    await insertSampleCalls(sql, resourceId, now)
  })
  after(() => temporary.close())

  function newName(): string {
    count += 1
    return `user-${String(count).padStart(20, '0')}`
  }

  async function insertAsked(rest: { expiresAtMs?: number; tokenId?: string } = {}) {
    const userName = newName()
    const stored = await insertAskedUser(sql, {
      ...{ resourceId, userName, realm: 'here', hmacKey: 'f'.repeat(32), identityId },
      ...{ identityGeneration: undefined, accessKey: undefined, scopePlaces: undefined },
      ...{ tokenId: undefined, createdAtMs: nowMs - hourMs, expiresAtMs: nowMs + hourMs },
      ...rest,
    })
    assert.equal(stored, 'stored')
    return userName
  }

  /** The leg of the sample has the id of its identity. */
  async function insertOfLeg(legId = identityId, createdAtMs = nowMs - hourMs) {
    const userName = newName()
    const hmacKey = 'f'.repeat(32)
    const leg = { resourceId, callId: identityId, legId, identityId, isForced: true, createdAtMs }
    await insertLegUser(sql, { ...leg, userName, realm: 'here', hmacKey })
    return userName
  }

  async function forgetAll(): Promise<void> {
    await sql`delete from relay_user`
  }

  const namesOf = (users: readonly { readonly userName: string }[]) =>
    users.map(({ userName }) => userName).sort()

  test('are those that have expired, and not the others', async () => {
    await forgetAll()
    await insertAsked()
    const [over, justNow] = [
      await insertAsked({ expiresAtMs: nowMs - 1 }),
      await insertAsked({ expiresAtMs: nowMs }),
    ]
    assert.deepEqual(namesOf(await withdrawDue(sql, due)), [over, justNow])
    assert.deepEqual(await withdrawDue(sql, due), [])
  })

  test('are those of legs that have ended or are not there, but for the newest', async () => {
    await forgetAll()
    await insertOfLeg()
    await insertOfLeg(id(9), nowMs - 1000)
    const gone = await insertOfLeg(id(9))
    assert.deepEqual(await withdrawDue(sql, due), [{ resourceId, userName: gone, isForced: true }])
  })

  test('are taken by one node each, and by another one where that does not end them', async () => {
    await forgetAll()
    for (let place = 0; place < 20; place++) await insertAsked({ expiresAtMs: nowMs - 1 })
    const taken = (await Promise.all([1, 2, 3].map(() => withdrawDue(sql, due)))).flat()
    assert.equal(new Set(namesOf(taken)).size, 20)
    assert.equal(taken.length, 20)
    const later = { ...due, nowMs: nowMs + due.leftMs }
    assert.equal((await withdrawDue(sql, { ...later, nowMs: later.nowMs - 1 })).length, 0)
    const again = await withdrawDue(sql, later)
    assert.equal(again.length, 20)
    await deleteUsers(sql, again)
    assert.deepEqual([...(await sql`select from relay_user`)], [])
  })

  test('are not found by coturn from the commit on that ends their leg', async () => {
    await forgetAll()
    const userNames = [await insertOfLeg(), await insertAsked()]
    const live = async () => [...(await findLiveNames(sql, { realm: 'here', userNames }))].sort()
    assert.deepEqual(await live(), userNames)
    await sql`
      update call_leg
      set ended_at = ${now}, end_reason = 'left'
      where resource_id = ${resourceId}`
    assert.deepEqual(await live(), userNames.slice(1))
    await sql`update call_leg set ended_at = null, end_reason = null`
    await sql`update relay_user set withdrawn_at = ${now}`
    assert.deepEqual(await live(), [])
  })

  test('are those of a leg that is let go, once', async () => {
    await forgetAll()
    const [own] = [await insertOfLeg(), await insertOfLeg(id(8)), await insertAsked()]
    const legIds = [identityId]
    const taken = await withdrawOfLegs(sql, resourceId, { legIds, nowMs })
    assert.deepEqual(namesOf(taken), [own])
    assert.deepEqual(await withdrawOfLegs(sql, resourceId, { legIds, nowMs }), [])
  })

  test('are those of denied tokens, heard of or found later, and of no other token', async () => {
    await forgetAll()
    const tokenIds = [id(21), id(22), id(23)] as const
    const users: string[] = []
    for (const tokenId of tokenIds) users.push(await insertAsked({ tokenId }))
    const event = { kind: 'token', resourceId, generation: 2, seq: 1, forgetAtMs: nowMs } as const
    const events = [{ ...event, subject: tokenIds[0] }]
    assert.deepEqual(namesOf(await withdrawAfter(sql, resourceId, { events, nowMs })), [users[0]])
    await sql`
      insert into revocation_event (resource_id, seq, kind, subject, generation, forget_at)
      values (${resourceId}, 7, 'token', ${tokenIds[1]}, 2, ${new Date(nowMs + hourMs)})`
    assert.deepEqual(namesOf(await withdrawOfDeniedTokens(sql, nowMs)), [users[1]])
  })

  test('are none after an event about somebody who is still welcome', async () => {
    await forgetAll()
    await insertAsked()
    const event = { resourceId, generation: 1, seq: 1, forgetAtMs: nowMs } as const
    const events = [
      { ...event, kind: 'identity', subject: identityId },
      { ...event, kind: 'resource', subject: resourceId },
    ] as const
    assert.deepEqual(await withdrawAfter(sql, resourceId, { events, nowMs }), [])
    await sql`update identity set generation = 2 where resource_id = ${resourceId}`
    const taken = await withdrawAfter(sql, resourceId, { events: events.slice(0, 1), nowMs })
    assert.equal(taken.length, 1)
  })
})
