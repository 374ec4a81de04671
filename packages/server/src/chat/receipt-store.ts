import type { Queries } from '../database/connect.ts'
import type { Receipt } from './receipts.ts'
import type { ThreadName } from './thread.ts'

/**
 * Notes how far a participant has read, unless it has read further.
 *
 * @returns whether it was news.
 */
export async function advanceReceipt(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  { identityId, messageId, readAtMs }: Receipt,
): Promise<boolean> {
  const { count } = await db`
    insert into chat_receipt as former (resource_id, thread_id, identity_id, message_id, read_at)
    values (${resourceId}, ${threadId}, ${identityId}, ${messageId}, ${new Date(readAtMs)})
    on conflict (resource_id, thread_id, identity_id) do update set
      message_id = excluded.message_id,
      read_at = excluded.read_at
    where former.message_id < excluded.message_id
  `
  return count > 0
}

/** Lists how far those who take part have read, in the order in which they came. */
export async function listReceipts(
  db: Queries,
  { resourceId, threadId }: ThreadName,
  asked: { readonly skip: number; readonly receiptsMax: number },
): Promise<readonly Receipt[]> {
  const rows = await db<{ identity_id: string; message_id: number; read_at: Date }[]>`
    select receipt.identity_id, receipt.message_id, receipt.read_at
    from chat_receipt as receipt
    join chat_participant as participant
      on participant.resource_id = ${resourceId}
      and participant.thread_id = receipt.thread_id
      and participant.identity_id = receipt.identity_id
      and participant.removed_at_message is null
    where receipt.resource_id = ${resourceId}
    and receipt.thread_id = ${threadId}
    order by participant.position, participant.identity_id
    offset ${asked.skip}
    limit ${asked.receiptsMax}
  `
  return rows.map((row) => ({
    identityId: row.identity_id,
    messageId: row.message_id,
    readAtMs: row.read_at.getTime(),
  }))
}
