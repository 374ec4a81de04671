/** The operations by which participants show that they write or have read. */
import { ok, type Result } from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { absentable } from '../contract/fields.ts'
import type { Operation } from '../contract/operation.ts'
import { type UserCall, userOperation } from '../contract/user-operation.ts'
import { everyVersion, pageSchemas, queryFields, secondVersion } from './fields.ts'
import { findMessage } from './message-store.ts'
import { parseMessageId, windowOf } from './messages.ts'
import { nextLinkOf, readPageSize, readSkip } from './paging.ts'
import { isAttentive } from './participants.ts'
import { printReceipt } from './printed.ts'
import { unknownMessage } from './readable.ts'
import { advanceReceipt, listReceipts } from './receipt-store.ts'
import { type ChatRoom, endpointOf, enter, invalidBody, lookAt, tell, threadPath } from './room.ts'
import { faultOfName } from './texts.ts'

const typingSchema = Type.Object({ senderDisplayName: absentable(Type.String()) })
const receiptSchema = Type.Object({ chatMessageId: Type.String() })

const scopes = ['chat', 'chat.join', 'chat.join.limited'] as const
const receipts = '/chat/threads/{chatThreadId}/readReceipts'
/** The operations on typing and on read receipts. */
export function attentionOperations(room: ChatRoom): readonly Operation[] {
  return [
    userOperation({
      id: 'ChatThread_SendTypingNotification',
      summary: 'Tells the participants of a chat thread that the caller is writing.',
      method: 'POST',
      path: '/chat/threads/{chatThreadId}/typing',
      scopes,
      versions: everyVersion,
      body: {
        schema: typingSchema,
        isRequired: false,
        acceptsMergePatch: true,
        fieldVersions: { senderDisplayName: secondVersion },
      },
      reply: { status: 200 },
      handle: (call) => sendTyping(room, call),
    }),
    userOperation({
      id: 'ChatThread_SendChatReadReceipt',
      summary: 'Says how far the caller has read in a chat thread.',
      method: 'POST',
      path: receipts,
      scopes,
      versions: everyVersion,
      body: { schema: receiptSchema, isRequired: true },
      reply: { status: 200 },
      handle: (call) => sendReceipt(room, call),
    }),
    userOperation({
      id: 'ChatThread_ListChatReadReceipts',
      summary: 'Lists how far the participants of a chat thread have read.',
      method: 'GET',
      path: receipts,
      scopes,
      versions: everyVersion,
      query: { maxPageSize: queryFields.maxPageSize, skip: queryFields.skip },
      reply: { status: 200, schema: pageSchemas.receipts },
      handle: (call) => list(room, call),
    }),
  ]
}

async function sendTyping(
  room: ChatRoom,
  call: UserCall<Static<typeof typingSchema>>,
): Promise<Result<undefined, Fault>> {
  const { caller, body } = call
  const fault = faultOfName('senderDisplayName', body.senderDisplayName)
  if (fault !== undefined) return invalidBody(fault)
  const membership = await lookAt(room, call)
  if (!membership.ok) return membership
  const { thread, participant, participantCount } = membership.value
  if (!isAttentive(participantCount)) return ok(undefined)
  const displayName = body.senderDisplayName ?? participant.displayName
  const by = { rawId: caller.rawId, displayName }
  const event = { kind: 'typingIndicatorReceived', by, atMs: room.platform.now() } as const
  await tell(room, room.db, { name: thread, event })
  return ok(undefined)
}

async function sendReceipt(
  room: ChatRoom,
  call: UserCall<Static<typeof receiptSchema>>,
): Promise<Result<undefined, Fault>> {
  const { caller, body } = call
  const messageId = parseMessageId(body.chatMessageId)
  return enter(room, call, async (db, { thread, participant, participantCount }) => {
    if (messageId === undefined) return unknownMessage
    const asked = { messageId, window: windowOf(participant) }
    const message = await findMessage(db, thread, asked)
    if (message === undefined) return unknownMessage
    if (!isAttentive(participantCount)) return ok(undefined)
    const atMs = room.platform.now()
    const { identityId, displayName } = participant
    const isNews = await advanceReceipt(db, thread, { identityId, messageId, readAtMs: atMs })
    if (!isNews) return ok(undefined)
    const by = { rawId: caller.rawId, displayName }
    const event = { kind: 'readReceiptReceived', by, messageId: String(messageId), atMs } as const
    await tell(room, db, { name: thread, event })
    return ok(undefined)
  })
}

async function list(room: ChatRoom, call: UserCall<unknown>): Promise<Result<unknown, Fault>> {
  const { query, version } = call
  const size = readPageSize(query)
  if (!size.ok) return size
  const skip = readSkip(query)
  if (!skip.ok) return skip
  const membership = await lookAt(room, call)
  if (!membership.ok) return membership
  const { thread } = membership.value
  const asked = { skip: skip.value, receiptsMax: size.value + 1 }
  const found = await listReceipts(room.db, thread, asked)
  const { resourceId } = thread
  const value = found.slice(0, size.value).map((one) => printReceipt(resourceId, one))
  if (found.length <= size.value) return ok({ value })
  const next = `${threadPath(thread)}/readReceipts`
  const nextLink = nextLinkOf(endpointOf(room, resourceId), next, {
    ...{ skip: skip.value + size.value, maxPageSize: size.value, 'api-version': version },
  })
  return ok({ value, nextLink })
}
