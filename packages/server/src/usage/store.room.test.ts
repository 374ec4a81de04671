import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Database } from '../database/connect.ts'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate } from '../database/migrate.ts'
import { countingPurged, countingUsage, countPurged, countUsage } from './store.ts'

const nowMs = Date.parse('2026-03-01T10:30:00Z')
const meter = 'chat-messages-sent'

let temporary: TemporaryPostgres
let sql: Database
before(async () => {
  temporary = await startTemporaryPostgres()
  sql = temporary.database
  assert.ok((await migrate(sql, nowMs)).ok)
})
after(() => temporary.close())

describe('counting', () => {
  test('in the statement that stores or deletes counts its rows by resource and hour', async () => {
    const [one, two] = ['a', 'b'].map((letter) => `${letter.repeat(8)}-0000-4000-8000-000000000000`)
    await sql`create table thing (resource_id uuid, created_at timestamptz)`
    const instants = [nowMs, nowMs + 1, nowMs + 3_600_000].map((at) => new Date(at))
    const stored = await sql`
      with sent as (
        insert into thing
        select resource_id::uuid, created_at
        from unnest(${[one, two] as string[]}::text[]) as resource_id,
          unnest(${sql.types.timestamptzArray(instants)}) as created_at
        returning resource_id, created_at
      ),
      counted as (${countingUsage(sql, { rows: 'sent', meter })})
      select created_at from sent`
    assert.equal(stored.length, 6)
    await sql`
      with gone as (delete from thing where created_at = ${new Date(nowMs)}
        returning resource_id, created_at)
      ${countingPurged(sql, { rows: 'gone', meter })}`
    await countUsage(sql, [{ resourceId: one ?? '', meter, atMs: nowMs, quantity: 4 }])
    await countPurged(sql, [{ resourceId: one ?? '', meter, atMs: nowMs, quantity: 3 }])
  })
})
