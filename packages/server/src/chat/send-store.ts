import type { Queries } from '../database/connect.ts'
import { countingUsage } from '../usage/store.ts'
import type { SentKind } from './messages.ts'
import type { Metadata } from './texts.ts'
import { jsonOf } from './thread-store.ts'

/** A message that is about to be stored. */
export interface NewMessage {
  readonly threadId: string
  /** Who sends it: an identity. */
  readonly senderId: string
  readonly kind: SentKind
  readonly senderDisplayName: string
  /** As it is stored. */
  readonly content: string
  readonly metadata: Metadata | undefined
}

/** What became of a message. */
export type Stored =
  | { readonly kind: 'stored'; readonly messageId: number; readonly roster: number }
  /** There is no such thread. */
  | { readonly kind: 'thread' }
  /** The sender does not take part. */
  | { readonly kind: 'membership' }
  /** Who takes part changed while this waited: nobody knows whether it may be sent. */
  | { readonly kind: 'again' }

/**
 * Stores messages of one resource, and counts them, in one statement: threads and membership are
 * looked at, each thread is held in the order of its id and gives as many places as it was asked
 * for, and the messages are inserted with the record of their usage.
 *
 * Membership is read as the statement found it at its start, and a removal may have committed
 * while it waited for a thread. The roster of the thread tells: PostgreSQL looks at the row again
 * when it gets it, and one whose roster has changed is passed over. So nothing is stored that a
 * removed participant sent after the removal, without a lock on any participant.
 *
 * The senders are held before anything else, as everywhere: an identity that is deleted meanwhile
 * is no sender, and one that sends is deleted with what it said: nothing of it is stored later.
 *
 * Rejected: `for share of participant`, which writes a row for each sender and meets the deletion
 * of an identity in another order. Rejected: two statements, the second to judge with the thread
 * held; a round trip more, during which the thread is everybody's bottleneck.
 *
 * @returns one answer for each message, in their order.
 */
export async function insertMessages(
  db: Queries,
  resourceId: string,
  { messages, nowMs }: { readonly messages: readonly NewMessage[]; readonly nowMs: number },
): Promise<readonly Stored[]> {
  const rows = await db<StoredRow[]>`
    with asked as materialized (${askedRows(db, messages)}),
    living as materialized (${livingSenders(db, resourceId)}),
    judged as materialized (${judgedRows(db, resourceId)}),
    held as materialized (${heldThreads(db, resourceId)}),
    placed as (${placesTaken(db, resourceId, nowMs)}),
    stored as (
      insert into chat_message (
        resource_id, thread_id, message_id, sequence, kind, sender_id, sender_display_name,
        content, metadata, version
      )
      select
        ${resourceId}::uuid, judged.thread_id, id_before + place, sequence_before + place, kind,
        sender_id, sender_display_name, content, metadata::jsonb, id_before + place
      from judged
      join placed on placed.thread_id = judged.thread_id
      where is_member
      returning resource_id, to_timestamp(message_id / 1000.0) as created_at
    ),
    counted as (${countingUsage(db, { rows: 'stored', meter: 'chat-messages-sent' })})
    select is_thread, is_member, roster, id_before + place as message_id
    from judged
    left join placed on placed.thread_id = judged.thread_id
    order by position
  `
  return rows.map(storedFrom)
}

function askedRows(db: Queries, messages: readonly NewMessage[]): ReturnType<typeof db> {
  return db`
    select *
    from unnest(
      ${messages.map((one) => one.threadId)}::uuid[],
      ${messages.map((one) => one.senderId)}::uuid[],
      ${messages.map((one) => one.kind)}::text[],
      ${messages.map((one) => one.senderDisplayName)}::text[],
      ${messages.map((one) => one.content)}::text[],
      ${db.types.textArray(messages.map((one) => jsonOf(one.metadata)))}::text[]
    ) with ordinality as asked (
      thread_id, sender_id, kind, sender_display_name, content, metadata, position
    )
  `
}

function livingSenders(db: Queries, resourceId: string): ReturnType<typeof db> {
  return db`
    select identity_id
    from identity
    where resource_id = ${resourceId}
    and identity_id in (select sender_id from asked)
    order by identity_id
    for key share
  `
}

/** Which of them go to a thread that is there, and come from somebody who takes part in it. */
function judgedRows(db: Queries, resourceId: string): ReturnType<typeof db> {
  return db`
    select
      asked.*, thread.roster, thread.thread_id is not null as is_thread,
      living.identity_id is not null as is_member,
      row_number() over (
        partition by asked.thread_id, living.identity_id is not null
        order by asked.position
      ) as place
    from asked
    left join chat_thread as thread
      on thread.resource_id = ${resourceId}
      and thread.thread_id = asked.thread_id
      and thread.deleted_at is null
    left join chat_participant as participant
      on participant.resource_id = ${resourceId}
      and participant.thread_id = thread.thread_id
      and participant.identity_id = asked.sender_id
      and participant.removed_at_message is null
    left join living on living.identity_id = participant.identity_id
  `
}

/** Holds the threads whose roster is the one judged by. */
function heldThreads(db: Queries, resourceId: string): ReturnType<typeof db> {
  return db`
    select thread.thread_id, wanted.places
    from (
      select thread_id, roster, count(*) as places
      from judged
      where is_member
      group by thread_id, roster
    ) as wanted
    join chat_thread as thread
      on thread.resource_id = ${resourceId}
      and thread.thread_id = wanted.thread_id
      and thread.roster = wanted.roster
      and thread.deleted_at is null
    order by thread.thread_id
    for no key update of thread
  `
}

/** Takes places in the threads that are held. */
function placesTaken(db: Queries, resourceId: string, nowMs: number): ReturnType<typeof db> {
  return db`
    update chat_thread as thread set
      last_message_id = greatest(thread.last_message_id + 1, ${nowMs}) + held.places - 1,
      last_sequence = thread.last_sequence + held.places
    from held
    where thread.resource_id = ${resourceId}
    and thread.thread_id = held.thread_id
    returning
      thread.thread_id,
      thread.last_message_id - held.places as id_before,
      thread.last_sequence - held.places as sequence_before
  `
}

interface StoredRow {
  readonly is_thread: boolean
  readonly is_member: boolean
  readonly roster: number | null
  readonly message_id: number | null
}

function storedFrom({ is_thread, is_member, roster, message_id }: StoredRow): Stored {
  if (!is_thread) return { kind: 'thread' }
  if (!is_member) return { kind: 'membership' }
  if (message_id === null || roster === null) return { kind: 'again' }
  return { kind: 'stored', messageId: message_id, roster }
}
