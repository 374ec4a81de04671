/** Pages of chat: what a request asks for, and the link to the next one. */
import { fail, ok, type Result } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { Call } from '../contract/operation.ts'

type Query = Call['query']

/**
 * Reads `maxPageSize`. Absent, and beyond the limit: as many as a page has.
 *
 * @faults `query-invalid` - no whole number, or none above 0.
 */
export function readPageSize({ maxPageSize }: Query): Result<number, Fault> {
  const { chatPageEntriesMax: max } = serverLimits
  if (maxPageSize === undefined) return ok(max)
  const size = readWhole(maxPageSize)
  if (size !== undefined && size > 0) return ok(Math.min(size, max))
  return invalid('maxPageSize', 'a whole number, 1 or more')
}

/** Reads `skip`; absent: 0. */
export function readSkip({ skip }: Query): Result<number, Fault> {
  const count = skip === undefined ? 0 : readWhole(skip)
  return count === undefined ? invalid('skip', 'a whole number') : ok(count)
}

/** Reads `startTime`, milliseconds since the Unix epoch; absent, and the `0` of old links: 0. */
export function readStartTime({ startTime }: Query): Result<number, Fault> {
  if (startTime === undefined || startTime === '0') return ok(0)
  const atMs = typeof startTime === 'string' ? Date.parse(startTime) : Number.NaN
  return Number.isNaN(atMs) ? invalid('startTime', 'an instant of RFC 3339') : ok(Math.max(0, atMs))
}

/** Reads where a page begins, as a `nextLink` says it; absent: at the beginning. */
export function readSyncState<Place>(
  { syncState }: Query,
  parse: (text: string) => Place | undefined,
): Result<Place | undefined, Fault> {
  if (syncState === undefined) return ok(undefined)
  const place = typeof syncState === 'string' ? parse(syncState) : undefined
  return place === undefined ? invalid('syncState', 'as in a nextLink') : ok(place)
}

function readWhole(text: unknown): number | undefined {
  return typeof text === 'string' && /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined
}

function invalid(parameter: string, expected: string): Result<never, Fault> {
  return fail({ kind: 'query-invalid', parameter, expected })
}

/**
 * The link to a next page: absolute, from the endpoint of the resource and never from what the
 * request called the server, because clients send their token wherever it leads.
 *
 * @param path - below the endpoint, without a slash at its start.
 */
export function nextLinkOf(
  endpoint: string,
  path: string,
  parameters: Readonly<Record<string, string | number>>,
): string {
  const next = new URL(path, endpoint)
  for (const [name, value] of Object.entries(parameters)) next.searchParams.set(name, String(value))
  return next.href
}
