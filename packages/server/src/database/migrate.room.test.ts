import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connectDatabase, type Database } from './connect.ts'
import { startTemporaryPostgres, type TemporaryPostgres } from './embedded/temporary-postgres.ts'
import { type Migration, migrate, readMigrations } from './migrate.ts'

const nowMs = Date.parse('2026-03-01T10:30:00Z')

describe('migrating a database', () => {
  let temporary: TemporaryPostgres
  before(async () => {
    temporary = await startTemporaryPostgres()
  })
  after(() => temporary.close())

  /** Runs `act` on an empty database beside the others of the same server. */
  async function withEmptyDatabase(act: (database: Database) => Promise<void>) {
    const name = `empty_${counter++}`
    await temporary.database.unsafe(`create database ${name}`)
    const connection = { ...temporary.postgres.connection, database: name }
    const connected = await connectDatabase({ address: { kind: 'embedded', connection } })
    assert.ok(connected.ok)
    await act(connected.value)
    await connected.value.end()
  }
  let counter = 0

  function fileOf(version: number, text: string): Migration {
    return { version, name: `step-${version}`, text, checksum: text }
  }

  test('applies every file once, and finds nothing to do the second time', async () => {
    await withEmptyDatabase(async (database) => {
      const migrations = await readMigrations()
      const versions = migrations.map(({ version }) => version)
      assert.deepEqual(await migrate(database, nowMs), { ok: true, value: versions })
      assert.deepEqual(await migrate(database, nowMs), { ok: true, value: [] })
      const rows = await database`
        select version, name, checksum, applied_at
        from schema_migration
        order by version`
      assert.deepEqual(
        [...rows],
        migrations.map(({ version, name, checksum }) => ({
          version,
          name,
          checksum,
          applied_at: new Date(nowMs),
        })),
      )
    })
  })

  test('is done once by nodes that start together', async () => {
    await withEmptyDatabase(async (database) => {
      const outcomes = await Promise.all([1, 2, 3, 4].map(() => migrate(database, nowMs)))
      assert.ok(outcomes.every(({ ok }) => ok))
      const applied = outcomes.flatMap((outcome) => (outcome.ok ? outcome.value : []))
      const migrations = await readMigrations()
      // Each of them may have done another one.
      assert.deepEqual(
        applied.toSorted((one, other) => one - other),
        migrations.map(({ version }) => version),
      )
    })
  })

  test('refuses a database whose applied file was edited, and changes nothing', async () => {
    await withEmptyDatabase(async (database) => {
      const original = fileOf(1, 'create table a ()')
      assert.ok((await migrate(database, nowMs, [original])).ok)
      const edited = fileOf(1, 'create table a (b int)')
      const outcome = await migrate(database, nowMs, [edited, fileOf(2, 'x')])
      assert.ok(!outcome.ok)
      assert.equal(outcome.fault.kind, 'migration-changed')
      assert.match(outcome.fault.message, /0001-step-1\.sql/)
    })
  })

  test('keeps nothing of a file that fails in its middle, and all of those before', async () => {
    await withEmptyDatabase(async (database) => {
      const first = fileOf(1, 'create table a (); create table b ()')
      const second = fileOf(2, 'create table c (); create table a ()')
      const migrations = [first, second]
      const outcome = await migrate(database, nowMs, migrations)
      assert.ok(!outcome.ok)
      assert.equal(outcome.fault.kind, 'migration-failed')
      assert.match(outcome.fault.message, /0002-step-2\.sql.*already exists.*42P07/)
      const rows = await database`
        select to_regclass('b') is not null as b, to_regclass('c') is not null as c`
      assert.deepEqual([...rows], [{ b: true, c: false }])
      const repaired = [first, fileOf(2, 'create table c ()')]
      const again = await migrate(database, nowMs, repaired)
      assert.deepEqual(again, { ok: true, value: [2] })
    })
  })

  test('accepts a database one file ahead and refuses one two files ahead', async () => {
    await withEmptyDatabase(async (database) => {
      const migrations = [1, 2, 3].map((version) => fileOf(version, `create table t${version} ()`))
      assert.ok((await migrate(database, nowMs, migrations)).ok)
      const before = await migrate(database, nowMs, migrations.slice(0, 2))
      assert.deepEqual(before, { ok: true, value: [] })
      const older = await migrate(database, nowMs, migrations.slice(0, 1))
      assert.ok(!older.ok)
      assert.equal(older.fault.kind, 'database-too-new')
    })
  })
})
