import { limits, type RevocationEvent } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'
import {
  type Appended,
  type ChangeKind,
  cutOffKindOf,
  eventOfLine,
  isCutOffEvent,
  type LogEvent,
  type Placed,
} from './model.ts'

/** A row of the log as PostgreSQL gives it. */
export interface RevocationEventRow {
  readonly resource_id: string
  readonly seq: string | number
  readonly kind: string
  readonly subject: string
  readonly generation: string | number
  readonly forget_at: Date
  readonly appended_at_ms: number | null
  /** Where a cause appended it. */
  readonly timeline?: string
}

/** Reads a row of the log that a statement of a cause returned: a cut-off. */
export function eventFrom(row: RevocationEventRow): RevocationEvent {
  const event = logEventFrom(row)
  if (!isCutOffEvent(event)) throw new Error(`${event.kind} voids nothing`)
  return event
}

function logEventFrom(row: RevocationEventRow): LogEvent {
  const event = eventOfLine({
    kind: row.kind,
    resourceId: row.resource_id,
    subject: row.subject,
    generation: Number(row.generation),
    seq: Number(row.seq),
    forgetAtMs: row.forget_at.getTime(),
    ...(row.appended_at_ms === null ? {} : { appendedAtMs: row.appended_at_ms }),
  })
  return row.timeline === undefined ? event : { ...event, timeline: row.timeline }
}

/** The columns of `RevocationEventRow`. */
function eventColumns(db: Queries): ReturnType<typeof db> {
  return db`
    resource_id, seq, kind, subject, generation, forget_at,
    ${appendedAtMs(db)}
  `
}

/** The timeline of the primary that runs the statement, asked once in it. */
function timelineColumn(db: Queries): ReturnType<typeof db> {
  return db`(select left(pg_walfile_name(pg_current_wal_lsn()), 8)) as timeline`
}

function appendedAtMs(db: Queries): ReturnType<typeof db> {
  return db`extract(epoch from appended_at)::float8 * 1000 as appended_at_ms`
}

/**
 * How long after the end of what it could void an event is kept, in milliseconds: for the tolerance
 * that a verifier may have, and a minute for the difference between the clocks of nodes.
 */
export const forgetMarginMs: number = limits.clockToleranceSecondsMax * 1000 + 60_000

/** When an event of now may be forgotten: the longest token issued before it has expired then. */
function forgetAt(nowMs: number): Date {
  return new Date(nowMs + limits.lifetimeMinutesMax * 60_000 + forgetMarginMs)
}

/** The last number of the log: whatever is committed has this one or a lower one. */
export async function findLastSeq(db: Queries): Promise<number> {
  const [row] = await db<{ readonly last_seq: string | number }[]>`
    select last_seq
    from event_sequence
  `
  return Number(row?.last_seq ?? 0)
}

/** Where a log ends, and which one it is. */
export interface LogEnd {
  readonly lastSeq: number
  /**
   * Of the database, eight digits: another one after each promotion of a standby, from when on the
   * same numbers may stand for other events. Empty where the database does not say.
   */
  readonly timeline: string
}

/**
 * Finds the end of the log on the server that answers, which must not be a standby.
 *
 * The number of the last checkpoint (`pg_control_checkpoint`) would lag behind a promotion.
 */
export async function findLogEnd(db: Queries): Promise<LogEnd> {
  const [row] = await db<{ readonly last_seq: string | number; readonly timeline: string }[]>`
    select last_seq, ${timelineColumn(db)}
    from event_sequence
  `
  return { lastSeq: Number(row?.last_seq ?? 0), timeline: row?.timeline ?? '' }
}

/** A part of the log. */
export interface LogPage {
  /** In their order. */
  readonly events: readonly LogEvent[]
  /** The last number that this page answers for. */
  readonly seqLast: number
  /** Whether the log went on beyond it when it was read. */
  readonly hasMore: boolean
}

/**
 * Lists the events after a number.
 *
 * The end of the log is read in the same snapshot: whatever number up to it has no row was
 * forgotten, and voids nothing any more.
 */
export async function listEventsAfter(
  db: Queries,
  afterSeq: number,
  eventsMax: number,
): Promise<LogPage> {
  const rows = await db<(RevocationEventRow & { readonly last_seq: string | number })[]>`
    select page.*, last_seq
    from event_sequence
    left join lateral (
      select ${eventColumns(db)}
      from revocation_event
      where seq > ${afterSeq}
      order by seq
      limit ${eventsMax}
    ) as page on true
    order by seq
  `
  const end = Number(rows[0]?.last_seq ?? 0)
  const events = rows.filter(({ seq }) => seq !== null).map(logEventFrom)
  const isFull = events.length === eventsMax
  const seqLast = isFull ? (events.at(-1)?.seq ?? end) : end
  return { events, seqLast, hasMore: seqLast < end }
}

/**
 * The condition by which the cut-offs of the log are told from its changes. Whatever is no change
 * is a cut-off, also of a kind that only a later version knows: what it voids would be accepted
 * if it were overlooked.
 */
export function isCutOffRow(db: Queries): ReturnType<typeof db> {
  return db`kind not in ('resource-changed', 'signing-keys-changed')`
}

/** Cut-offs of one resource and kind, packed. */
interface PackedRow {
  readonly resource_id: string
  readonly kind: string
  readonly seq_last: string | number
  readonly count: string | number
  /** For identities and tokens: 16 bytes of an id and 8 of its generation, and so on. */
  readonly ids: Buffer | null
  /** For other subjects: `subject=generation,...`. */
  readonly names: string | null
}

/** Part of a snapshot of the cut-offs. */
export interface CutOffPage {
  readonly cutOffs: Iterable<Omit<RevocationEvent, 'seq' | 'forgetAtMs'>>
  /** Where the next page starts; `undefined` after the last. */
  readonly nextAfterSeq: number | undefined
}

/**
 * Reads a part of the cut-offs that still void a token, in no order within the page. Packed in the
 * database a million of them takes a third of the CPU that rows do.
 *
 * @throws Error for a kind that only a later version knows.
 */
export async function readCutOffs(
  db: Queries,
  asked: { readonly afterSeq: number; readonly nowMs: number; readonly eventsMax: number },
): Promise<CutOffPage> {
  const rows = await db<PackedRow[]>`
    with page as (
      select resource_id, kind, subject, generation, seq
      from revocation_event
      where seq > ${asked.afterSeq}
      and forget_at > ${new Date(asked.nowMs)}
      and ${isCutOffRow(db)}
      order by seq
      limit ${asked.eventsMax}
    )
    select
      resource_id,
      kind,
      max(seq) as seq_last,
      count(*) as count,
      string_agg(uuid_send(subject::uuid) || int8send(generation), ''::bytea)
        filter (where kind in ('identity', 'token')) as ids,
      string_agg(subject || '=' || generation, ',')
        filter (where kind not in ('identity', 'token')) as names
    from page
    group by resource_id, kind
  `
  const count = rows.reduce((sum, row) => sum + Number(row.count), 0)
  const seqLast = rows.reduce((last, row) => Math.max(last, Number(row.seq_last)), asked.afterSeq)
  return {
    cutOffs: unpack(rows),
    nextAfterSeq: count === asked.eventsMax ? seqLast : undefined,
  }
}

const packedBytes = 24

function* unpack(rows: readonly PackedRow[]): CutOffPage['cutOffs'] {
  for (const { resource_id: resourceId, kind: name, ids, names } of rows) {
    const kind = cutOffKindOf(name)
    for (let at = 0; ids !== null && at < ids.length; at += packedBytes) {
      const generation = ids.readUInt32BE(at + 20)
      yield { resourceId, kind, subject: guidAt(ids, at), generation }
    }
    for (const pair of names?.split(',') ?? []) {
      const [subject = '', generation] = pair.split('=')
      yield { resourceId, kind, subject, generation: Number(generation) }
    }
  }
}

function guidAt(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + 16)
  const [first, second, third] = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16)]
  return `${first}-${second}-${third}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Deletes the events that void nothing any more. */
export async function deleteForgottenEvents(db: Queries, nowMs: number): Promise<void> {
  await db`
    delete from revocation_event
    where forget_at <= ${new Date(nowMs)}
  `
}

/** Identities of one resource that were voided at once. */
interface IdentityCause {
  readonly kind: 'identity'
  readonly resourceId: string
  readonly atMs: number
}

/** What a cause appends: tokens expire each at its own time, the others share theirs. */
type CutOffCause =
  | { readonly kind: 'resource'; readonly atMs: number }
  | {
      readonly kind: 'identity' | 'access-key' | 'identity-scope'
      readonly resourceId: string
      readonly atMs: number
    }
  | { readonly kind: 'token'; readonly resourceId: string }

/**
 * The end of a statement that voids: appends its cut-offs to the log, in the same transaction.
 *
 * It follows a `with` whose last member is `cut_off (subject, generation)`, for tokens
 * `cut_off (subject, generation, forget_at)`: the id of an identity, of a resource or of a token as
 * a uuid, or the slot of an access key or a scope of an identity as text. The number is taken after
 * those rows are locked and held to the commit: `numbered` reads `cut_off`, so rows always come
 * before the sequence, no two transactions wait for each other crosswise, and commits follow the
 * order of `seq`.
 *
 * @param cause.resourceId - whose subjects they are; absent where each is a resource itself.
 */
export function appendCutOffs(db: Queries, cause: CutOffCause): ReturnType<typeof db> {
  return db`
    ${numberCutOffs(db)}
    ${insertCutOffs(db, cause)}
    returning ${eventColumns(db)}, ${timelineColumn(db)}
  `
}

/** A row of `appended`; whatever else an event says is known to whoever appended it. */
export interface AppendedRow {
  readonly subject: string
  readonly seq: string | number
  readonly generation: string | number
  readonly appended_at_ms: number
  readonly timeline: string
}

/**
 * The same for a statement that goes on: its `with` has the members `numbered` and
 * `appended (subject, seq, generation, appended_at_ms, timeline)` then.
 */
export function appendCutOffsWithin(db: Queries, cause: IdentityCause): ReturnType<typeof db> {
  return db`
    ${numberCutOffs(db)},
    appended as (
      ${insertCutOffs(db, cause)}
      returning subject, seq, generation, ${appendedAtMs(db)}, ${timelineColumn(db)}
    )
  `
}

/** The event of a row of `appended`. */
export function eventAppended(
  row: AppendedRow,
  cause: IdentityCause,
): RevocationEvent & Appended & Placed {
  const { kind, resourceId, atMs } = cause
  return {
    kind,
    resourceId,
    subject: row.subject,
    generation: Number(row.generation),
    seq: Number(row.seq),
    forgetAtMs: forgetAt(atMs).getTime(),
    appendedAtMs: row.appended_at_ms,
    timeline: row.timeline,
  }
}

function numberCutOffs(db: Queries): ReturnType<typeof db> {
  return db`
    numbered as (
      update event_sequence
      set last_seq = last_seq + (select count(*) from cut_off)
      where exists (select from cut_off)
      returning last_seq - (select count(*) from cut_off) as seq_before
    )
  `
}

function insertCutOffs(db: Queries, cause: CutOffCause): ReturnType<typeof db> {
  const ends = cause.kind === 'token' ? db`cut_off.forget_at` : db`${forgetAt(cause.atMs)}`
  const resourceId = cause.kind === 'resource' ? db`cut_off.subject` : db`${cause.resourceId}`
  return db`
    insert into revocation_event (resource_id, seq, kind, subject, generation, forget_at)
    select
      ${resourceId},
      numbered.seq_before + row_number() over (order by cut_off.subject),
      ${cause.kind},
      cut_off.subject,
      cut_off.generation,
      ${ends}
    from cut_off
    cross join numbered
  `
}

/**
 * Tells every node to read something again. Run it in the transaction of the change, after its rows
 * were locked and before `appendAudit`.
 *
 * @param changed.resourceIds - each once; `everyResource` alone for signing keys.
 * @returns the events, to be published after the commit.
 */
export async function appendChanges(
  db: Queries,
  changed: {
    readonly kind: ChangeKind
    readonly resourceIds: readonly string[]
    /** Of the one resource, what changed; absent: the resource as a whole. */
    readonly part?: string
    readonly atMs: number
  },
): Promise<readonly LogEvent[]> {
  const rows = await db<RevocationEventRow[]>`
    with changed as (
      select resource_id
      from unnest(${changed.resourceIds}::uuid[]) as resource_id
    ),
    numbered as (
      update event_sequence
      set last_seq = last_seq + (select count(*) from changed)
      where exists (select from changed)
      returning last_seq - (select count(*) from changed) as seq_before
    )
    insert into revocation_event (resource_id, seq, kind, subject, generation, forget_at)
    select
      changed.resource_id,
      numbered.seq_before + row_number() over (order by changed.resource_id),
      ${changed.kind},
      coalesce(${changed.part ?? null}, changed.resource_id::text),
      0,
      ${forgetAt(changed.atMs)}
    from changed
    cross join numbered
    returning ${eventColumns(db)}, ${timelineColumn(db)}
  `
  return rows.map(logEventFrom)
}
