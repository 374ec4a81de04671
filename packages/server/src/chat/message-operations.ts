import { ok, type Result } from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { absentable } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import { type Operation, Replied } from '../contract/operation.ts'
import { type UserCall, userOperation } from '../contract/user-operation.ts'
import {
  askedMetadata,
  everyVersion,
  fifthVersion,
  messageSchema,
  pageSchemas,
  queryFields,
  secondVersion,
} from './fields.ts'
import { listMessages } from './message-store.ts'
import {
  faultOfContent,
  parseSyncState,
  printSyncState,
  storedContent,
  windowOf,
} from './messages.ts'
import { ownMessageOperations } from './own-message-operations.ts'
import { nextLinkOf, readPageSize, readStartTime, readSyncState } from './paging.ts'
import { printMessage } from './printed.ts'
import { findReadable } from './readable.ts'
import { type ChatRoom, endpointOf, invalidBody, lookBackAt, threadOf, threadPath } from './room.ts'
import type { SendMessage } from './send.ts'
import { faultOfMetadata, faultOfName, firstFault } from './texts.ts'

const sendSchema = Type.Object({
  content: Type.String(),
  senderDisplayName: absentable(Type.String()),
  type: absentable(messageSchema.properties.type),
  metadata: askedMetadata,
})

const path = '/chat/threads/{chatThreadId}/messages'
const scopes = ['chat', 'chat.join', 'chat.join.limited'] as const
const bytesMax = serverLimits.chatMessageBodyBytesMax
const fieldVersions = { metadata: secondVersion }

/** The operations on messages. */
export function messageOperations(room: ChatRoom, send: SendMessage): readonly Operation[] {
  return [
    sendOperation(room, send),
    listOperation(room),
    getOperation(room),
    ...ownMessageOperations(room),
  ]
}

function sendOperation(room: ChatRoom, send: SendMessage): Operation {
  return userOperation({
    id: 'ChatThread_SendChatMessage',
    summary: 'Sends a message to a chat thread.',
    method: 'POST',
    path,
    scopes,
    versions: everyVersion,
    body: { schema: sendSchema, isRequired: true, fieldVersions, bytesMax },
    reply: { status: 201, schema: Type.Object({ id: Type.String() }) },
    handle: (call) => sendOne(room, send, call),
  })
}

function listOperation(room: ChatRoom): Operation {
  return userOperation({
    id: 'ChatThread_ListChatMessages',
    summary: 'Lists the messages of a chat thread, the newest first.',
    method: 'GET',
    path,
    scopes,
    versions: everyVersion,
    query: { maxPageSize: queryFields.maxPageSize, startTime: queryFields.startTime },
    reply: {
      status: 200,
      schema: pageSchemas.messages,
      fieldVersions: {
        'value.metadata': secondVersion,
        'value.content.participants.metadata': fifthVersion,
      },
    },
    handle: (call) => list(room, call),
  })
}

function getOperation(room: ChatRoom): Operation {
  return userOperation({
    id: 'ChatThread_GetChatMessage',
    summary: 'Gets a message.',
    method: 'GET',
    path: `${path}/{chatMessageId}`,
    scopes,
    versions: everyVersion,
    reply: {
      status: 200,
      schema: messageSchema,
      fieldVersions: { ...fieldVersions, 'content.participants.metadata': fifthVersion },
    },
    handle: async (call) => {
      const membership = await lookBackAt(room, call)
      if (!membership.ok) return membership
      const found = await findReadable(room.db, call, membership.value)
      return found.ok ? ok(printMessage(call.caller.resourceId, found.value, call.version)) : found
    },
  })
}

async function sendOne(
  room: ChatRoom,
  send: SendMessage,
  call: UserCall<Static<typeof sendSchema>>,
): Promise<Result<unknown, Fault>> {
  const { caller, body } = call
  const name = threadOf(call)
  if (!name.ok) return name
  const { content, senderDisplayName, metadata } = body
  const kind = body.type ?? 'text'
  if (kind !== 'text' && kind !== 'html') {
    return invalidBody({ field: 'type', problem: 'Messages are sent as text or html.' })
  }
  const fault = firstFault(
    faultOfContent(content),
    faultOfName('senderDisplayName', senderDisplayName),
    faultOfMetadata('metadata', metadata),
  )
  if (fault !== undefined) return invalidBody(fault)
  const { resourceId, identityId: senderId } = caller
  const sent = await send({
    resourceId,
    message: {
      ...{ threadId: name.value.threadId, senderId, kind },
      senderDisplayName: senderDisplayName ?? '',
      content: storedContent(kind, content),
      metadata: metadata ?? undefined,
    },
  })
  if (!sent.ok) return sent
  const id = String(sent.value)
  const location = `${endpointOf(room, resourceId)}${threadPath(name.value)}/messages/${id}`
  return ok(new Replied(201, { id }, { location }))
}

async function list(room: ChatRoom, call: UserCall<unknown>): Promise<Result<unknown, Fault>> {
  const { query, version } = call
  const size = readPageSize(query)
  if (!size.ok) return size
  const since = readStartTime(query)
  if (!since.ok) return since
  const before = readSyncState(query, parseSyncState)
  if (!before.ok) return before
  const membership = await lookBackAt(room, call)
  if (!membership.ok) return membership
  const { thread, participant } = membership.value
  const window = windowOf(participant)
  const { messages, nextBefore } = await listMessages(room.db, thread, {
    window: { ...window, from: Math.max(window.from, since.value) },
    before: before.value ?? Number.MAX_SAFE_INTEGER,
    messagesMax: size.value,
    passedOverMax: serverLimits.chatMessagesPassedOverMax,
  })
  const { resourceId } = thread
  const value = messages.map((one) => printMessage(resourceId, one, version))
  if (nextBefore === undefined) return ok({ value })
  const next = `${threadPath(thread)}/messages`
  const nextLink = nextLinkOf(endpointOf(room, resourceId), next, {
    syncState: printSyncState(nextBefore),
    startTime: new Date(since.value).toISOString(),
    maxPageSize: size.value,
    'api-version': version,
  })
  return ok({ value, nextLink })
}
