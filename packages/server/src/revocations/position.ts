import { fail, ok, type Result } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'

/**
 * Reads a number of the log from a query or a header.
 *
 * @faults `query-invalid`.
 */
export function parsePosition(text: unknown, parameter: string): Result<number, Fault> {
  const value = typeof text === 'string' && /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (value <= Number.MAX_SAFE_INTEGER) return ok(value)
  const expected = 'a number of the log, as snapshot and events tell it'
  return fail({ kind: 'query-invalid', parameter, expected })
}
