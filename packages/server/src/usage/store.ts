import type { Queries } from '../database/connect.ts'
import { hourOf, type Meter } from './model.ts'

/** So much of a meter. */
export interface UsageCount {
  readonly resourceId: string
  readonly meter: Meter
  /** The instant that is stored with the thing used; its hour is charged. */
  readonly atMs: number
  /** A whole number; how many were stored, or deleted from their table for good. */
  readonly quantity: number
}

/**
 * Counts what was used. Run it in the transaction that stores it, anywhere in it: nobody waits.
 *
 * One round trip and one row for each count. Whoever stores with one statement spares the round
 * trip by `countingUsage` in that statement.
 */
export async function countUsage(db: Queries, counts: readonly UsageCount[]): Promise<void> {
  await insertRecords(db, counts, 'used')
}

/**
 * Counts what a purge deletes of what was used, so that `used - purged` stays what is stored. Run
 * it in the transaction that deletes. The purge of a deleted resource need not: nobody recounts it.
 */
export async function countPurged(db: Queries, counts: readonly UsageCount[]): Promise<void> {
  await insertRecords(db, counts, 'purged')
}

async function insertRecords(
  db: Queries,
  counts: readonly UsageCount[],
  column: 'used' | 'purged',
): Promise<void> {
  if (counts.length === 0) return
  await db`
    insert into usage_record (resource_id, hour, meter, ${db(column)})
    select resource_id::uuid, to_timestamp(hour_ms / 1000), meter, quantity
    from unnest(
      ${counts.map((count) => count.resourceId)}::text[],
      ${counts.map((count) => String(hourOf(count.atMs)))}::text[]::bigint[],
      ${counts.map((count) => count.meter)}::text[],
      ${counts.map((count) => String(count.quantity))}::text[]::bigint[]
    ) as counted (resource_id, hour_ms, meter, quantity)
  `
}

/** Rows of a statement that are counted in it. */
export interface CountedRows {
  /** Name of the `with` query whose rows are counted; it returns `resource_id` and `created_at`. */
  readonly rows: string
  readonly meter: Meter
}

/**
 * Counts, within the statement that stores it, what was used: one for each row. It stands in a
 * `with` list, after the query that inserts, and no other query has to read it:
 *
 *     with sent as (insert into ... returning resource_id, created_at, ...),
 *     counted as (${countingUsage(db, { rows: 'sent', meter: 'chat-messages-sent' })})
 *     select ... from sent
 *
 * It adds one record for each resource and hour among the rows, and none where there are no rows.
 */
export function countingUsage(db: Queries, { rows, meter }: CountedRows): ReturnType<typeof db> {
  return db`
    insert into usage_record (resource_id, hour, meter, used)
    select resource_id, date_trunc('hour', created_at, 'UTC'), ${meter}::text, count(*)
    from ${db(rows)}
    group by 1, 2
  `
}

/** The same of rows that the statement deletes for good: see `countPurged`. */
export function countingPurged(db: Queries, { rows, meter }: CountedRows): ReturnType<typeof db> {
  return db`
    insert into usage_record (resource_id, hour, meter, purged)
    select resource_id, date_trunc('hour', created_at, 'UTC'), ${meter}::text, count(*)
    from ${db(rows)}
    group by 1, 2
  `
}

/** Lists the resources that have records to be folded. It looks up as many rows as it gives. */
export async function listResourcesWithRecords(db: Queries): Promise<readonly string[]> {
  const rows = await db<{ readonly resource_id: string }[]>`
    with recursive found as (
      (select resource_id from usage_record order by resource_id limit 1)
      union all
      select next.resource_id
      from found
      cross join lateral (
        select resource_id
        from usage_record
        where usage_record.resource_id > found.resource_id
        order by resource_id
        limit 1
      ) as next
    )
    select resource_id
    from found
  `
  return rows.map((row) => row.resource_id)
}

/**
 * Folds records of a resource into its hours, in one statement: a crash leaves them in one place or
 * in the other. Nodes that do it at once take different records.
 *
 * @returns how many it took; fewer than `recordsMax` when there are no more.
 */
export async function foldRecords(
  db: Queries,
  resourceId: string,
  recordsMax: number,
): Promise<number> {
  const [row] = await db<{ readonly count: number }[]>`
    with taken as (
      delete from usage_record
      where resource_id = ${resourceId}
      and record_number in (
        select record_number
        from usage_record
        where resource_id = ${resourceId}
        order by record_number
        limit ${recordsMax}
        for update skip locked
      )
      returning hour, meter, used, purged
    ),
    folded as (
      insert into usage_hour (resource_id, hour, meter, used, purged)
      select ${resourceId}::uuid, hour, meter, sum(used), sum(purged)
      from taken
      group by hour, meter
      order by hour, meter
      on conflict (resource_id, hour, meter) do update
      set used = usage_hour.used + excluded.used, purged = usage_hour.purged + excluded.purged
    )
    select count(*)::integer as count
    from taken
  `
  return row?.count ?? 0
}

/** So much of a meter in an hour. */
export interface HourOfUsage {
  readonly resourceId: string
  /** Beginning of the hour, milliseconds since the Unix epoch. */
  readonly hourMs: number
  readonly meter: string
  readonly quantity: number
}

/** Which hours a page has. */
export interface UsageAsked {
  /** Absent: those of all resources, deleted ones among them. */
  readonly resourceId: string | undefined
  /** Absent: of every meter. */
  readonly meter: string | undefined
  /** Hours that begin at this instant or later, and before the other. */
  readonly fromMs: number
  readonly toMs: number
  /** Where the page before ended; absent: at the beginning. */
  readonly after: Omit<HourOfUsage, 'quantity'> | undefined
  readonly hoursMax: number
}

/**
 * Lists what was used, by resource, hour and meter. Hours and records are read in one snapshot:
 * what is being folded meanwhile is counted once.
 */
export async function listUsage(db: Queries, asked: UsageAsked): Promise<readonly HourOfUsage[]> {
  const { resourceId, meter, after } = asked
  const confined = db`
    where hour >= ${new Date(asked.fromMs)}
    and hour < ${new Date(asked.toMs)}
    ${resourceId === undefined ? db`` : db`and resource_id = ${resourceId}`}
    ${meter === undefined ? db`` : db`and meter = ${meter}`}
    ${after === undefined ? db`` : afterPlace(db, after)}
  `
  const rows = await db<UsageRow[]>`
    select resource_id, hour, meter, sum(used)::bigint as quantity
    from (
      select resource_id, hour, meter, used from usage_hour ${confined}
      union all
      select resource_id, hour, meter, used from usage_record ${confined}
    ) as counted
    group by resource_id, hour, meter
    having sum(used) > 0
    order by resource_id, hour, meter
    limit ${asked.hoursMax}
  `
  return rows.map((row) => ({
    resourceId: row.resource_id,
    hourMs: row.hour.getTime(),
    meter: row.meter,
    quantity: Number(row.quantity),
  }))
}

interface UsageRow {
  readonly resource_id: string
  readonly hour: Date
  readonly meter: string
  readonly quantity: string | number
}

function afterPlace(db: Queries, after: Omit<HourOfUsage, 'quantity'>): ReturnType<typeof db> {
  const hour = new Date(after.hourMs)
  return db`and (resource_id, hour, meter) > (${after.resourceId}::uuid, ${hour}, ${after.meter})`
}

/** Lists by hour what of a meter must be stored now: what was used and not purged. */
export async function listUnpurged(
  db: Queries,
  resourceId: string,
  meter: Meter,
): Promise<ReadonlyMap<number, number>> {
  const rows = await db<{ readonly hour: Date; readonly quantity: string | number }[]>`
    select hour, sum(used - purged)::bigint as quantity
    from (
      select hour, used, purged
      from usage_hour
      where resource_id = ${resourceId}
      and meter = ${meter}
      union all
      select hour, used, purged
      from usage_record
      where resource_id = ${resourceId}
      and meter = ${meter}
    ) as counted
    group by hour
  `
  return new Map(rows.map((row) => [row.hour.getTime(), Number(row.quantity)]))
}

/**
 * Deletes the usage of a resource whose last row is purged.
 *
 * @returns how many hours it had; 0 as well while the resource is there.
 */
export async function deleteUsageOfDeleted(db: Queries, resourceId: string): Promise<number> {
  const [row] = await db<{ readonly count: number }[]>`
    with gone as (
      select ${resourceId}::uuid as resource_id
      where not exists (select from resource where resource.resource_id = ${resourceId})
    ),
    gone_record as (
      delete from usage_record
      using gone
      where usage_record.resource_id = gone.resource_id
      returning hour, meter
    ),
    gone_hour as (
      delete from usage_hour
      using gone
      where usage_hour.resource_id = gone.resource_id
      returning hour, meter
    )
    select count(*)::integer as count
    from (select hour, meter from gone_record union select hour, meter from gone_hour) as both_gone
  `
  return row?.count ?? 0
}
