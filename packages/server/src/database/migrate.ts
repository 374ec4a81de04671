import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { fail, ok, type Result } from '@parley/protocol'
import postgres from 'postgres'
import type { Database, Transaction } from './connect.ts'

/**
 * Brings the tables to what this version of the server expects.
 *
 * The changes are numbered SQL files, applied in order, each in a transaction of its own, and never
 * edited afterwards: the database remembers a checksum of each. Nodes that start together take
 * turns behind an advisory lock and find the work done.
 *
 * A new version runs beside the one before it while nodes are replaced, so a release adds one file
 * at most, and what that file does must leave the version before it working. Hence the rule for a
 * server that finds a database newer than itself: one file newer it works with, two it refuses.
 *
 * Rejected: going back (a file that undoes another is never tried before the day it is needed), and
 * one transaction for all files (it would hold its locks for the longest of them).
 */

/** One numbered file. */
export interface Migration {
  /** From 1, without gaps. */
  readonly version: number
  /** What stands between the number and `.sql`. */
  readonly name: string
  readonly text: string
  /** SHA-256 of the text, hexadecimal. */
  readonly checksum: string
}

/** What the database says it has, from the first to the last. */
interface AppliedMigration {
  readonly version: number
  readonly name: string
  readonly checksum: string
}

/** An applied file is not what it was: somebody edited it, or the database is not ours. */
export interface MigrationChanged {
  readonly kind: 'migration-changed'
  readonly message: string
}

/** The database belongs to a version of the server that is more than one ahead. */
export interface DatabaseTooNew {
  readonly kind: 'database-too-new'
  readonly message: string
}

/** A file could not be applied; nothing of it was kept. */
export interface MigrationFailed {
  readonly kind: 'migration-failed'
  readonly message: string
}

/** Why the tables are not as they must be. */
export type MigrationFault = MigrationChanged | DatabaseTooNew | MigrationFailed

/** Where the files are, seen from `dist/database`, which is also where they are from `src`. */
const migrationsFolder = new URL('../../migrations/', import.meta.url)

/** Any number would do, as long as every version of the server takes the same. */
const migrationLock = 7_236_541_001

/** How many files a database may be ahead of the server that opens it. */
const filesAheadMax = 1

/** Reads the numbered files, `0001-name.sql` and so on, in their order. */
export async function readMigrations(
  folder: URL = migrationsFolder,
): Promise<readonly Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort()
  return Promise.all(files.map((file, index) => readMigration(folder, file, index + 1)))
}

async function readMigration(folder: URL, file: string, version: number): Promise<Migration> {
  const [, number, name] = /^(\d{4})-([a-z0-9-]+)\.sql$/.exec(file) ?? []
  assert.ok(name !== undefined && Number(number) === version, `${file} is not number ${version}`)
  // Only the text counts, not how a checkout ends its lines.
  const text = (await readFile(new URL(file, folder), 'utf8')).replaceAll('\r\n', '\n')
  const checksum = createHash('sha256').update(text).digest('hex')
  return { version, name, text, checksum }
}

/**
 * Applies the files that the database lacks.
 *
 * Takes an exclusive advisory lock for as long as one file takes. Safe to call at every start and
 * from many nodes at once.
 *
 * @param nowMs - wall clock, milliseconds since the Unix epoch, for `applied_at`.
 * @param migrations - all files that this server knows; absent means those it came with.
 * @returns the versions that were applied just now, none when there was nothing to do.
 * @faults `migration-changed` - an applied file differs from the one we have.
 * @faults `database-too-new` - the database is two files ahead of this server, or more.
 * @faults `migration-failed` - the database refused a file.
 */
export async function migrate(
  database: Database,
  nowMs: number,
  migrations?: readonly Migration[],
): Promise<Result<readonly number[], MigrationFault>> {
  const known = migrations ?? (await readMigrations())
  const applied: number[] = []
  for (;;) {
    const step = await applyNext(database, known, nowMs)
    if (!step.ok) return step
    if (step.value === undefined) return ok(applied)
    applied.push(step.value)
  }
}

/** Applies the first file that is missing; gives its version, `undefined` when none is. */
async function applyNext(
  database: Database,
  migrations: readonly Migration[],
  nowMs: number,
): Promise<Result<number | undefined, MigrationFault>> {
  let attempted: Migration | undefined
  try {
    return await database.begin(async (sql) => {
      const history = await lockHistory(sql)
      const fault = compareHistory(history, migrations)
      if (fault !== undefined) return fail(fault)
      attempted = migrations[history.length]
      if (attempted === undefined) return ok(undefined)
      const { version, name, text, checksum } = attempted
      // Without parameters the text goes as one message, which may hold many statements.
      await sql.unsafe(text)
      await sql`
        insert into schema_migration (version, name, checksum, applied_at)
        values (${version}, ${name}, ${checksum}, ${new Date(nowMs)})`
      return ok(version)
    })
  } catch (error) {
    if (!(error instanceof postgres.PostgresError)) throw error
    const what = attempted === undefined ? 'schema_migration' : fileNameOf(attempted)
    const message = `The database refused ${what}: ${error.message} (${error.code}).`
    return fail({ kind: 'migration-failed', message })
  }
}

/** Waits for its turn and reads what was applied. The lock goes with the transaction. */
async function lockHistory(sql: Transaction): Promise<readonly AppliedMigration[]> {
  await sql`select pg_advisory_xact_lock(${migrationLock}::bigint)`
  // A change to a large table may take longer than any statement of a request.
  await sql`set local statement_timeout = 0`
  await sql`
    create table if not exists schema_migration (
      version integer primary key,
      name text not null,
      checksum text not null,
      applied_at timestamptz not null
    )`
  return sql<AppliedMigration[]>`
    select version, name, checksum
    from schema_migration
    order by version`
}

/** Decides whether a server that has `migrations` may work with a database that has `history`. */
export function compareHistory(
  history: readonly AppliedMigration[],
  migrations: readonly Migration[],
): MigrationChanged | DatabaseTooNew | undefined {
  for (const [index, ours] of migrations.entries()) {
    const theirs = history[index]
    if (theirs === undefined) break
    if (theirs.version === ours.version && theirs.checksum === ours.checksum) continue
    const was = `${fileNameOf(theirs)} with checksum ${theirs.checksum.slice(0, 8)}`
    const is = `${fileNameOf(ours)} with ${ours.checksum.slice(0, 8)}`
    const message = `The database was made with ${was}; this server has ${is}.`
    return { kind: 'migration-changed', message }
  }
  const filesAhead = history.length - migrations.length
  if (filesAhead <= filesAheadMax) return undefined
  const message = [
    `The database is ${filesAhead} versions ahead of this server`,
    `(${history.length}, this server knows ${migrations.length}). Start a newer Parley.`,
  ].join(' ')
  return { kind: 'database-too-new', message }
}

function fileNameOf({
  version,
  name,
}: {
  readonly version: number
  readonly name: string
}): string {
  return `${String(version).padStart(4, '0')}-${name}.sql`
}
