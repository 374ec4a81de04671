import type { Database } from '../database/connect.ts'

/**
 * Stores, for tests, a thread of every identity, in which it has said and read something, and some
 * notes of what is to be purged.
 */
export async function insertSampleChat(
  sql: Database,
  resourceId: string,
  now: Date,
): Promise<void> {
  await sql`
    insert into chat_thread (
      resource_id, thread_id, topic, created_at, created_by, last_message_id, last_sequence)
    select ${resourceId}, identity_id, 'T', ${now}, identity_id, 1, 1
    from identity where resource_id = ${resourceId}`
  await sql`
    insert into chat_participant (
      resource_id, thread_id, identity_id, display_name, share_history_at, position)
    select ${resourceId}, thread_id, created_by, '', ${now}, 0
    from chat_thread where resource_id = ${resourceId}`
  await sql`
    insert into chat_message (
      resource_id, thread_id, message_id, sequence, kind, sender_id, content, version)
    select ${resourceId}, thread_id, number, number, 'text', created_by, 'x', number
    from chat_thread, generate_series(1, 3) as number where resource_id = ${resourceId}`
  await sql`
    insert into chat_message_person
    select ${resourceId}, thread_id, message_id, sender_id, '', ${now}, 0
    from chat_message where resource_id = ${resourceId} and message_id = 1`
  await sql`
    insert into chat_receipt
    select ${resourceId}, thread_id, sender_id, message_id, ${now}
    from chat_message where resource_id = ${resourceId} and message_id = 1`
  await sql`
    insert into chat_notice
    select ${resourceId}, row_number() over (), identity_id, 'x', '{}', ${now}
    from identity where resource_id = ${resourceId}`
  await sql`
    insert into chat_endpoint
    select ${resourceId}, identity_id, 'x', identity_id, 0, '{}', ${now}
    from identity where resource_id = ${resourceId}`
  await sql`
    insert into chat_erasure
    select ${resourceId}, gen_random_uuid() from generate_series(1, 3)`
}
