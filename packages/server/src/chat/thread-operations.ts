import { isGuid, ok, type Result } from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { absentable } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import { type Operation, Replied } from '../contract/operation.ts'
import { type UserCall, userOperation } from '../contract/user-operation.ts'
import { type CreatedThread, createThread } from './create.ts'
import {
  askedMetadata,
  askedParticipantSchema,
  createdThreadSchema,
  everyVersion,
  fifthVersion,
  identifierVersions,
  pageSchemas,
  patchedMetadataSchema,
  queryFields,
  retentionSchema,
  threadSchema,
} from './fields.ts'
import { insertSystemMessage, takePlace } from './message-store.ts'
import type { NoticeProperties } from './notices.ts'
import { nextLinkOf, readPageSize, readStartTime, readSyncState } from './paging.ts'
import { printInvalid, printThread, printThreadItem } from './printed.ts'
import { type ChatRoom, endpointOf, enter, invalidBody, lookAt, tell, threadPath } from './room.ts'
import { faultOfMetadata, faultOfName, firstFault, patchedMetadata } from './texts.ts'
import { daysOfRetention } from './thread.ts'
import { listThreads, markThreadDeleted, updateThread } from './thread-store.ts'

const createSchema = Type.Object({
  topic: Type.String(),
  participants: absentable(Type.Array(askedParticipantSchema)),
  metadata: askedMetadata,
  retentionPolicy: absentable(retentionSchema),
})

const updateSchema = Type.Object({
  topic: absentable(Type.String()),
  metadata: patchedMetadataSchema,
  retentionPolicy: absentable(retentionSchema),
})

const anyChat = ['chat', 'chat.join', 'chat.join.limited'] as const
const newFields = { metadata: fifthVersion, retentionPolicy: fifthVersion }

/** The operations on threads themselves. */
export function threadOperations(room: ChatRoom): readonly Operation[] {
  return [
    createOperation(room),
    listOperation(room),
    getOperation(room),
    updateOperation(room),
    removeOperation(room),
  ]
}

function createOperation(room: ChatRoom): Operation {
  return userOperation({
    id: 'Chat_CreateChatThread',
    summary: 'Creates a chat thread.',
    method: 'POST',
    path: '/chat/threads',
    scopes: ['chat'],
    versions: everyVersion,
    body: {
      schema: createSchema,
      isRequired: true,
      fieldVersions: {
        ...newFields,
        'participants.metadata': fifthVersion,
        ...identifierVersions('participants.communicationIdentifier.'),
      },
      bytesMax: serverLimits.chatParticipantsBodyBytesMax,
    },
    reply: {
      status: 201,
      schema: createdThreadSchema,
      fieldVersions: {
        'chatThread.metadata': fifthVersion,
        'chatThread.retentionPolicy': fifthVersion,
      },
    },
    handle: (call) => create(room, call),
  })
}

function listOperation(room: ChatRoom): Operation {
  return userOperation({
    id: 'Chat_ListChatThreads',
    summary: 'Lists the chat threads in which the caller takes part, the newest first.',
    method: 'GET',
    path: '/chat/threads',
    scopes: anyChat,
    versions: everyVersion,
    query: { maxPageSize: queryFields.maxPageSize, startTime: queryFields.startTime },
    reply: { status: 200, schema: pageSchemas.threads },
    handle: (call) => list(room, call),
  })
}

function getOperation(room: ChatRoom): Operation {
  return userOperation({
    id: 'ChatThread_GetChatThreadProperties',
    summary: 'Gets a chat thread.',
    method: 'GET',
    path: '/chat/threads/{chatThreadId}',
    scopes: anyChat,
    versions: everyVersion,
    reply: {
      status: 200,
      schema: threadSchema,
      fieldVersions: newFields,
    },
    handle: async (call) => {
      const membership = await lookAt(room, call)
      return membership.ok ? ok(printThread(membership.value.thread, call.version)) : membership
    },
  })
}

function updateOperation(room: ChatRoom): Operation {
  return userOperation({
    id: 'ChatThread_UpdateChatThreadProperties',
    summary: 'Changes what a chat thread says of itself.',
    method: 'PATCH',
    path: '/chat/threads/{chatThreadId}',
    scopes: ['chat'],
    versions: everyVersion,
    body: {
      schema: updateSchema,
      isMergePatchOnly: true,
      isRequired: true,
      fieldVersions: newFields,
    },
    reply: { status: 204 },
    handle: (call) => update(room, call),
  })
}

function removeOperation(room: ChatRoom): Operation {
  return userOperation({
    id: 'Chat_DeleteChatThread',
    summary: 'Deletes a chat thread for all who take part in it.',
    method: 'DELETE',
    path: '/chat/threads/{chatThreadId}',
    scopes: ['chat'],
    versions: everyVersion,
    reply: { status: 204 },
    handle: (call) => remove(room, call),
  })
}

async function create(
  room: ChatRoom,
  call: UserCall<Static<typeof createSchema>>,
): Promise<Result<unknown, Fault>> {
  const created = await createThread(room, call)
  if (!created.ok) return created
  const { resourceId } = call.caller
  const location = new URL(threadPath(created.value), endpointOf(room, resourceId)).href
  return ok(new Replied(201, printCreated(created.value, call), { location }))
}

function printCreated(
  created: CreatedThread,
  { caller, version }: Pick<UserCall<unknown>, 'caller' | 'version'>,
): Static<typeof createdThreadSchema> {
  const { answer, ...thread } = created
  const { topic, metadata, deleteAfterDays, invalid } = answer
  const { identityId: createdBy } = caller
  const told = { ...thread, topic, metadata, deleteAfterDays, createdBy }
  return { chatThread: printThread(told, version), ...printInvalid(invalid) }
}

async function list(
  room: ChatRoom,
  { caller, query, version }: UserCall<unknown>,
): Promise<Result<unknown, Fault>> {
  const size = readPageSize(query)
  if (!size.ok) return size
  const since = readStartTime(query)
  if (!since.ok) return since
  const before = readSyncState(query, (text) => (isGuid(text) ? text : undefined))
  if (!before.ok) return before
  const { resourceId, identityId } = caller
  const threads = await listThreads(room.db, resourceId, {
    ...{ identityId, before: before.value, sinceMs: since.value, threadsMax: size.value + 1 },
  })
  const shown = threads.slice(0, size.value)
  const value = shown.map((thread) => printThreadItem(resourceId, thread))
  if (threads.length <= size.value) return ok({ value })
  const startTime = new Date(since.value).toISOString()
  const nextLink = nextLinkOf(endpointOf(room, resourceId), 'chat/threads', {
    ...{ syncState: shown.at(-1)?.threadId ?? '', startTime, maxPageSize: size.value },
    'api-version': version,
  })
  return ok({ value, nextLink })
}

async function update(
  room: ChatRoom,
  call: UserCall<Static<typeof updateSchema>>,
): Promise<Result<undefined, Fault>> {
  const { caller, body } = call
  const fault = firstFault(
    faultOfName('topic', body.topic),
    faultOfMetadata('metadata', body.metadata),
  )
  if (fault !== undefined) return invalidBody(fault)
  const retention =
    body.retentionPolicy === undefined ? undefined : daysOfRetention(body.retentionPolicy)
  if (retention !== undefined && 'problem' in retention) return invalidBody(retention)
  return enter(room, call, async (db, { thread, participant }) => {
    const nowMs = room.platform.now()
    const topic = body.topic ?? undefined
    const metadata =
      body.metadata === undefined
        ? thread.metadata
        : patchedMetadata(thread.metadata, body.metadata)
    const merged = faultOfMetadata('metadata', metadata)
    if (merged !== undefined) return invalidBody(merged)
    const { days: deleteAfterDays } = retention ?? { days: thread.deleteAfterDays }
    await updateThread(db, thread, { topic, metadata, deleteAfterDays })
    if (topic !== undefined) {
      const place = await takePlace(db, thread, { nowMs, isRosterChanged: false })
      const told = { kind: 'topicUpdated', initiatorId: caller.identityId, topic } as const
      await insertSystemMessage(db, thread, { ...place, ...told })
    }
    const properties: NoticeProperties = {
      topic: topic ?? thread.topic,
      metadata,
      deleteAfterDays: deleteAfterDays ?? undefined,
    }
    const by = { rawId: caller.rawId, displayName: participant.displayName }
    const event = { kind: 'chatThreadPropertiesUpdated', by, atMs: nowMs, properties } as const
    await tell(room, db, { name: thread, event })
    return ok(undefined)
  })
}

async function remove(room: ChatRoom, call: UserCall<unknown>): Promise<Result<undefined, Fault>> {
  const { caller } = call
  return enter(room, call, async (db, { thread, participant }) => {
    const atMs = room.platform.now()
    await markThreadDeleted(db, thread, atMs)
    const by = { rawId: caller.rawId, displayName: participant.displayName }
    await tell(room, db, { name: thread, event: { kind: 'chatThreadDeleted', by, atMs } })
    return ok(undefined)
  })
}
