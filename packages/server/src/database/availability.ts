import type { Database } from './connect.ts'

/**
 * Says whether an error means that the database could not be asked, so that the same request may
 * succeed later: the connection broke, the server starts or stops, it gave up on the statement, or
 * it is a standby.
 *
 * @source PostgreSQL error codes, classes 08, 40, 53 and 57, and code 25006; `postgres` connection
 *   errors.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^(CONNECTION_|CONNECT_TIMEOUT|ECONN|ENOENT|EPIPE|08|25006|40|53|57)/.test(code)
}

/** Says whether the database answers at all. */
export async function isDatabaseAnswering(db: Database): Promise<boolean> {
  try {
    await db`select 1`
    return true
  } catch (error) {
    if (isDatabaseUnavailable(error)) return false
    throw error
  }
}
