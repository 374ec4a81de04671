import type { Queries } from '../database/connect.ts'
import type { MessageKind, Window } from './messages.ts'
import type { Participant } from './participants.ts'
import type { Metadata } from './texts.ts'
import type { ThreadName } from './thread.ts'
import { jsonOf } from './thread-store.ts'

/** A message as it is stored. */
export interface Message {
  /** Milliseconds since the Unix epoch: when it was stored. */
  readonly messageId: number
  readonly sequence: number
  readonly kind: MessageKind
  /** Who sent it or did what it tells; absent: that identity is deleted. */
  readonly senderId: string | undefined
  readonly senderDisplayName: string
  /** Message or topic; absent: deleted, or it has none. */
  readonly content: string | undefined
  readonly metadata: Metadata | undefined
  readonly version: number
  readonly editedAtMs: number | undefined
  readonly deletedAtMs: number | undefined
  /** Whom a message of the system is about. */
  readonly people: readonly MessagePerson[]
}

/** Somebody whom a message of the system is about. */
export interface MessagePerson {
  readonly identityId: string
  readonly displayName: string
  /** Absent where it was removed. */
  readonly shareHistoryAtMs: number | undefined
}

interface MessageRow {
  readonly message_id: number
  readonly sequence: number
  readonly kind: MessageKind
  readonly sender_id: string | null
  readonly sender_display_name: string
  readonly content: string | null
  readonly metadata: Metadata | null
  readonly version: number
  readonly edited_at: Date | null
  readonly deleted_at: Date | null
  readonly people: readonly PersonRow[] | null
}

interface PersonRow {
  readonly id: string
  readonly name: string
  readonly since: number | null
}

/** The messages of a page, and the id below which the next one begins. */
export interface MessagePage {
  readonly messages: readonly Message[]
  /** Absent: there is no other page. */
  readonly nextBefore: number | undefined
}

/** Which messages of a thread are asked for. */
export interface AskedPage {
  readonly window: Window
  /** Those below this id. */
  readonly before: number
  readonly messagesMax: number
  /** Messages of deleted identities that are passed over, until they are purged. */
  readonly passedOverMax: number
}

/**
 * Lists the messages of a thread, the newest first. Those of deleted identities are passed over,
 * also while their rows are still there; a page that met many of them has fewer messages, or none,
 * and goes on below.
 *
 * The rows come from the primary key in its order, from the place where the page begins, so a page
 * costs the same wherever in the thread it lies. How far was looked is told by the statement that
 * looked: another one would find less there, while a purge is under way, and call it the end.
 */
export async function listMessages(
  db: Queries,
  name: ThreadName,
  asked: AskedPage,
): Promise<MessagePage> {
  const { messagesMax, passedOverMax } = asked
  const lookedMax = messagesMax + 1 + passedOverMax
  const rows = await db<(MessageRow & EdgeRow)[]>`
    with looked as materialized (${lookedAt(db, name, { ...asked, lookedMax })})
    select edge.*, shown.*
    from (select count(*)::integer as looked, min(message_id) as last_looked from looked) as edge
    left join (
      ${selectMessages(db, name, db`select * from looked`)}
      order by message.message_id desc
      limit ${messagesMax + 1}
    ) as shown on true
    order by shown.message_id desc
  `
  const messages = rows.filter((row) => row.message_id !== null).map(messageFrom)
  const shown = messages.slice(0, messagesMax)
  if (messages.length > messagesMax) return { messages: shown, nextBefore: shown.at(-1)?.messageId }
  const [edge] = rows
  const isEnd = edge === undefined || edge.looked < lookedMax
  return { messages: shown, nextBefore: isEnd ? undefined : (edge.last_looked ?? undefined) }
}

interface EdgeRow {
  readonly looked: number
  readonly last_looked: number | null
}

function lookedAt(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  { window, before, lookedMax }: AskedPage & { readonly lookedMax: number },
): ReturnType<typeof db> {
  return db`
    select *
    from chat_message
    where resource_id = ${resourceId}
    and thread_id = ${threadId}
    and message_id < ${before}
    and message_id between ${window.from} and ${window.until}
    order by message_id desc
    limit ${lookedMax}
  `
}

/** Finds one message that lies in a window and whose sender is there. */
export async function findMessage(
  db: Queries,
  name: ThreadName,
  asked: { readonly messageId: number; readonly window: Window },
): Promise<Message | undefined> {
  const { messageId, window } = asked
  if (messageId < window.from || messageId > window.until) return undefined
  const [row] = await db<MessageRow[]>`${selectMessages(db, name, theOne(db, name, messageId))}`
  return row === undefined ? undefined : messageFrom(row)
}

function theOne(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  messageId: number,
): ReturnType<typeof db> {
  return db`
    select *
    from chat_message
    where resource_id = ${resourceId}
    and thread_id = ${threadId}
    and message_id = ${messageId}
  `
}

function selectMessages(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  rows: ReturnType<typeof db>,
): ReturnType<typeof db> {
  return db`
    select
      message.message_id, message.sequence, message.kind, sender.identity_id as sender_id,
      message.sender_display_name, message.content, message.metadata, message.version,
      message.edited_at, message.deleted_at,
      case when message.kind in ('participantAdded', 'participantRemoved') then (
        select json_agg(
          json_build_object(
            'id', person.identity_id,
            'name', person.display_name,
            'since', floor(extract(epoch from person.share_history_at) * 1000)
          )
          order by person.position
        )
        from chat_message_person as person
        where person.resource_id = ${resourceId}
        and person.thread_id = ${threadId}
        and person.message_id = message.message_id
      ) end as people
    from (${rows}) as message
    left join identity as sender
      on sender.resource_id = ${resourceId}
      and sender.identity_id = message.sender_id
    where (sender.identity_id is not null or message.kind not in ('text', 'html'))
  `
}

function messageFrom(row: MessageRow): Message {
  return {
    ...{ messageId: row.message_id, sequence: row.sequence, kind: row.kind },
    senderId: row.sender_id ?? undefined,
    senderDisplayName: row.sender_display_name,
    content: row.content ?? undefined,
    metadata: row.metadata ?? undefined,
    version: row.version,
    editedAtMs: row.edited_at?.getTime(),
    deletedAtMs: row.deleted_at?.getTime(),
    people: (row.people ?? []).map((person) => ({
      identityId: person.id,
      displayName: person.name,
      shareHistoryAtMs: person.since ?? undefined,
    })),
  }
}

/** The place of a message in its thread. */
export interface Place {
  readonly messageId: number
  readonly sequence: number
}

/**
 * Takes the place of the next message of a thread. The thread must be held.
 *
 * @param isRosterChanged - whether it tells a change of who takes part.
 */
export async function takePlace(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  { nowMs, isRosterChanged }: { readonly nowMs: number; readonly isRosterChanged: boolean },
): Promise<Place> {
  const [row] = await db<{ last_message_id: number; last_sequence: number }[]>`
    update chat_thread set
      last_message_id = greatest(last_message_id + 1, ${nowMs}),
      last_sequence = last_sequence + 1,
      roster = roster + ${isRosterChanged ? 1 : 0}
    where resource_id = ${resourceId}
    and thread_id = ${threadId}
    returning last_message_id, last_sequence
  `
  if (row === undefined) throw new Error('a thread that is held is there')
  return { messageId: row.last_message_id, sequence: row.last_sequence }
}

/** A message in which a thread tells something of itself. */
export interface SystemMessage extends Place {
  readonly kind: Exclude<MessageKind, 'text' | 'html'>
  /** Who did it. */
  readonly initiatorId: string
  readonly topic?: string
  readonly people?: readonly Participant[]
}

/** Stores a message of the system. */
export async function insertSystemMessage(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  message: SystemMessage,
): Promise<void> {
  const { messageId, sequence, kind, initiatorId, topic = null, people = [] } = message
  await db`
    insert into chat_message (
      resource_id, thread_id, message_id, sequence, kind, sender_id, content, version
    )
    values (
      ${resourceId}, ${threadId}, ${messageId}, ${sequence}, ${kind}, ${initiatorId}, ${topic},
      ${messageId}
    )
  `
  if (people.length === 0) return
  const areRemoved = kind === 'participantRemoved'
  const since = people.map((one) => (areRemoved ? null : new Date(one.shareHistoryAtMs)))
  await db`
    insert into chat_message_person (
      resource_id, thread_id, message_id, identity_id, display_name, share_history_at, position
    )
    select
      ${resourceId}, ${threadId}, ${messageId}, identity_id, display_name, share_history_at, place
    from unnest(
      ${people.map((one) => one.identityId)}::uuid[],
      ${people.map((one) => one.displayName)}::text[],
      ${db.types.timestamptzArray(since as Date[])}
    ) with ordinality as person (identity_id, display_name, share_history_at, place)
  `
}

/** Changes a message; the thread must be held. Gives its new version. */
export async function updateMessage(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  changed: {
    readonly messageId: number
    readonly content: string | undefined
    readonly metadata: Metadata | undefined
    readonly atMs: number
  },
): Promise<number> {
  const { messageId, content = null, metadata, atMs } = changed
  const [row] = await db<{ version: number }[]>`
    update chat_message set
      content = ${content},
      metadata = ${jsonOf(metadata)}::text::jsonb,
      version = greatest(version + 1, ${atMs}),
      edited_at = ${new Date(atMs)}
    where resource_id = ${resourceId}
    and thread_id = ${threadId}
    and message_id = ${messageId}
    returning version
  `
  if (row === undefined) throw new Error('a message of a thread that is held is there')
  return row.version
}

/** Takes out of a message all that it said. Gives its new version. */
export async function eraseMessage(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  erased: { readonly messageId: number; readonly atMs: number },
): Promise<number> {
  const [row] = await db<{ version: number }[]>`
    update chat_message set
      content = null,
      metadata = null,
      sender_display_name = '',
      version = greatest(version + 1, ${erased.atMs}),
      deleted_at = ${new Date(erased.atMs)}
    where resource_id = ${resourceId}
    and thread_id = ${threadId}
    and message_id = ${erased.messageId}
    returning version
  `
  if (row === undefined) throw new Error('a message of a thread that is held is there')
  return row.version
}
