import { fail, ok, type Result } from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { absentable } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import { type Operation, Replied } from '../contract/operation.ts'
import { type UserCall, userOperation } from '../contract/user-operation.ts'
import type { Transaction } from '../database/connect.ts'
import {
  askedMetadata,
  everyVersion,
  messageSchema,
  pageSchemas,
  patchedMetadataSchema,
  printMessage,
  queryFields,
  secondVersion,
} from './fields.ts'
import {
  eraseMessage,
  findMessage,
  listMessages,
  type Message,
  updateMessage,
} from './message-store.ts'
import {
  faultOfContent,
  parseMessageId,
  parseSyncState,
  printSyncState,
  type SentKind,
  storedContent,
  windowOf,
} from './messages.ts'
import { nextLinkOf, readPageSize, readStartTime, readSyncState } from './paging.ts'
import {
  type ChatRoom,
  type Entered,
  endpointOf,
  enter,
  invalidBody,
  lookBackAt,
  type Membership,
  tell,
  threadOf,
  threadPath,
} from './room.ts'
import type { SendMessage } from './send.ts'
import { faultOfMetadata, faultOfName, firstFault, patchedMetadata } from './texts.ts'

const sendSchema = Type.Object({
  content: Type.String(),
  senderDisplayName: absentable(Type.String()),
  type: absentable(messageSchema.properties.type),
  metadata: askedMetadata,
})

const updateSchema = Type.Object({
  content: absentable(Type.String()),
  metadata: patchedMetadataSchema,
})

const path = '/chat/threads/{chatThreadId}/messages'
const scopes = ['chat', 'chat.join', 'chat.join.limited'] as const
const bytesMax = serverLimits.chatMessageBodyBytesMax
const fieldVersions = { metadata: secondVersion }

/** The operations on messages. */
export function messageOperations(room: ChatRoom, send: SendMessage): readonly Operation[] {
  return [
    userOperation({
      id: 'ChatThread_SendChatMessage',
      summary: 'Sends a message to a chat thread.',
      method: 'POST',
      path,
      scopes,
      versions: everyVersion,
      body: { schema: sendSchema, isRequired: true, fieldVersions, bytesMax },
      reply: { status: 201, schema: Type.Object({ id: Type.String() }) },
      handle: (call) => sendOne(room, send, call),
    }),
    userOperation({
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
        fieldVersions: { 'value.metadata': secondVersion },
      },
      handle: (call) => list(room, call),
    }),
    userOperation({
      id: 'ChatThread_GetChatMessage',
      summary: 'Gets a message.',
      method: 'GET',
      path: `${path}/{chatMessageId}`,
      scopes,
      versions: everyVersion,
      reply: { status: 200, schema: messageSchema, fieldVersions },
      handle: async (call) => {
        const membership = await lookBackAt(room, call)
        if (!membership.ok) return membership
        const found = await find(room.db, call, membership.value)
        return found.ok
          ? ok(printMessage(call.caller.resourceId, found.value, call.version))
          : found
      },
    }),
    userOperation({
      id: 'ChatThread_UpdateChatMessage',
      summary: 'Changes a message of the caller.',
      method: 'PATCH',
      path: `${path}/{chatMessageId}`,
      scopes,
      versions: everyVersion,
      body: {
        schema: updateSchema,
        isMergePatchOnly: true,
        isRequired: true,
        fieldVersions,
        bytesMax,
      },
      reply: { status: 204 },
      handle: (call) => update(room, call),
    }),
    userOperation({
      id: 'ChatThread_DeleteChatMessage',
      summary: 'Deletes a message of the caller.',
      method: 'DELETE',
      path: `${path}/{chatMessageId}`,
      scopes,
      versions: everyVersion,
      reply: { status: 204 },
      handle: (call) => erase(room, call),
    }),
  ]
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
    lookedAtMax: serverLimits.chatMessagesLookedAtMax,
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

async function find(
  db: ChatRoom['db'] | Transaction,
  { params }: Pick<UserCall<unknown>, 'params'>,
  { thread, participant }: Membership,
): Promise<Result<Message, Fault>> {
  const messageId = parseMessageId(params['chatMessageId'] ?? '')
  if (messageId === undefined) return unknownMessage
  const found = await findMessage(db, thread, { messageId, window: windowOf(participant) })
  return found === undefined ? unknownMessage : ok(found)
}

const unknownMessage = fail<Fault>({ kind: 'entry-unknown', what: 'message' })

/** A message that its sender sent, and nobody else. @faults `user-not-allowed` - another's. */
async function findOwn(
  db: Transaction,
  call: Pick<UserCall<unknown>, 'params' | 'caller'>,
  entered: Entered,
): Promise<Result<Message & { readonly kind: SentKind }, Fault>> {
  const found = await find(db, call, entered)
  if (!found.ok) return found
  const { kind, senderId } = found.value
  const isOwn = (kind === 'text' || kind === 'html') && senderId === call.caller.identityId
  if (isOwn) return ok({ ...found.value, kind })
  return fail({ kind: 'user-not-allowed', reason: 'ownership' })
}

async function update(
  room: ChatRoom,
  call: UserCall<Static<typeof updateSchema>>,
): Promise<Result<undefined, Fault>> {
  const { caller, body } = call
  const asked = body.content ?? undefined
  const fault = firstFault(
    asked === undefined ? undefined : faultOfContent(asked),
    faultOfMetadata('metadata', body.metadata),
  )
  if (fault !== undefined) return invalidBody(fault)
  return enter(room, call, async (db, entered) => {
    const found = await findOwn(db, call, entered)
    if (!found.ok) return found
    const { messageId, kind, deletedAtMs, senderDisplayName } = found.value
    if (deletedAtMs !== undefined) return unknownMessage
    const content = asked === undefined ? found.value.content : storedContent(kind, asked)
    const metadata =
      body.metadata === undefined
        ? found.value.metadata
        : patchedMetadata(found.value.metadata, body.metadata)
    const merged = faultOfMetadata('metadata', metadata)
    if (merged !== undefined) return invalidBody(merged)
    const atMs = room.platform.now()
    const changed = { messageId, content, metadata, atMs }
    const version = String(await updateMessage(db, entered.thread, changed))
    const by = { rawId: caller.rawId, displayName: senderDisplayName }
    const said = { content: content ?? '', metadata, senderDisplayName, createdAtMs: messageId }
    const message = { id: String(messageId), version, type: kind, ...said }
    const event = { kind: 'chatMessageEdited', by, message, atMs } as const
    await tell(room, db, { name: entered.thread, event })
    return ok(undefined)
  })
}

/** A message that is deleted already is answered as done: the client may have lost the answer. */
async function erase(room: ChatRoom, call: UserCall<unknown>): Promise<Result<undefined, Fault>> {
  const { caller } = call
  return enter(room, call, async (db, entered) => {
    const found = await findOwn(db, call, entered)
    if (!found.ok) return found
    const { messageId, kind, deletedAtMs, senderDisplayName } = found.value
    if (deletedAtMs !== undefined) return ok(undefined)
    const atMs = room.platform.now()
    const version = String(await eraseMessage(db, entered.thread, { messageId, atMs }))
    const by = { rawId: caller.rawId, displayName: senderDisplayName }
    const id = String(messageId)
    const message = { id, version, type: kind, senderDisplayName, createdAtMs: messageId }
    const event = { kind: 'chatMessageDeleted', by, message, atMs } as const
    await tell(room, db, { name: entered.thread, event })
    return ok(undefined)
  })
}
