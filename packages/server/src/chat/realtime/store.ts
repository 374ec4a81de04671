import { serverLimits } from '../../contract/limits.ts'
import type { Database, Queries, Transaction } from '../../database/connect.ts'
import type { PublishNotices } from '../notices.ts'
import { grouped } from './grouped.ts'
import { lineOf, type NoticeLine, type ToldNotice } from './notice-text.ts'

/** The channel on which nodes hear of notices. */
export const noticeChannel = 'parley_chat'

const limits = {
  /** PostgreSQL takes less than 8,000 bytes in a notification. */
  notificationBytesMax: 7900,
  /** Digits of a number and what stands between the parts of a line. */
  lineBytesBeside: 20,
  /** Numbers in a notification; 16 digits each. */
  numbersInNotification: 400,
}

/**
 * Publishes notices with the transaction that is open.
 *
 * One statement, and one notification for all of them: PostgreSQL lets only one transaction with
 * notifications commit at a time, however many it has.
 */
export const publishNotices: PublishNotices = async (db, notices) => {
  const byResource = grouped(notices, ({ resourceId }) => resourceId)
  for (const [resourceId, own] of byResource) {
    const lines = own.map(lineOf).filter(({ recipients }) => recipients !== '')
    for (let start = 0; start < lines.length; start += limits.numbersInNotification) {
      const some = lines.slice(start, start + limits.numbersInNotification)
      if (bytesOf(some) <= limits.notificationBytesMax) await tell(db, resourceId, some)
      else await tellNumbers(db, resourceId, some)
    }
  }
}

function bytesOf(lines: readonly NoticeLine[]): number {
  const bytes = lines.map(
    ({ recipients, body }) => recipients.length + Buffer.byteLength(body) + limits.lineBytesBeside,
  )
  return bytes.reduce((sum, one) => sum + one, 40)
}

/** The lines with a number each; those that are not kept have 0. */
function numbered(db: Queries, lines: readonly NoticeLine[], isEachKept: boolean) {
  const isKept = (line: NoticeLine) => isEachKept || line.isKept
  return db`
    line as materialized (
      select
        place,
        nullif(identity_id, '')::uuid as identity_id,
        recipients,
        body,
        case when is_kept = 'yes' then nextval('chat_notice_seq') else 0 end as seq
      from unnest(
        ${lines.map(({ identityId }) => identityId ?? '')}::text[],
        ${lines.map(({ recipients }) => recipients)}::text[],
        ${lines.map(({ body }) => body)}::text[],
        ${lines.map((line) => (isKept(line) ? 'yes' : 'no'))}::text[]
      ) with ordinality as line (identity_id, recipients, body, is_kept, place)
    )
  `
}

function kept(db: Queries, resourceId: string) {
  return db`
    kept as (
      insert into chat_notice (resource_id, seq, identity_id, recipients, body, told_at)
      select ${resourceId}, seq, identity_id, recipients, body, now()
      from line
      where seq > 0
    )
  `
}

async function tell(
  db: Transaction | Database,
  resourceId: string,
  lines: readonly NoticeLine[],
): Promise<void> {
  await db`
    with ${numbered(db, lines, false)},
    ${kept(db, resourceId)}
    select pg_notify(
      ${noticeChannel},
      ${resourceId}::text
        || string_agg(E'\n' || seq || ' ' || recipients || ' ' || body, '' order by place)
    )
    from line
  `
}

async function tellNumbers(
  db: Transaction | Database,
  resourceId: string,
  lines: readonly NoticeLine[],
): Promise<void> {
  await db`
    with ${numbered(db, lines, true)},
    ${kept(db, resourceId)}
    select pg_notify(
      ${noticeChannel},
      ${resourceId}::text || E'\n@' || string_agg(seq::text, ',' order by place)
    )
    from line
  `
}

interface NoticeRow {
  readonly resource_id: string
  readonly seq: number
  readonly recipients: string
  readonly body: string
}

function toldFrom(row: NoticeRow): ToldNotice {
  return {
    resourceId: row.resource_id,
    seq: row.seq,
    recipients: row.recipients,
    body: row.body,
  }
}

/** Lists the kept ones of some notices, in the order of their numbers. */
export async function listNotices(
  db: Queries,
  resourceId: string,
  seqs: readonly number[],
): Promise<readonly ToldNotice[]> {
  const rows = await db<NoticeRow[]>`
    select resource_id, seq, recipients, body
    from chat_notice
    where resource_id = ${resourceId}
    and seq = any(${seqs.map(String)}::text[]::bigint[])
    order by seq
  `
  return rows.map(toldFrom)
}

/**
 * Lists the kept notices of every resource after a number; what a node reads when the connection
 * broke over which it hears of them.
 */
export async function listNoticesAfter(
  db: Queries,
  afterSeq: number,
  rowsMax: number,
): Promise<readonly ToldNotice[]> {
  const rows = await db<NoticeRow[]>`
    select resource_id, seq, recipients, body
    from chat_notice
    where seq > ${afterSeq}
    order by seq
    limit ${rowsMax}
  `
  return rows.map(toldFrom)
}

/** The last number that was taken; 0 before the first. */
export async function findLastNoticeSeq(db: Queries): Promise<number> {
  const [row] = await db<{ readonly last: number }[]>`
    select case when is_called then last_value else 0 end as last
    from chat_notice_seq
  `
  return row?.last ?? 0
}

/** Deletes notices, and places of clients, that nobody can come back for any more. */
export async function deleteOldNotices(db: Queries): Promise<void> {
  await db`
    delete from chat_notice
    where told_at < now() - make_interval(secs => ${serverLimits.chatNoticesKeptSeconds})
  `
  await db`
    delete from chat_endpoint
    where seen_at < now() - make_interval(secs => ${serverLimits.chatNoticesKeptSeconds})
  `
}
