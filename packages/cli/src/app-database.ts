import { fileURLToPath } from 'node:url'
import type { Dialect } from '@parley/trusted-service'
import { Kysely, MysqlDialect, PostgresDialect, type SqliteDatabase, SqliteDialect } from 'kysely'
import type { Database as WasmDatabase } from 'node-sqlite3-wasm'
import { CliFailure } from './faults.ts'

/**
 * The app's own database, by its URL. Drivers are the app's: they are loaded when they are needed,
 * from where the command is installed, and their absence is said by name.
 */
export interface AppDatabase {
  readonly db: Kysely<Record<string, Record<string, unknown>>>
  readonly dialect: Dialect
}

/** How values come to the driver of SQLite. */
type SqliteValues = Parameters<WasmDatabase['all']>[1]

/**
 * Opens `postgresql://...`, `mysql://...` or `sqlite:<path>`.
 *
 * @throws CliFailure of kind `usage` for another URL, or when its driver is not installed.
 */
export async function openAppDatabase(url: string): Promise<AppDatabase> {
  const scheme = /^([a-z]+):/.exec(url)?.[1]
  switch (scheme) {
    case 'postgres':
    case 'postgresql': {
      const { Pool } = await driver('pg', () => import('pg'))
      const pool = new Pool({ connectionString: url, max: 4 })
      return { db: new Kysely({ dialect: new PostgresDialect({ pool }) }), dialect: 'postgresql' }
    }
    case 'mysql':
    case 'mariadb': {
      const { createPool } = await driver('mysql2', () => import('mysql2'))
      const pool = createPool({ uri: url.replace(/^mariadb:/, 'mysql:'), connectionLimit: 4 })
      return { db: new Kysely({ dialect: new MysqlDialect({ pool }) }), dialect: 'mysql' }
    }
    case 'sqlite':
    case 'file': {
      const { default: sqlite } = await driver(
        'node-sqlite3-wasm',
        () => import('node-sqlite3-wasm'),
      )
      const path = scheme === 'file' ? fileURLToPath(url) : url.slice('sqlite:'.length)
      const database = kyselySqlite(openFile(path, sqlite.Database))
      return { db: new Kysely({ dialect: new SqliteDialect({ database }) }), dialect: 'sqlite' }
    }
    default:
      throw new CliFailure({
        kind: 'usage',
        message: 'the database is not one of postgresql://..., mysql://... and sqlite:<path>',
      })
  }
}

function openFile(
  path: string,
  Database: new (path: string, options: { readonly fileMustExist: boolean }) => WasmDatabase,
): WasmDatabase {
  try {
    const database = new Database(path, { fileMustExist: true })
    // The app may be writing at this moment; without this, that ends the command at once.
    database.exec('pragma busy_timeout = 5000')
    return database
  } catch (error) {
    const { message } = error as Error
    throw new CliFailure({ kind: 'usage', message: `${path} cannot be opened: ${message}` })
  }
}

async function driver<Module>(name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new CliFailure({
      kind: 'usage',
      message: `the driver ${name} is not installed`,
      hint: `npm install ${name}`,
    })
  }
}

/** What Kysely expects of a SQLite driver, over one without native code. */
export function kyselySqlite(database: WasmDatabase): SqliteDatabase {
  const all = (text: string, values: readonly unknown[]) =>
    database.all(text, [...values] as SqliteValues)
  return {
    close: () => database.close(),
    prepare: (text) => ({
      reader: /^\s*(?:select|pragma)\b|\breturning\b/i.test(text),
      all: (values) => all(text, values),
      run: (values) => database.run(text, [...values] as SqliteValues),
      iterate: (values) => all(text, values)[Symbol.iterator](),
    }),
  }
}
