/**
 * The time of participants, as it is charged: whole seconds of each leg from the instant at which
 * it was connected, each second in the hour in which it begins, and nothing of whose leg it was.
 *
 * A leg says when it was connected and how many seconds of it are counted, so that anybody can
 * count again which hours they were in.
 */
import type { Queries } from '../database/connect.ts'
import type { UsageSource } from '../usage/comparison.ts'
import type { Meter } from '../usage/model.ts'

/** Phones are counted apart: they cost what their trunk takes. */
const meters = {
  people: 'call-participant-seconds',
  phones: 'call-phone-seconds',
} as const satisfies Readonly<Record<string, Meter>>

type Fragment = ReturnType<Queries>

/**
 * Counts, within a statement, seconds of legs.
 *
 * @param rows - name of a `with` query of `resource_id`, `connected_at`, `is_phone`, and of the
 *   seconds `from_seconds` until `to_seconds` after that; rows without any are harmless.
 * @param column - `purged` for legs that are deleted: what was used stays charged.
 */
export function countingSeconds(
  db: Queries,
  { rows, column }: { readonly rows: string; readonly column: 'used' | 'purged' },
): Fragment {
  return db`
    insert into usage_record (resource_id, hour, meter, ${db(column)})
    ${secondsByHour(db, rows)}
  `
}

/** The seconds of spans by resource and hour. */
function secondsByHour(db: Queries, rows: string): Fragment {
  return db`
    select
      resource_id,
      hour,
      case when is_phone then ${meters.phones}::text else ${meters.people}::text end as meter,
      sum(last - first)::bigint as seconds
    from (
      select
        resource_id,
        hour,
        is_phone,
        greatest(from_seconds, ceil(extract(epoch from hour - connected_at))) as first,
        least(to_seconds, ceil(extract(epoch from hour + interval '1 hour' - connected_at))) as last
      from ${db(rows)} as span
      cross join lateral generate_series(
        date_trunc('hour', connected_at + make_interval(secs => from_seconds), 'UTC'),
        connected_at + make_interval(secs => to_seconds - 1),
        interval '1 hour'
      ) as hour
      where to_seconds > from_seconds
    ) as part
    where last > first
    group by resource_id, hour, is_phone
  `
}

/** A part of a leg's time. */
export interface LegSpan {
  readonly isPhone: boolean
  readonly connectedAtMs: number
  /** Seconds after that. */
  readonly fromSeconds: number
  readonly toSeconds: number
}

/** Counts parts of legs of a resource. */
export async function countSpans(
  db: Queries,
  resourceId: string,
  spans: readonly LegSpan[],
): Promise<void> {
  if (spans.length === 0) return
  await db`
    with span as (
      select
        ${resourceId}::uuid as resource_id,
        to_timestamp(connected_ms / 1000.0) as connected_at,
        is_phone,
        from_seconds,
        to_seconds
      from unnest(
        ${spans.map(({ isPhone }) => String(isPhone))}::text[]::boolean[],
        ${spans.map(({ connectedAtMs }) => String(connectedAtMs))}::text[]::bigint[],
        ${spans.map(({ fromSeconds }) => fromSeconds)}::integer[],
        ${spans.map(({ toSeconds }) => toSeconds)}::integer[]
      ) as span (is_phone, connected_ms, from_seconds, to_seconds)
    )
    ${countingSeconds(db, { rows: 'span', column: 'used' })}
  `
}

function secondsOf(meter: Meter, isPhone: boolean): UsageSource {
  return {
    meter,
    async countStored(db, resourceId) {
      const rows = await db<{ readonly hour: Date; readonly seconds: string | number }[]>`
        with span as (
          select
            resource_id, connected_at, phone is not null as is_phone, 0 as from_seconds,
            counted_seconds as to_seconds
          from call_leg
          where resource_id = ${resourceId}
          and connected_at is not null
          and (phone is not null) = ${isPhone}
        )
        ${secondsByHour(db, 'span')}
      `
      return new Map(rows.map((row) => [row.hour.getTime(), Number(row.seconds)]))
    },
  }
}

/** Count again the time of legs, of those that go on as well: of people, and of phones. */
export const callSeconds: readonly UsageSource[] = [
  secondsOf(meters.people, false),
  secondsOf(meters.phones, true),
]
