import type { Kysely } from 'kysely'
import type { Db, Dialect, ParleyTables } from './tables.ts'

/** What a transaction needs of the world. */
export interface TransactionContext {
  readonly db: Db
  readonly dialect: Dialect
  readonly sleep: (ms: number) => Promise<void>
  readonly random: () => number
}

const attemptsMax = 8
const pauseMs = 20

/** Codes by which the databases say: you and another stood in each other's way, come again. */
const conflictCodes: readonly string[] = [
  '40001',
  '40P01',
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_CHECKREAD',
  'SQLITE_BUSY',
  'SQLITE_BUSY_SNAPSHOT',
]

/**
 * Runs `act` in a transaction, and again when the database gave up on it for the sake of another
 * one. Read committed, so that what is read after a lock is what the lock protects; SQLite has one
 * writer at a time anyway.
 */
export async function inTransaction<Value>(
  context: TransactionContext,
  act: (tx: Db) => Promise<Value>,
): Promise<Value> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const transaction = context.db.transaction()
      const isolated =
        context.dialect === 'sqlite' ? transaction : transaction.setIsolationLevel('read committed')
      return await isolated.execute(act)
    } catch (error) {
      if (attempt === attemptsMax || !isConflict(error)) throw error
      await context.sleep(pauseMs * 2 ** attempt * context.random())
    }
  }
}

function isConflict(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as Error & { code?: unknown }
  return conflictCodes.includes(String(code)) || /database (?:table )?is locked/.test(error.message)
}

/**
 * The app's database, seen as ours. Its type knows the app's tables, of which we need none; ours
 * were made by the migration, which no type can promise.
 */
export function asParleyTables<Tables>(db: Kysely<Tables>): Db {
  return db as unknown as Kysely<ParleyTables>
}
