import { printInstant } from '../contract/fields.ts'
import type { Queries } from '../database/connect.ts'
import { type Held, type Holding, heldPage } from '../identities/holdings.ts'
import { printThreadId } from './thread.ts'

/**
 * What chat keeps for an identity, thread by thread: memberships, messages, receipts, and what the
 * system told of it. What stands in a thread that is deleted nobody has any more, and is left out.
 */
export const chatHoldings: readonly Holding[] = [
  {
    type: 'chatMembership',
    async list(db, held, { after, rowsMax }) {
      const rows = await db<MembershipRow[]>`
        select thread_id, display_name, metadata, share_history_at, removed_at_message
        from chat_participant
        where ${ofIdentity(db, held)}
        ${after === undefined ? db`` : db`and thread_id > ${after}::uuid`}
        and ${threadIsThere(db, 'chat_participant')}
        order by thread_id
        limit ${rowsMax + 1}
      `
      return heldPage(rows, rowsMax, {
        place: (row) => row.thread_id,
        line: (row) => ({
          ...threadOf(held, row),
          displayName: row.display_name,
          ...(row.metadata === null ? {} : { metadata: row.metadata }),
          shareHistoryTime: printInstant(row.share_history_at.getTime()),
          isRemoved: row.removed_at_message !== null,
        }),
      })
    },
    count: (db, held) => countRows(db, held, 'chat_participant'),
  },
  {
    type: 'chatMessage',
    async list(db, held, { after, rowsMax }) {
      const rows = await db<MessageRow[]>`
        select
          thread_id, message_id, sequence, kind, sender_display_name, content, metadata,
          edited_at, deleted_at
        from chat_message
        where resource_id = ${held.resourceId}
        and sender_id = ${held.identityId}
        and kind in ('text', 'html')
        ${after === undefined ? db`` : afterMessage(db, after)}
        and ${threadIsThere(db, 'chat_message')}
        order by thread_id, message_id
        limit ${rowsMax + 1}
      `
      return heldPage(rows, rowsMax, { place: printPlace, line: (row) => messageLine(held, row) })
    },
    async count(db, { resourceId, identityId }) {
      const [row] = await db<{ readonly count: string | number }[]>`
        select count(*) as count
        from chat_message
        where resource_id = ${resourceId}
        and sender_id = ${identityId}
        and kind in ('text', 'html')
        and ${threadIsThere(db, 'chat_message')}
      `
      return Number(row?.count)
    },
  },
  {
    type: 'chatReadReceipt',
    async list(db, held, { after, rowsMax }) {
      const rows = await db<ReceiptRow[]>`
        select chat_receipt.thread_id, chat_receipt.message_id, chat_receipt.read_at
        from chat_participant
        join chat_receipt using (resource_id, thread_id, identity_id)
        where ${ofIdentity(db, held)}
        ${after === undefined ? db`` : db`and thread_id > ${after}::uuid`}
        and ${threadIsThere(db, 'chat_participant')}
        order by thread_id
        limit ${rowsMax + 1}
      `
      return heldPage(rows, rowsMax, {
        place: (row) => row.thread_id,
        line: (row) => ({
          ...threadOf(held, row),
          chatMessageId: String(row.message_id),
          readOn: printInstant(row.read_at.getTime()),
        }),
      })
    },
    async count(db, held) {
      const [row] = await db<{ readonly count: string | number }[]>`
        select count(*) as count
        from chat_participant
        join chat_receipt using (resource_id, thread_id, identity_id)
        where ${ofIdentity(db, held)}
        and ${threadIsThere(db, 'chat_participant')}
      `
      return Number(row?.count)
    },
  },
  {
    type: 'chatMention',
    async list(db, held, { after, rowsMax }) {
      const rows = await db<MentionRow[]>`
        select thread_id, message_id, display_name
        from chat_message_person
        where ${ofIdentity(db, held)}
        ${after === undefined ? db`` : afterMessage(db, after)}
        and ${threadIsThere(db, 'chat_message_person')}
        order by thread_id, message_id
        limit ${rowsMax + 1}
      `
      return heldPage(rows, rowsMax, {
        place: printPlace,
        line: (row) => ({
          ...threadOf(held, row),
          chatMessageId: String(row.message_id),
          displayName: row.display_name,
        }),
      })
    },
    count: (db, held) => countRows(db, held, 'chat_message_person'),
  },
]

type Fragment = ReturnType<Queries>

function ofIdentity(db: Queries, { resourceId, identityId }: Held): Fragment {
  return db`resource_id = ${resourceId} and identity_id = ${identityId}`
}

function threadIsThere(db: Queries, table: string): Fragment {
  return db`exists (
    select
    from chat_thread
    where chat_thread.resource_id = ${db(table)}.resource_id
    and chat_thread.thread_id = ${db(table)}.thread_id
    and chat_thread.deleted_at is null
  )`
}

async function countRows(db: Queries, held: Held, table: string): Promise<number> {
  const [row] = await db<{ readonly count: string | number }[]>`
    select count(*) as count
    from ${db(table)}
    where ${ofIdentity(db, held)}
    and ${threadIsThere(db, table)}
  `
  return Number(row?.count)
}

function printPlace(row: Pick<MessageRow, 'thread_id' | 'message_id'>): string {
  return `${row.thread_id}_${row.message_id}`
}

function afterMessage(db: Queries, place: string): Fragment {
  const [threadId = '', messageId = ''] = place.split('_')
  return db`and (thread_id, message_id) > (${threadId}::uuid, ${messageId}::text::bigint)`
}

function threadOf(held: Held, row: { readonly thread_id: string }): { readonly threadId: string } {
  return { threadId: printThreadId({ resourceId: held.resourceId, threadId: row.thread_id }) }
}

function messageLine(held: Held, row: MessageRow): object {
  const { edited_at: editedAt, deleted_at: deletedAt } = row
  return {
    ...threadOf(held, row),
    id: String(row.message_id),
    sequenceId: String(row.sequence),
    kind: row.kind,
    createdOn: printInstant(Number(row.message_id)),
    senderDisplayName: row.sender_display_name,
    ...(row.content === null ? {} : { content: row.content }),
    ...(row.metadata === null ? {} : { metadata: row.metadata }),
    ...(editedAt === null ? {} : { editedOn: printInstant(editedAt.getTime()) }),
    ...(deletedAt === null ? {} : { deletedOn: printInstant(deletedAt.getTime()) }),
  }
}

interface MembershipRow {
  readonly thread_id: string
  readonly display_name: string
  readonly metadata: object | null
  readonly share_history_at: Date
  readonly removed_at_message: string | number | null
}

interface MessageRow {
  readonly thread_id: string
  readonly message_id: string | number
  readonly sequence: string | number
  readonly kind: string
  readonly sender_display_name: string
  readonly content: string | null
  readonly metadata: object | null
  readonly edited_at: Date | null
  readonly deleted_at: Date | null
}

interface ReceiptRow {
  readonly thread_id: string
  readonly message_id: string | number
  readonly read_at: Date
}

interface MentionRow {
  readonly thread_id: string
  readonly message_id: string | number
  readonly display_name: string
}
