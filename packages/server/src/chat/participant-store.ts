import type { Queries } from '../database/connect.ts'
import type { Participant } from './participants.ts'
import type { Metadata } from './texts.ts'
import type { ThreadName } from './thread.ts'
import { jsonOf, type Thread } from './thread-store.ts'

/** What somebody is in a thread. */
export interface Access {
  readonly thread: Thread
  /** Absent: it never took part. */
  readonly participant: KnownParticipant | undefined
  /** How many take part. */
  readonly participantCount: number
}

/** A participant, or somebody who was one. */
export interface KnownParticipant extends Participant {
  /** The last message that it may read; absent: it takes part. */
  readonly removedAtMessage: number | undefined
}

interface ParticipantRow {
  readonly identity_id: string
  readonly display_name: string
  readonly share_history_at: Date
  readonly participant_metadata: Metadata | null
  readonly removed_at_message: number | null
}

interface AccessRow {
  readonly topic: string
  readonly created_at: Date
  readonly created_by: string
  readonly metadata: Metadata | null
  readonly delete_after_days: number | null
  readonly last_message_id: number
  readonly roster: number
  readonly participant_count: number
}

/** Finds a thread, and what somebody is in it; `undefined`: there is no such thread. */
export async function findAccess(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  identityId: string,
): Promise<Access | undefined> {
  const [row] = await db<(AccessRow & Nullable<ParticipantRow>)[]>`
    select
      thread.topic, thread.created_at, thread.created_by, thread.metadata,
      thread.delete_after_days, thread.last_message_id, thread.roster,
      participant.identity_id, participant.display_name, participant.share_history_at,
      participant.metadata as participant_metadata, participant.removed_at_message,
      (
        select count(*)
        from chat_participant as other
        where other.resource_id = ${resourceId}
        and other.thread_id = thread.thread_id
        and other.removed_at_message is null
      )::integer as participant_count
    from chat_thread as thread
    left join chat_participant as participant
      on participant.resource_id = ${resourceId}
      and participant.thread_id = thread.thread_id
      and participant.identity_id = ${identityId}
    where thread.resource_id = ${resourceId}
    and thread.thread_id = ${threadId}
    and thread.deleted_at is null
  `
  if (row === undefined) return undefined
  const thread: Thread = {
    ...{ resourceId, threadId, topic: row.topic, createdAtMs: row.created_at.getTime() },
    ...{ createdBy: row.created_by, deleteAfterDays: row.delete_after_days },
    ...{ lastMessageId: row.last_message_id, roster: row.roster },
    metadata: row.metadata ?? undefined,
  }
  const participant = row.identity_id === null ? undefined : participantFrom(row as ParticipantRow)
  return { thread, participant, participantCount: row.participant_count }
}

type Nullable<Row> = { readonly [Name in keyof Row]: Row[Name] | null }

function participantFrom(row: ParticipantRow): KnownParticipant {
  return {
    identityId: row.identity_id,
    displayName: row.display_name,
    shareHistoryAtMs: row.share_history_at.getTime(),
    metadata: row.participant_metadata ?? undefined,
    removedAtMessage: row.removed_at_message ?? undefined,
  }
}

/** Lists who takes part, in the order in which they came. */
export async function listParticipants(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  asked: { readonly skip: number; readonly participantsMax: number },
): Promise<readonly Participant[]> {
  const rows = await db<ParticipantRow[]>`
    select
      identity_id, display_name, share_history_at, metadata as participant_metadata,
      removed_at_message
    from chat_participant
    where resource_id = ${resourceId}
    and thread_id = ${threadId}
    and removed_at_message is null
    order by position, identity_id
    offset ${asked.skip}
    limit ${asked.participantsMax}
  `
  return rows.map(participantFrom)
}

/** Finds somebody who takes part. */
export async function findMember(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  identityId: string,
): Promise<Participant | undefined> {
  const [row] = await db<ParticipantRow[]>`
    select
      identity_id, display_name, share_history_at, metadata as participant_metadata,
      removed_at_message
    from chat_participant
    where resource_id = ${resourceId}
    and thread_id = ${threadId}
    and identity_id = ${identityId}
    and removed_at_message is null
  `
  return row === undefined ? undefined : participantFrom(row)
}

/** The identities that take part. */
export async function listMemberIds(
  db: Queries,
  { resourceId, threadId }: ThreadName,
): Promise<readonly string[]> {
  const rows = await db<{ identity_id: string }[]>`
    select identity_id
    from chat_participant
    where resource_id = ${resourceId}
    and thread_id = ${threadId}
    and removed_at_message is null
  `
  return rows.map((row) => row.identity_id)
}

/**
 * Adds participants. Somebody who was removed is one again; somebody who takes part stays as it is.
 *
 * @param position - of the first of them; the others follow.
 */
export async function insertParticipants(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  added: { readonly participants: readonly Participant[]; readonly position: number },
): Promise<void> {
  const { participants, position } = added
  await db`
    insert into chat_participant as former (
      resource_id, thread_id, identity_id, display_name, metadata, share_history_at, position
    )
    select
      ${resourceId}, ${threadId}, identity_id, display_name, metadata::jsonb,
      share_history_at, ${position}::bigint + place
    from unnest(
      ${participants.map((one) => one.identityId)}::uuid[],
      ${participants.map((one) => one.displayName)}::text[],
      ${db.types.textArray(participants.map((one) => jsonOf(one.metadata)))}::text[],
      ${db.types.timestamptzArray(participants.map((one) => new Date(one.shareHistoryAtMs)))}
    ) with ordinality as added (identity_id, display_name, metadata, share_history_at, place)
    order by identity_id
    on conflict (resource_id, thread_id, identity_id) do update set
      display_name = excluded.display_name,
      metadata = excluded.metadata,
      share_history_at = excluded.share_history_at,
      position = excluded.position,
      removed_at_message = null
    where former.removed_at_message is not null
  `
}

/** Notes that somebody takes part no more, and which message is the last for it. */
export async function markParticipantRemoved(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  removed: { readonly identityId: string; readonly messageId: number },
): Promise<void> {
  await db`
    update chat_participant set removed_at_message = ${removed.messageId}
    where resource_id = ${resourceId}
    and thread_id = ${threadId}
    and identity_id = ${removed.identityId}
  `
}
