import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { kyselySqlite } from '@parley/cli/app-database'
import { kyselyMigration } from '@parley/trusted-service'
import { Kysely, SqliteDialect, sql } from 'kysely'
import sqlite from 'node-sqlite3-wasm'
import { sealPassword } from './passwords.ts'

/** What somebody is to the clinic. */
export type Role = 'patient' | 'doctor' | 'desk'

/** The app's tables. Names and passwords stand here and nowhere else. */
export interface Tables {
  account: { id: string; name: string; role: Role; password: string }
  /** The conversation of a patient with the doctor. */
  consultation: { patient: string; thread: string }
}

/** An account as routes see it. */
export type Account = Omit<Tables['account'], 'password'>

/** The app's database. */
export type Db = Kysely<Tables>

/** The pattern of the mapping: a patient alone, the people of the front desk together. */
export const pattern = 'many-to-one'

/** Opens the file; the first time, makes tables and people. */
export async function openDatabase(path: string): Promise<Db> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const file = new sqlite.Database(path)
  // Others may look at the file while the app runs: `parley mapping doctor` does.
  file.exec('pragma busy_timeout = 5000; pragma foreign_keys = on')
  const database = kyselySqlite(file)
  const db: Db = new Kysely({ dialect: new SqliteDialect({ database }) })
  const [made] = (await sql`select 1 from sqlite_schema where name = 'account'`.execute(db)).rows
  if (made === undefined) await db.transaction().execute(createTables)
  return db
}

async function createTables(db: Db): Promise<void> {
  await sql`
    create table account (
      id text primary key,
      name text not null,
      role text not null,
      password text not null
    ) strict
  `.execute(db)
  await sql`
    create table consultation (
      patient text primary key references account (id) on delete cascade,
      thread text not null
    ) strict
  `.execute(db)
  await kyselyMigration({ dialect: 'sqlite', pattern, tokenCache: true }).up(db)
  for (const account of demoAccounts) {
    const password = await sealPassword(demoPassword)
    await db
      .insertInto('account')
      .values({ ...account, password })
      .execute()
  }
}

/** The password of everybody in the example; a real app has none that stands in its text. */
const demoPassword = 'correct horse'

const demoAccounts: readonly Account[] = [
  { id: 'maya', name: 'Maya Brandt', role: 'patient' },
  { id: 'jonas', name: 'Jonas Weber', role: 'patient' },
  { id: 'diallo', name: 'Dr. Amara Diallo', role: 'doctor' },
  { id: 'frida', name: 'Frida', role: 'desk' },
  { id: 'felix', name: 'Felix', role: 'desk' },
]

/** An account by its id. */
export function findAccount(db: Db, id: string): Promise<Account | undefined> {
  const query = db.selectFrom('account').select(['id', 'name', 'role']).where('id', '=', id)
  return query.executeTakeFirst()
}

/** The stored password of an account. */
export async function findPassword(db: Db, id: string): Promise<string | undefined> {
  const query = db.selectFrom('account').select('password').where('id', '=', id)
  return (await query.executeTakeFirst())?.password
}

/** Everybody with a role, the same one first each time. */
export function listAccounts(db: Db, role: Role): Promise<Account[]> {
  const query = db.selectFrom('account').select(['id', 'name', 'role']).where('role', '=', role)
  return query.orderBy('id').execute()
}
