import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connectDatabase, type Database, type DatabaseAddress } from '../database/connect.ts'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate, readMigrations } from '../database/migrate.ts'
import { appendChanges, listEventsAfter } from './store.ts'

const nowMs = Date.parse('2026-03-01T10:30:00Z')
const resourceId = '0199a6b2-7c00-7000-8000-000000000001'
const forgetAt = new Date('2026-03-02T10:36:00Z')

/** What a server of the version before takes for a notice, written as it is there. */
const formerPattern =
  /^(\d+):(\d+)(?::([a-z-]+):([0-9a-f-]{36}):(\d+):((?:[0-9a-z-]+=\d+,)*[0-9a-z-]+=\d+))?$/

describe('a log that servers of the version before follow too', () => {
  let temporary: TemporaryPostgres
  let db: Database
  let heard: string[] = []
  let listening: Database
  before(async () => {
    temporary = await startTemporaryPostgres()
    const address: DatabaseAddress = {
      kind: 'embedded',
      connection: temporary.postgres.connection,
    }
    const connected = await connectDatabase({ address })
    assert.ok(connected.ok)
    db = connected.value
    const migrations = await readMigrations()
    const former = migrations.filter(({ version }) => version <= 3)
    assert.ok((await migrate(db, nowMs, former)).ok)
    await insertAsBefore(1)
    assert.ok((await migrate(db, nowMs)).ok)
    const onNotify = (_channel: string, text: string) => void heard.push(text)
    const second = await connectDatabase({ address, connectionsMax: 1, onNotify })
    assert.ok(second.ok)
    listening = second.value
    await listening.unsafe('listen parley_event')
  })
  after(async () => {
    await listening.end()
    await db.end()
    await temporary.close()
  })

  /** The statement of a server that knows no more than the third file. */
  async function insertAsBefore(count: number): Promise<void> {
    await db`
      with numbered as (
        update event_sequence
        set last_seq = last_seq + ${count}
        returning last_seq - ${count} as seq_before
      )
      insert into revocation_event (resource_id, seq, kind, subject, generation, forget_at)
      select ${resourceId}, seq_before + place, 'identity', ${resourceId}, place + 1, ${forgetAt}
      from numbered
      cross join generate_series(1, ${count}::int) as place`
  }

  /** What a statement tells; the connection that listens answers after it has heard. */
  async function noticesOf(act: () => Promise<unknown>): Promise<readonly string[]> {
    heard = []
    await act()
    await listening`select`
    return heard
  }

  test('tells each commit in the words that they read', async () => {
    const changed = { kind: 'resource-changed', resourceIds: [resourceId], atMs: nowMs } as const
    const notices = await noticesOf(() => appendChanges(db, changed))
    const known = notices.filter((text) => formerPattern.test(text))
    const forgetAtMs = forgetAt.getTime()
    assert.deepEqual(known, [`1:2:resource-changed:${resourceId}:${forgetAtMs}:${resourceId}=0`])
  })

  test('tells others only numbers when the events do not fit, as before', async () => {
    assert.deepEqual(await noticesOf(() => insertAsBefore(500)), ['2:502'])
  })

  test('notes for them when they have appended an event', async () => {
    const notices = await noticesOf(() => insertAsBefore(1))
    assert.match(notices[0] ?? '', /^appended:503:\d{16}$/)
    const { events } = await listEventsAfter(db, 502, 10)
    const [event] = events
    assert.ok(event?.appendedAtMs !== undefined)
    assert.equal(notices[0], `appended:503:${Math.round(event.appendedAtMs * 1000)}`)
  })

  test('holds nothing against an event of before the change', async () => {
    const { events } = await listEventsAfter(db, 0, 1)
    assert.equal(events[0]?.seq, 1)
    assert.equal(events[0]?.appendedAtMs, undefined)
  })
})
