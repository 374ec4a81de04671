import { limits, type RevocationEvent, type SubjectKind } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'

/** A row of the log as PostgreSQL gives it. */
export interface RevocationEventRow {
  readonly resource_id: string
  readonly seq: string | number
  readonly kind: string
  readonly subject: string
  readonly generation: string | number
  readonly forget_at: Date
}

/** Reads a row of the log. */
export function eventFrom(row: RevocationEventRow): RevocationEvent {
  return {
    resourceId: row.resource_id,
    seq: Number(row.seq),
    kind: row.kind as SubjectKind,
    subject: row.subject,
    generation: Number(row.generation),
    forgetAtMs: row.forget_at.getTime(),
  }
}

/**
 * When an event of now may be forgotten: the longest token issued before it has expired then. One
 * minute is added for the difference between the clocks of nodes.
 */
function forgetAt(nowMs: number): Date {
  return new Date(nowMs + (limits.lifetimeMinutesMax + 1) * 60_000)
}

/** Lists the events that still void a token, in the order of their commits. */
export async function listRevocationEvents(
  db: Queries,
  nowMs: number,
): Promise<readonly RevocationEvent[]> {
  const rows = await db<RevocationEventRow[]>`
    select resource_id, seq, kind, subject, generation, forget_at
    from revocation_event
    where forget_at > ${new Date(nowMs)}
    order by seq
  `
  return rows.map(eventFrom)
}

/** Deletes the events that void nothing any more. */
export async function deleteForgottenEvents(db: Queries, nowMs: number): Promise<void> {
  await db`
    delete from revocation_event
    where forget_at <= ${new Date(nowMs)}
  `
}

/**
 * The end of a statement that voids: appends its cut-offs to the log, in the same transaction.
 *
 * It follows a `with` whose last member is `cut_off (subject, generation)`: the id of an identity,
 * of a resource or of a token as a uuid, or the slot of an access key as text. The number is taken
 * after those rows are locked and held to the commit: `numbered` reads `cut_off`, so rows always
 * come before the sequence, no two transactions wait for each other crosswise, and commits follow
 * the order of `seq`.
 *
 * @param cause.resourceId - whose subjects they are; absent where each is a resource itself.
 */
export function appendCutOffs(
  db: Queries,
  cause:
    | { readonly kind: 'resource'; readonly atMs: number }
    | {
        readonly resourceId: string
        readonly kind: Exclude<SubjectKind, 'resource'>
        readonly atMs: number
      },
): ReturnType<typeof db> {
  const resourceId = cause.kind === 'resource' ? db`cut_off.subject` : db`${cause.resourceId}`
  return db`
    numbered as (
      update event_sequence
      set last_seq = last_seq + (select count(*) from cut_off)
      where exists (select from cut_off)
      returning last_seq - (select count(*) from cut_off) as seq_before
    )
    insert into revocation_event (resource_id, seq, kind, subject, generation, forget_at)
    select
      ${resourceId},
      numbered.seq_before + row_number() over (order by cut_off.subject),
      ${cause.kind},
      cut_off.subject,
      cut_off.generation,
      ${forgetAt(cause.atMs)}
    from cut_off
    cross join numbered
    returning resource_id, seq, kind, subject, generation, forget_at
  `
}
