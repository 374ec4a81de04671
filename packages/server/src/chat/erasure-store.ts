import type { Queries } from '../database/connect.ts'
import { countingPurged } from '../usage/store.ts'

/** What a batch of the purge did. */
export interface ErasedBatch {
  /** Whether there was anything to look at. */
  readonly isFound: boolean
  readonly messageCount: number
}

/**
 * Purges a batch of one deleted thread that no other node is at, and the thread with its last one.
 *
 * @returns `isFound: false` when there is none.
 */
export async function purgeDeletedThread(db: Queries, rowsMax: number): Promise<ErasedBatch> {
  const [thread] = await db<{ resource_id: string; thread_id: string }[]>`
    select resource_id, thread_id
    from chat_thread
    where deleted_at is not null
    order by resource_id, thread_id
    limit 1
    for update skip locked
  `
  if (thread === undefined) return { isFound: false, messageCount: 0 }
  const { resource_id: resourceId, thread_id: threadId } = thread
  const [row] = await db<{ count: number }[]>`
    with batch as materialized (
      select message_id
      from chat_message
      where resource_id = ${resourceId}
      and thread_id = ${threadId}
      order by message_id
      limit ${rowsMax}
    ),
    deleted as (
      delete from chat_message
      where resource_id = ${resourceId}
      and thread_id = ${threadId}
      and message_id = any(array(select message_id from batch))
      returning resource_id, kind, to_timestamp(message_id / 1000.0) as created_at
    ),
    sent as (
      select resource_id, created_at from deleted where kind in ('text', 'html')
    ),
    counted as (${countingPurged(db, { rows: 'sent', meter: 'chat-messages-sent' })})
    select count(*)::integer as count from deleted
  `
  const messageCount = row?.count ?? 0
  if (messageCount < rowsMax) {
    await db`
      delete from chat_thread where resource_id = ${resourceId} and thread_id = ${threadId}
    `
  }
  return { isFound: true, messageCount }
}

/**
 * Purges a batch of the messages of one deleted identity that no other node is at, and its note
 * with the last of them: who sends is held, so nothing of it can be stored any more.
 *
 * @returns `isFound: false` when there is none.
 */
export async function purgeErasedIdentity(db: Queries, rowsMax: number): Promise<ErasedBatch> {
  const [erased] = await db<{ resource_id: string; identity_id: string }[]>`
    select resource_id, identity_id
    from chat_erasure
    order by resource_id, identity_id
    limit 1
    for update skip locked
  `
  if (erased === undefined) return { isFound: false, messageCount: 0 }
  const { resource_id: resourceId, identity_id: identityId } = erased
  const [row] = await db<{ count: number }[]>`
    with batch as materialized (
      select thread_id, message_id
      from chat_message
      where resource_id = ${resourceId}
      and sender_id = ${identityId}
      and kind in ('text', 'html')
      limit ${rowsMax}
    ),
    sent as (
      delete from chat_message as message
      using batch
      where message.resource_id = ${resourceId}
      and message.thread_id = batch.thread_id
      and message.message_id = batch.message_id
      returning message.resource_id, to_timestamp(message.message_id / 1000.0) as created_at
    ),
    counted as (${countingPurged(db, { rows: 'sent', meter: 'chat-messages-sent' })})
    select count(*)::integer as count from sent
  `
  const messageCount = row?.count ?? 0
  if (messageCount < rowsMax) {
    await db`
      delete from chat_erasure where resource_id = ${resourceId} and identity_id = ${identityId}
    `
  }
  return { isFound: true, messageCount }
}
