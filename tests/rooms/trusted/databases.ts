/** The databases an app may have, each real, each new for every `describe`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { kyselySqlite } from '@parley/cli/app-database'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import { type Dialect, type MigrationOptions, mappingMigration } from '@parley/trusted-service'
import { Kysely, MysqlDialect, PostgresDialect, SqliteDialect, sql } from 'kysely'
import { createPool } from 'mysql2'
import sqlite from 'node-sqlite3-wasm'
import pg from 'pg'
import { lacks, mariadb, theMariadb } from './daemons.ts'

/** An app's database, seen by the app. */
export type AppDatabase = Kysely<Record<string, Record<string, unknown>>>

/** One kind of database. */
export interface DatabaseKind {
  readonly dialect: Dialect
  /** Why it is skipped here, if it is. */
  readonly skip: string | false
  /** Opens an empty database, closed after the last test. */
  readonly open: () => Promise<AppDatabase>
}

const closes: (() => Promise<void>)[] = []

after(async () => {
  for (const close of closes.reverse()) await close()
})

let databaseCount = 0

function nextName(): string {
  databaseCount += 1
  return `app_${databaseCount}`
}

/** Every kind of database that the mapping speaks. */
export const databaseKinds: readonly DatabaseKind[] = [
  { dialect: 'sqlite', skip: false, open: openSqlite },
  { dialect: 'postgresql', skip: false, open: openPostgres },
  { dialect: 'mysql', skip: lacks(mariadb), open: openMariadb },
]

/** Runs the generated migration. */
export async function migrate(db: AppDatabase, options: MigrationOptions): Promise<void> {
  for (const statement of mappingMigration(options).up) await sql.raw(statement).execute(db)
}

function opened(db: AppDatabase): AppDatabase {
  closes.push(() => db.destroy())
  return db
}

let startedPostgres: Promise<TemporaryPostgres> | undefined

async function openPostgres(): Promise<AppDatabase> {
  if (startedPostgres === undefined) {
    startedPostgres = startTemporaryPostgres()
    closes.push(async () => (await startedPostgres)?.close())
  }
  const { postgres } = await startedPostgres
  const { host, port, username: user } = postgres.connection
  const database = nextName()
  const first = new pg.Pool({
    host,
    port,
    user,
    database: 'postgres',
    max: 1,
    idleTimeoutMillis: 200,
  })
  await first.query(`create database ${database}`)
  await first.end()
  const pool = new pg.Pool({ host, port, user, database, max: 4, idleTimeoutMillis: 200 })
  return opened(new Kysely({ dialect: new PostgresDialect({ pool }) }))
}

async function openMariadb(): Promise<AppDatabase> {
  const { socket: socketPath } = await theMariadb()
  const database = nextName()
  const first = createPool({ socketPath, user: 'root' })
  await first.promise().query(`create database ${database}`)
  await first.promise().end()
  const pool = createPool({ socketPath, user: 'root', database, connectionLimit: 8 })
  return opened(new Kysely({ dialect: new MysqlDialect({ pool }) }))
}

/** A file, as an app has one: a second connection to it sees the same. */
async function openSqlite(): Promise<AppDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-sqlite-'))
  closes.push(async () => rmSync(folder, { recursive: true, force: true }))
  return openSqliteFile(join(folder, 'app.db'))
}

/** Opens a file of SQLite, once more if it is open already. */
export function openSqliteFile(path: string): AppDatabase {
  const database = kyselySqlite(new sqlite.Database(path))
  return opened(new Kysely({ dialect: new SqliteDialect({ database }) }))
}
