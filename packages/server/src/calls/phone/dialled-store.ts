import type { Queries } from '../../database/connect.ts'
import type { DialledUntilNow } from '../../phones/dialling.ts'

/**
 * Counts what a resource has dialled, and for how long an identity has talked to phones. What goes
 * on counts for all that it may take, so that no number of calls at once passes the cap of a day.
 *
 * The resource must be held by `lockPhones`.
 */
export async function countDialled(
  db: Queries,
  resourceId: string,
  asked: {
    readonly identityId: string
    readonly nowMs: number
    readonly durationSecondsMax: number
  },
): Promise<DialledUntilNow> {
  const { identityId, nowMs, durationSecondsMax } = asked
  const before = (ms: number) => new Date(nowMs - ms)
  const [row] = await db<
    { readonly live: number; readonly in_last_minute: number; readonly seconds: number }[]
  >`
    select
      count(*) filter (where line.ended_at is null)::integer as live,
      count(*) filter (where line.joined_at > ${before(60_000)})::integer as in_last_minute,
      coalesce(sum(
        case
          when line.ended_at is null then ${durationSecondsMax}::integer
          else ceil(extract(epoch from line.ended_at - line.connected_at))
        end
      ) filter (
        where line.joined_at > ${before(86_400_000)}
        and exists (
          select
          from call_leg as own
          where own.resource_id = ${resourceId}
          and own.call_id = line.call_id
          and own.identity_id = ${identityId}
          and own.direction = 'started'
        )
      ), 0)::integer as seconds
    from call_leg as line
    where line.resource_id = ${resourceId}
    and line.phone is not null
    and line.direction = 'answered'
    and (line.ended_at is null or line.joined_at > ${before(86_400_000)})
  `
  return {
    live: row?.live ?? 0,
    inLastMinute: row?.in_last_minute ?? 0,
    identitySeconds: row?.seconds ?? 0,
  }
}
