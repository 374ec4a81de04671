import type { Queries } from '../database/connect.ts'
import type { InvalidParticipant } from './participants.ts'
import type { Metadata } from './texts.ts'
import { dueAtMs, type ThreadName } from './thread.ts'

/** A thread as it is stored. */
export interface Thread extends ThreadName {
  readonly topic: string
  readonly createdAtMs: number
  /** An identity, which may be gone. */
  readonly createdBy: string
  readonly metadata: Metadata | undefined
  /** Days after its creation that it is deleted; `null`: never. */
  readonly deleteAfterDays: number | null
  readonly lastMessageId: number
  /** Rises with each change of who takes part. */
  readonly roster: number
}

/** What the creation of a thread was answered with, as far as the thread itself may change. */
export interface CreatedAnswer {
  readonly topic: string
  readonly metadata?: Metadata | undefined
  readonly deleteAfterDays: number | null
  readonly invalid: readonly InvalidParticipant[]
}

/** A thread that is about to be created. */
export interface NewThread extends ThreadName {
  readonly createdAtMs: number
  readonly createdBy: string
  /** What the client calls its creation; absent: it does not. */
  readonly repeatabilityId: string | undefined
  readonly answer: CreatedAnswer
  readonly firstMessageId: number
}

/**
 * Stores a thread with room for its first two messages.
 *
 * Of any number of callers that repeat one creation, on any number of nodes, one stores its thread;
 * the others wait here until that is committed.
 *
 * @returns whether it was stored; if not, the creation is a repeated one.
 */
export async function insertThread(db: Queries, thread: NewThread): Promise<boolean> {
  const { resourceId, threadId, createdAtMs, createdBy, repeatabilityId = null } = thread
  const { topic, metadata, deleteAfterDays } = thread.answer
  const dueAt = dueAtMs(createdAtMs, deleteAfterDays)
  const { count } = await db`
    insert into chat_thread (
      resource_id, thread_id, topic, created_at, created_by, metadata, delete_after_days,
      delete_at, last_message_id, last_sequence, repeatability_id, created_answer
    )
    values (
      ${resourceId}, ${threadId}, ${topic}, ${new Date(createdAtMs)}, ${createdBy},
      ${jsonOf(metadata)}::text::jsonb, ${deleteAfterDays},
      ${dueAt === null ? null : new Date(dueAt)}, ${thread.firstMessageId + 1}, 2,
      ${repeatabilityId}, ${JSON.stringify(thread.answer)}::text::jsonb
    )
    on conflict (resource_id, created_by, repeatability_id) where repeatability_id is not null
    do nothing
  `
  return count > 0
}

/** What is stored of metadata, as JSON. */
export function jsonOf(metadata: Metadata | undefined): string | null {
  return metadata === undefined ? null : JSON.stringify(metadata)
}

/** A creation that was answered before. */
export interface RepeatedThread extends ThreadName {
  readonly createdAtMs: number
  readonly answer: CreatedAnswer
}

/** Finds what a creation was answered with; `undefined`: that thread is gone. */
export async function findRepeatedThread(
  db: Queries,
  resourceId: string,
  asked: { readonly createdBy: string; readonly repeatabilityId: string },
): Promise<RepeatedThread | undefined> {
  const [row] = await db<{ thread_id: string; created_at: Date; answer: CreatedAnswer }[]>`
    select thread_id, created_at, created_answer as answer
    from chat_thread
    where resource_id = ${resourceId}
    and created_by = ${asked.createdBy}
    and repeatability_id = ${asked.repeatabilityId}
  `
  if (row === undefined) return undefined
  const { thread_id: threadId, created_at: createdAt, answer } = row
  return { resourceId, threadId, createdAtMs: createdAt.getTime(), answer }
}

/**
 * Waits for the thread and holds it until the transaction is over. What is read after this, in a
 * statement of its own, is as nobody else changes it.
 */
export async function lockThread(db: Queries, { resourceId, threadId }: ThreadName): Promise<void> {
  await db`
    select from chat_thread
    where resource_id = ${resourceId}
    and thread_id = ${threadId}
    for no key update
  `
}

/**
 * Keeps identities from being deleted until the transaction is over. Before anything of a thread is
 * locked: a deletion holds its identity first, too.
 *
 * @returns those that exist.
 */
export async function holdIdentities(
  db: Queries,
  resourceId: string,
  identityIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db<{ identity_id: string }[]>`
    select identity_id
    from identity
    where resource_id = ${resourceId}
    and identity_id = any(${[...identityIds]}::uuid[])
    order by identity_id
    for key share
  `
  return new Set(rows.map((row) => row.identity_id))
}

/** What of a thread is changed; absent: it stays. */
export interface ThreadChange {
  readonly topic: string | undefined
  readonly metadata: Metadata | undefined
  readonly deleteAfterDays: number | null
}

/** Writes what a thread says of itself. */
export async function updateThread(
  db: Queries,
  thread: Thread,
  { topic = thread.topic, metadata, deleteAfterDays }: ThreadChange,
): Promise<void> {
  const dueAt = dueAtMs(thread.createdAtMs, deleteAfterDays)
  await db`
    update chat_thread set
      topic = ${topic},
      metadata = ${jsonOf(metadata)}::text::jsonb,
      delete_after_days = ${deleteAfterDays},
      delete_at = ${dueAt === null ? null : new Date(dueAt)}
    where resource_id = ${thread.resourceId}
    and thread_id = ${thread.threadId}
  `
}

/** Deletes a thread for everybody; its rows are purged later. */
export async function markThreadDeleted(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  atMs: number,
): Promise<void> {
  await db`
    update chat_thread set deleted_at = ${new Date(atMs)}
    where resource_id = ${resourceId}
    and thread_id = ${threadId}
  `
}

/** A thread in the list of somebody's threads. */
export interface ListedThread {
  readonly threadId: string
  readonly topic: string
  readonly lastMessageId: number
}

/**
 * Lists the threads that somebody takes part in, the newest first.
 *
 * @param asked.before - id of the last thread of the page before; absent: from the newest.
 * @param asked.sinceMs - those without a message since then are left out.
 */
export async function listThreads(
  db: Queries,
  resourceId: string,
  asked: {
    readonly identityId: string
    readonly before: string | undefined
    readonly sinceMs: number
    readonly threadsMax: number
  },
): Promise<readonly ListedThread[]> {
  const rows = await db<{ thread_id: string; topic: string; last_message_id: number }[]>`
    select thread.thread_id, thread.topic, thread.last_message_id
    from chat_participant as participant
    join chat_thread as thread
      on thread.resource_id = ${resourceId}
      and thread.thread_id = participant.thread_id
      and thread.deleted_at is null
      and thread.last_message_id >= ${asked.sinceMs}
    where participant.resource_id = ${resourceId}
    and participant.identity_id = ${asked.identityId}
    and participant.removed_at_message is null
    and participant.thread_id < ${asked.before ?? lastGuid}::uuid
    order by participant.thread_id desc
    limit ${asked.threadsMax}
  `
  return rows.map((row) => ({
    threadId: row.thread_id,
    topic: row.topic,
    lastMessageId: row.last_message_id,
  }))
}

const lastGuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** Threads that are due by their policy, taken so that no other node takes them. */
export async function markDueThreadsDeleted(
  db: Queries,
  atMs: number,
  threadsMax: number,
): Promise<readonly ThreadName[]> {
  const rows = await db<{ resource_id: string; thread_id: string }[]>`
    with due as materialized (
      select resource_id, thread_id
      from chat_thread
      where delete_at <= ${new Date(atMs)}
      and deleted_at is null
      order by delete_at
      limit ${threadsMax}
      for no key update skip locked
    )
    update chat_thread as thread set deleted_at = ${new Date(atMs)}
    from due
    where thread.resource_id = due.resource_id
    and thread.thread_id = due.thread_id
    returning thread.resource_id, thread.thread_id
  `
  return rows.map((row) => ({ resourceId: row.resource_id, threadId: row.thread_id }))
}
