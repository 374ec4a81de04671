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
