import { fail, ok, type Result } from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { absentable } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import type { Operation } from '../contract/operation.ts'
import { type UserCall, userOperation } from '../contract/user-operation.ts'
import type { Transaction } from '../database/connect.ts'
import { everyVersion, patchedMetadataSchema, secondVersion } from './fields.ts'
import { eraseMessage, type Message, updateMessage } from './message-store.ts'
import { faultOfContent, type SentKind, storedContent } from './messages.ts'
import { findReadable, unknownMessage } from './readable.ts'
import { type ChatRoom, type Entered, enter, invalidBody, tell } from './room.ts'
import { faultOfMetadata, firstFault, patchedMetadata } from './texts.ts'

const updateSchema = Type.Object({
  content: absentable(Type.String()),
  metadata: patchedMetadataSchema,
})

const path = '/chat/threads/{chatThreadId}/messages/{chatMessageId}'
const scopes = ['chat', 'chat.join', 'chat.join.limited'] as const
const bytesMax = serverLimits.chatMessageBodyBytesMax
const fieldVersions = { metadata: secondVersion }

/** The operations by which somebody changes what it said. */
export function ownMessageOperations(room: ChatRoom): readonly Operation[] {
  return [updateOperation(room), eraseOperation(room)]
}

function updateOperation(room: ChatRoom): Operation {
  return userOperation({
    id: 'ChatThread_UpdateChatMessage',
    summary: 'Changes a message of the caller.',
    method: 'PATCH',
    path,
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
  })
}

function eraseOperation(room: ChatRoom): Operation {
  return userOperation({
    id: 'ChatThread_DeleteChatMessage',
    summary: 'Deletes a message of the caller.',
    method: 'DELETE',
    path,
    scopes,
    versions: everyVersion,
    reply: { status: 204 },
    handle: (call) => erase(room, call),
  })
}

/** A message that its sender sent, and nobody else. @faults `user-not-allowed` - another's. */
async function findOwn(
  db: Transaction,
  call: Pick<UserCall<unknown>, 'params' | 'caller'>,
  entered: Entered,
): Promise<Result<Message & { readonly kind: SentKind }, Fault>> {
  const found = await findReadable(db, call, entered)
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
