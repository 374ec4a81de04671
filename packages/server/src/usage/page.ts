import { fail, isGuid, ok, type Result } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'
import { printInstant } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import type { Call } from '../contract/operation.ts'
import { type Meter, meters, meterUnits } from './model.ts'
import type { HourOfUsage, UsageAsked } from './store.ts'

type Query = Call['query']

/** A page of usage as it is asked for. */
export interface UsageQuery extends UsageAsked {
  /** What the link to the next page repeats. */
  readonly repeated: Readonly<Record<string, string>>
  readonly isCsv: boolean
}

const noResource = '00000000-0000-0000-0000-000000000000'
const beginningMs = 0
/** The end of the year 9999: PostgreSQL does not read how `Date` prints what comes after it. */
const endMs = 253_402_300_799_999

const instantPattern = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/

/**
 * Reads which usage is asked for: `from`, `to`, `meter`, `format`, `maxPageSize`, `after`.
 *
 * CSV is given where `format` says so, or where it says nothing and the caller takes CSV and names
 * no JSON beside it.
 *
 * @param resourceId - whose; absent: all.
 * @faults `query-invalid`.
 */
export function parseUsageQuery(
  { query, headers }: Pick<Call, 'query' | 'headers'>,
  resourceId: string | undefined,
): Result<UsageQuery, Fault> {
  const fromMs = parseInstant(query, 'from', beginningMs)
  if (!fromMs.ok) return fromMs
  const toMs = parseInstant(query, 'to', endMs)
  if (!toMs.ok) return toMs
  const meter = parseMeter(query)
  if (!meter.ok) return meter
  const { format, maxPageSize, after: place } = query
  if (format !== undefined && format !== 'csv' && format !== 'json') {
    return invalid('format', 'csv or json')
  }
  const { usagePageHours, usagePageHoursMax: max } = serverLimits
  const isWhole = typeof maxPageSize === 'string' && /^[0-9]{1,5}$/.test(maxPageSize)
  const hoursMax = maxPageSize === undefined ? usagePageHours : Number(isWhole && maxPageSize)
  if (hoursMax < 1 || hoursMax > max) return invalid('maxPageSize', `a whole number, 1..${max}`)
  const after = place === undefined ? undefined : parsePlace(String(place), resourceId)
  if (place !== undefined && after === undefined) return invalid('after', 'as in a nextLink')
  return ok({
    resourceId,
    meter: meter.value,
    fromMs: fromMs.value,
    toMs: toMs.value,
    after,
    hoursMax,
    repeated: textsIn(query),
    isCsv: format === undefined ? prefersCsv(headers['accept']) : format === 'csv',
  })
}

/** Filters and form, and not the place, which is another on each page. */
function textsIn({ after, ...filters }: Query): Readonly<Record<string, string>> {
  const texts = Object.entries(filters).filter(([, value]) => typeof value === 'string')
  return Object.fromEntries(texts) as Readonly<Record<string, string>>
}

function prefersCsv(accept: string | readonly string[] | undefined): boolean {
  const types = String(accept ?? '')
    .split(',')
    .map((type) => type.split(';', 1)[0]?.trim().toLowerCase())
  return types.includes('text/csv') && !types.includes('application/json')
}

function parseInstant(query: Query, name: string, absent: number): Result<number, Fault> {
  const text = query[name]
  if (text === undefined) return ok(absent)
  const atMs = typeof text === 'string' && instantPattern.test(text) ? Date.parse(text) : Number.NaN
  return atMs >= beginningMs && atMs <= endMs
    ? ok(atMs)
    : invalid(name, 'an instant such as 2026-03-01T00:00:00Z')
}

function parseMeter({ meter }: Query): Result<Meter | undefined, Fault> {
  if (meter === undefined) return ok(undefined)
  const known = meters.find((one) => one === meter)
  return known === undefined ? invalid('meter', `one of ${meters.join(', ')}`) : ok(known)
}

function invalid(parameter: string, expected: string): Result<never, Fault> {
  return fail({ kind: 'query-invalid', parameter, expected })
}

/** Where a page ends, in the link to the next. */
export function printPlace(hour: HourOfUsage): string {
  return `${hour.hourMs}_${hour.meter}_${hour.resourceId}`
}

function parsePlace(text: string, resourceId: string | undefined): UsageAsked['after'] {
  const [, hour, meter = '', of = noResource] =
    /^([0-9]{1,15})_([a-z-]{1,64})_(.{36})$/.exec(text) ?? []
  if (hour === undefined || Number(hour) > endMs || !isGuid(of)) return undefined
  // Whoever asks for one resource gets no further by the place of another.
  return { hourMs: Number(hour), meter, resourceId: resourceId ?? of }
}

/** An hour of usage on the wire. */
export interface WireHour {
  readonly resourceId: string
  readonly hour: string
  readonly meter: string
  readonly unit: string
  readonly quantity: number
}

/** The wire form of an hour. */
export function wireHour({ resourceId, hourMs, meter, quantity }: HourOfUsage): WireHour {
  // A primitive that was deleted has left its hours and taken its unit along.
  const unit = meterUnits[meter as Meter] ?? ''
  return { resourceId, hour: printInstant(hourMs), meter, unit, quantity }
}

/**
 * Prints hours as CSV with a header. No value holds a comma, a quote or a line break, or begins
 * with what a spreadsheet would take for a formula.
 *
 * @source RFC 4180.
 */
export function printCsv(hours: readonly WireHour[]): string {
  const lines = hours.map(({ resourceId, hour, meter, unit, quantity }) =>
    [resourceId, hour, meter, unit, quantity].join(','),
  )
  return ['resourceId,hour,meter,unit,quantity', ...lines, ''].join('\r\n')
}
