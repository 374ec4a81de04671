import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Database } from './connect.ts'
import { startTemporaryPostgres, type TemporaryPostgres } from './embedded/temporary-postgres.ts'
import { migrate } from './migrate.ts'
import { dropExpiredTokenPartitions, ensureTokenPartitions, partitionMs } from './partitions.ts'

const nowMs = Date.parse('2026-03-01T00:00:00Z')
const hourMs = 3_600_000
const resourceId = '00000000-0000-0000-0000-00000000000a'
const [ann, bob] = [
  '00000000-0000-0000-0000-0000000000a1',
  '00000000-0000-0000-0000-0000000000b0',
] as const

describe('the partitions of the token ledger', () => {
  let temporary: TemporaryPostgres
  let sql: Database
  before(async () => {
    temporary = await startTemporaryPostgres()
    sql = temporary.database
    assert.ok((await migrate(sql, nowMs)).ok)
    const at = new Date(nowMs)
    await sql`insert into subscription values (${resourceId}, ${at})`
    await sql`insert into resource values (${resourceId}, ${resourceId}, 'g', 'n', 'l', ${at})`
    await sql`
      insert into identity (resource_id, identity_id, created_at)
      values (${resourceId}, ${ann}, ${at}), (${resourceId}, ${bob}, ${at})`
  })
  after(() => temporary.close())

  async function insertToken(identity: string, issuedAtMs: number, expiresAtMs: number) {
    await sql`
      insert into access_token (resource_id, identity_id, jti, scopes, issued_at, expires_at)
      values (${resourceId}, ${identity}, gen_random_uuid(), 1,
        ${new Date(issuedAtMs)}, ${new Date(expiresAtMs)})`
  }

  async function lastIssued() {
    const rows = await sql<{ at: Date | null }[]>`
      select last_token_issued_at as at
      from identity
      where resource_id = ${resourceId}
      order by identity_id`
    return rows.map(({ at }) => (at === null ? null : (at.getTime() - nowMs) / hourMs))
  }

  test('are created once, and take tokens until two days ahead', async () => {
    const first = await ensureTokenPartitions(sql, nowMs)
    assert.equal(first.done.length, 8)
    assert.equal(first.done[0], 'access_token_20260301_00')
    assert.deepEqual(first.postponed, [])
    assert.deepEqual(await ensureTokenPartitions(sql, nowMs), { done: [], postponed: [] })
    await insertToken(ann, nowMs, nowMs + 48 * hourMs - 1)
    await assert.rejects(insertToken(ann, nowMs, nowMs + 48 * hourMs), { code: '23514' })
    assert.deepEqual((await ensureTokenPartitions(sql, nowMs + 1)).done, [
      'access_token_20260303_00',
    ])
  })

  test('are created by several nodes at once without harm', async () => {
    const rounds = await Promise.all(
      [1, 2, 3].map(() => ensureTokenPartitions(sql, nowMs + partitionMs)),
    )
    assert.deepEqual(
      rounds.flatMap(({ postponed }) => postponed),
      [],
    )
    await insertToken(bob, nowMs, nowMs + 54 * hourMs - 1)
    await sql`delete from access_token where resource_id = ${resourceId}`
  })

  test('leave the last issue of each identity behind when they are dropped', async () => {
    await insertToken(ann, nowMs, nowMs + hourMs)
    await insertToken(ann, nowMs + 2 * hourMs, nowMs + 3 * hourMs)
    await insertToken(ann, nowMs + 4 * hourMs, nowMs + 28 * hourMs)
    assert.deepEqual(await dropExpiredTokenPartitions(sql, nowMs + partitionMs - 1), {
      done: [],
      postponed: [],
    })
    assert.deepEqual(await lastIssued(), [null, null])
    assert.deepEqual(await dropExpiredTokenPartitions(sql, nowMs + partitionMs), {
      done: ['access_token_20260301_00'],
      postponed: [],
    })
    assert.deepEqual(await lastIssued(), [2, null])
    const [left] = await sql`
      select count(*) as count
      from access_token
      where resource_id = ${resourceId}`
    assert.deepEqual(left, { count: 1 })
  })

  test('never set a last issue back', async () => {
    const late = nowMs + 5 * partitionMs
    await insertToken(bob, nowMs + hourMs, nowMs + 7 * hourMs)
    await sql`
      update identity
      set last_token_issued_at = ${new Date(nowMs + 9 * hourMs)}
      where resource_id = ${resourceId} and identity_id = ${bob}`
    const { done } = await dropExpiredTokenPartitions(sql, late)
    assert.equal(done.length, 4)
    assert.deepEqual(await lastIssued(), [4, 9])
  })

  test('are left for later while a transaction is in the way, which goes on', async () => {
    const late = nowMs + 6 * partitionMs
    await sql.begin(async (busy) => {
      await busy`
        insert into access_token (resource_id, identity_id, jti, scopes, issued_at, expires_at)
        values (${resourceId}, ${bob}, gen_random_uuid(), 1,
          ${new Date(late)}, ${new Date(late + hourMs)})`
      assert.deepEqual(await dropExpiredTokenPartitions(sql, late), {
        done: [],
        postponed: ['access_token_20260302_06'],
      })
    })
    assert.deepEqual((await dropExpiredTokenPartitions(sql, late)).postponed, [])
  })
})
