import type { CutOff, RevocationEvent } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'
import { eventFrom, isCutOffRow, type RevocationEventRow } from '../events/store.ts'

/** A page of the cut-offs of a resource that still void a token. */
export interface SnapshotPage {
  /** What was committed up to this number stands on this page or another one. */
  readonly seq: number
  /** 20 bytes each: the id and four of its generation, the highest first. */
  readonly identities: Buffer
  readonly tokens: Buffer
  /** 21 bytes each: the id, the place of the scope, and four of its generation. */
  readonly identityScopes: Buffer
  readonly others: readonly Pick<CutOff, 'kind' | 'subject' | 'generation'>[]
  /** Where the next page begins; `undefined` after the last. */
  readonly nextAfter: number | undefined
}

interface PageRow {
  readonly last_seq: string | number
  readonly count: string | number
  readonly seq_last: string | number | null
  readonly identities: Buffer | null
  readonly tokens: Buffer | null
  readonly identity_scopes: Buffer | null
  readonly others: SnapshotPage['others'] | null
}

/**
 * Reads a page of a snapshot. The end of the log is read in the same statement, so that the page
 * has whatever was committed up to there.
 */
export async function readSnapshotPage(
  db: Queries,
  asked: {
    readonly resourceId: string
    readonly afterSeq: number
    readonly nowMs: number
    readonly cutOffsMax: number
  },
): Promise<SnapshotPage> {
  const [row] = await db<PageRow[]>`
    with page as (
      select
        kind, subject, generation, seq,
        case
          when kind in ('identity', 'token')
          then uuid_send(subject::uuid) || substring(int8send(generation) from 5)
          when kind = 'identity-scope'
          then uuid_send(left(subject, 36)::uuid)
            || substring(int8send(right(subject, 1)::bigint) from 8)
            || substring(int8send(generation) from 5)
        end as packed
      from revocation_event
      where resource_id = ${asked.resourceId}
      and seq > ${asked.afterSeq}
      and forget_at > ${new Date(asked.nowMs)}
      and ${isCutOffRow(db)}
      order by seq
      limit ${asked.cutOffsMax}
    )
    select
      (select last_seq from event_sequence) as last_seq,
      count(*) as count,
      max(seq) as seq_last,
      string_agg(packed, ''::bytea) filter (where kind = 'identity') as identities,
      string_agg(packed, ''::bytea) filter (where kind = 'token') as tokens,
      string_agg(packed, ''::bytea) filter (where kind = 'identity-scope') as identity_scopes,
      json_agg(json_build_object('kind', kind, 'subject', subject, 'generation', generation))
        filter (where packed is null) as others
    from page
  `
  if (row === undefined) throw new Error('an aggregate has a row')
  const isFull = Number(row.count) === asked.cutOffsMax
  return {
    seq: Number(row.last_seq),
    identities: row.identities ?? noBytes,
    tokens: row.tokens ?? noBytes,
    identityScopes: row.identity_scopes ?? noBytes,
    others: row.others ?? [],
    nextAfter: isFull ? Number(row.seq_last) : undefined,
  }
}

const noBytes = Buffer.alloc(0)

/** Counts the cut-offs of a resource by their kinds, forgotten ones among them. */
export async function countCutOffs(
  db: Queries,
  resourceId: string,
): Promise<Readonly<Record<string, number>>> {
  const rows = await db<{ readonly kind: string; readonly count: string | number }[]>`
    select kind, count(*) as count
    from revocation_event
    where resource_id = ${resourceId}
    and ${isCutOffRow(db)}
    group by kind
  `
  return Object.fromEntries(rows.map(({ kind, count }) => [kind, Number(count)]))
}

/** What a stream has to catch up with. */
export interface Missed {
  /** In their order. */
  readonly events: readonly RevocationEvent[]
  /** The last number of the log when they were read. */
  readonly lastSeq: number
  /** The first number that the log still has; one more than the last where it has none. */
  readonly firstSeq: number
}

/** Lists the cut-offs of a resource after a number. */
export async function listMissedCutOffs(
  db: Queries,
  asked: { readonly resourceId: string; readonly afterSeq: number; readonly eventsMax: number },
): Promise<Missed> {
  const rows = await db<(RevocationEventRow & MissedColumns)[]>`
    select
      resource_id, seq, kind, subject, generation, forget_at,
      last_seq,
      (select min(seq) from revocation_event) as first_seq
    from event_sequence
    left join lateral (
      select resource_id, seq, kind, subject, generation, forget_at
      from revocation_event
      where resource_id = ${asked.resourceId}
      and seq > ${asked.afterSeq}
      and ${isCutOffRow(db)}
      order by seq
      limit ${asked.eventsMax}
    ) as missed on true
    order by seq
  `
  const lastSeq = Number(rows[0]?.last_seq ?? 0)
  return {
    events: rows.filter(({ seq }) => seq !== null).map(eventFrom),
    lastSeq,
    firstSeq: Number(rows[0]?.first_seq ?? lastSeq + 1),
  }
}

interface MissedColumns {
  readonly last_seq: string | number
  readonly first_seq: string | number | null
}
