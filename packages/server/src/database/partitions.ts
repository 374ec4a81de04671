import postgres from 'postgres'
import type { Database, Queries, Transaction } from './connect.ts'

/**
 * The ledger of access tokens is cut into partitions of six hours of expiry.
 *
 * A token lives 24 hours at most, so the partitions from now to 48 hours ahead take every token for
 * a day even if nobody looks after them. One wholly in the past holds nothing that could still be
 * shown: what it knows of an identity's last token is folded into the identity, and it is dropped.
 *
 * Creating and dropping needs the ledger (and, for its foreign key, `identity`) to itself for an
 * instant. Other transactions touch the two in either order, so whoever looks after partitions
 * gives way: it waits `lockTimeoutMs`, less than the second after which PostgreSQL starts to look
 * for deadlocks, and otherwise leaves the work for the next round. There is a day of time.
 *
 * Rejected: a default partition (attaching the next one then reads it whole), and `detach ...
 * concurrently` (outside a transaction, and a crash leaves it half detached).
 */

/** Width of a partition, milliseconds. Boundaries are multiples of it since the Unix epoch. */
export const partitionMs = 6 * 60 * 60 * 1000

/** How far ahead partitions exist, milliseconds: twice the longest life of a token. */
export const partitionsAheadMs = 48 * 60 * 60 * 1000

const lockTimeoutMs = 500
const partitionLock = 7_236_541_002

/** What one round of looking after partitions did. */
export interface PartitionRound {
  /** Names of the partitions that were created or dropped. */
  readonly done: readonly string[]
  /** Names of those that were left for the next round because the tables were busy. */
  readonly postponed: readonly string[]
}

/** The name of the partition whose first instant is `startMs`: `access_token_yyyymmdd_hh`, UTC. */
export function partitionName(startMs: number): string {
  const iso = new Date(startMs).toISOString()
  return `access_token_${iso.slice(0, 10).replaceAll('-', '')}_${iso.slice(11, 13)}`
}

/** The first instant of a partition by its name; `undefined` for any other table. */
export function partitionStartMs(name: string): number | undefined {
  const match = /^access_token_(\d{4})(\d{2})(\d{2})_(\d{2})$/.exec(name)
  if (match === null) return undefined
  const [, year, month, day, hour] = match
  return Date.parse(`${year}-${month}-${day}T${hour}:00:00Z`)
}

/** First instants of the partitions that must exist at `nowMs`, the current one first. */
export function neededPartitionStarts(nowMs: number): readonly number[] {
  const firstMs = Math.floor(nowMs / partitionMs) * partitionMs
  const count = Math.ceil((nowMs + partitionsAheadMs - firstMs) / partitionMs)
  return Array.from({ length: count }, (_, index) => firstMs + index * partitionMs)
}

/**
 * Creates the partitions that are missing between now and 48 hours ahead.
 *
 * One query when none is. Any number of nodes may call it at once. Before tokens are issued for the
 * first time nothing may be left postponed.
 */
export async function ensureTokenPartitions(
  database: Database,
  nowMs: number,
): Promise<PartitionRound> {
  const existing = new Set(await listPartitions(database))
  const missing = neededPartitionStarts(nowMs).filter((at) => !existing.has(partitionName(at)))
  return eachInTurn(database, missing.map(partitionName), async (sql, name) => {
    const startMs = partitionStartMs(name) ?? 0
    const from = new Date(startMs).toISOString()
    const to = new Date(startMs + partitionMs).toISOString()
    // No parameters in definitions; the name and both instants are made of digits above.
    await sql.unsafe(`
      create table if not exists ${name}
      partition of access_token
      for values from ('${from}') to ('${to}')`)
  })
}

/**
 * Drops the partitions that lie wholly in the past, after folding their last `issued_at` of each
 * identity into `identity.last_token_issued_at`.
 *
 * Folding may take long and locks the rows it writes; dropping is short and locks the tables. So
 * they are two transactions: folding again after a crash between them changes nothing. Goes across
 * resources, as the expiry of tokens does; nothing of one resource meets another.
 */
export async function dropExpiredTokenPartitions(
  database: Database,
  nowMs: number,
): Promise<PartitionRound> {
  const expired = (await listPartitions(database)).filter((name) => {
    const startMs = partitionStartMs(name)
    return startMs !== undefined && startMs + partitionMs <= nowMs
  })
  const folded = await eachInTurn(database, expired, foldPartition)
  const dropped = await eachInTurn(database, folded.done, async (sql, name) => {
    await sql`drop table if exists ${sql(name)}`
  })
  return { done: dropped.done, postponed: [...folded.postponed, ...dropped.postponed] }
}

async function foldPartition(sql: Transaction, name: string): Promise<void> {
  // Another node may have dropped it since it was listed.
  const [found] = await sql<{ isThere: boolean }[]>`
    select to_regclass(${name}) is not null as "isThere"`
  if (found?.isThere !== true) return
  await sql`set local statement_timeout = 0`
  await sql`
    with last_issued as (
      select resource_id, identity_id, max(issued_at) as issued_at
      from ${sql(name)}
      group by resource_id, identity_id
    )
    update identity
    set last_token_issued_at = last_issued.issued_at
    from last_issued
    where identity.resource_id = last_issued.resource_id
      and identity.identity_id = last_issued.identity_id
      and (
        identity.last_token_issued_at is null
        or identity.last_token_issued_at < last_issued.issued_at
      )`
}

async function listPartitions(sql: Queries): Promise<readonly string[]> {
  const rows = await sql<{ name: string }[]>`
    select relname as name
    from pg_inherits
    join pg_class on pg_class.oid = pg_inherits.inhrelid
    where pg_inherits.inhparent = 'access_token'::regclass
    order by relname`
  return rows.map(({ name }) => name)
}

/** Does one thing for each partition, one node at a time, and leaves what is busy for later. */
async function eachInTurn(
  database: Database,
  names: readonly string[],
  act: (sql: Transaction, name: string) => Promise<void>,
): Promise<PartitionRound> {
  const done: string[] = []
  const postponed: string[] = []
  for (const name of names) {
    try {
      await database.begin(async (sql) => {
        await sql.unsafe(`set local lock_timeout = ${lockTimeoutMs}`)
        await sql`select pg_advisory_xact_lock(${partitionLock}::bigint)`
        await act(sql, name)
      })
      done.push(name)
    } catch (error) {
      if (!isBusy(error)) throw error
      postponed.push(name)
    }
  }
  return { done, postponed }
}

/** Says whether a lock was not to be had in time, or only through somebody else's deadlock. */
function isBusy(error: unknown): boolean {
  return error instanceof postgres.PostgresError && ['55P03', '40P01'].includes(error.code)
}

const attemptsMax = 20

/**
 * Does `ensureTokenPartitions` until nothing was postponed, so that tokens can be issued.
 *
 * Throws when the ledger stayed busy for 20 attempts of half a second each.
 */
export async function makeRoomForTokens(database: Database, nowMs: number): Promise<void> {
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const { postponed } = await ensureTokenPartitions(database, nowMs)
    if (postponed.length === 0) return
  }
  throw new Error(`the ledger was busy ${attemptsMax} times, no partitions could be made`)
}
