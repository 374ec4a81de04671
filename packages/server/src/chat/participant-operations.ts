import { ok, parseIdentityName, type Result } from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { Operation } from '../contract/operation.ts'
import { type UserCall, userOperation } from '../contract/user-operation.ts'
import type { Transaction } from '../database/connect.ts'
import {
  addedSchema,
  askedIdentifierSchema,
  askedParticipantSchema,
  everyVersion,
  fifthVersion,
  identifierVersions,
  pageSchemas,
  queryFields,
} from './fields.ts'
import { insertSystemMessage, takePlace } from './message-store.ts'
import { nextLinkOf, readPageSize, readSkip } from './paging.ts'
import {
  findMember,
  insertParticipants,
  listMemberIds,
  listParticipants,
  markParticipantRemoved,
} from './participant-store.ts'
import {
  faultOfCount,
  faultOfParticipants,
  notFound,
  type Participant,
  rawIdOf,
  readParticipants,
} from './participants.ts'
import { printInvalid, printParticipant } from './printed.ts'
import {
  type ChatRoom,
  type Entered,
  endpointOf,
  enter,
  invalidBody,
  lookAt,
  rawIdFor,
  tell,
  threadPath,
} from './room.ts'

const addSchema = Type.Object({ participants: Type.Array(askedParticipantSchema) })

const path = '/chat/threads/{chatThreadId}/participants'

/** The operations on who takes part in a thread. */
export function participantOperations(room: ChatRoom): readonly Operation[] {
  return [
    userOperation({
      id: 'ChatThread_ListChatParticipants',
      summary: 'Lists who takes part in a chat thread.',
      method: 'GET',
      path,
      scopes: ['chat', 'chat.join', 'chat.join.limited'],
      versions: everyVersion,
      query: { maxPageSize: queryFields.maxPageSize, skip: queryFields.skip },
      reply: {
        status: 200,
        schema: pageSchemas.participants,
        fieldVersions: { 'value.metadata': fifthVersion },
      },
      handle: (call) => list(room, call),
    }),
    userOperation({
      id: 'ChatThread_AddChatParticipants',
      summary: 'Adds participants to a chat thread; who takes part already stays as it is.',
      method: 'POST',
      path: `${path}/:add`,
      scopes: ['chat', 'chat.join'],
      versions: everyVersion,
      body: {
        schema: addSchema,
        isRequired: true,
        fieldVersions: {
          'participants.metadata': fifthVersion,
          ...identifierVersions('participants.communicationIdentifier.'),
        },
        bytesMax: serverLimits.chatParticipantsBodyBytesMax,
      },
      reply: { status: 201, schema: addedSchema },
      handle: (call) => add(room, call),
    }),
    userOperation({
      id: 'ChatThread_RemoveChatParticipant',
      summary: 'Removes a participant from a chat thread; whoever removes itself leaves.',
      method: 'POST',
      path: `${path}/:remove`,
      scopes: ['chat', 'chat.join'],
      versions: everyVersion,
      body: {
        schema: askedIdentifierSchema,
        isRequired: true,
        acceptsMergePatch: true,
        // Whoever names somebody in a newer way means somebody all the same.
        passesOverUnknown: true,
        fieldVersions: identifierVersions(''),
      },
      reply: { status: 204 },
      handle: (call) => remove(room, call),
    }),
  ]
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
  const participants = await listParticipants(room.db, thread, {
    skip: skip.value,
    participantsMax: size.value + 1,
  })
  const { resourceId } = thread
  const shown = participants.slice(0, size.value)
  const value = shown.map((one) => printParticipant(resourceId, one, version))
  if (participants.length <= size.value) return ok({ value })
  const next = `${threadPath(thread)}/participants`
  const nextLink = nextLinkOf(endpointOf(room, resourceId), next, {
    ...{ skip: skip.value + size.value, maxPageSize: size.value, 'api-version': version },
  })
  return ok({ value, nextLink })
}

async function add(
  room: ChatRoom,
  call: UserCall<Static<typeof addSchema>>,
): Promise<Result<unknown, Fault>> {
  const { caller, body } = call
  const fault = faultOfParticipants(body.participants)
  if (fault !== undefined) return invalidBody(fault)
  const { resourceId } = caller
  const { participants, invalid } = readParticipants(body.participants, resourceId)
  const identityIds = participants.map((one) => one.identityId)
  return enter(room, { ...call, identityIds }, async (db, entered) => {
    const { thread, existing } = entered
    const members = new Set(await listMemberIds(db, thread))
    const added = participants.filter(
      ({ identityId }) => existing.has(identityId) && !members.has(identityId),
    )
    const tooMany = faultOfCount(members.size + added.length)
    if (tooMany !== undefined) return invalidBody(tooMany)
    if (added.length > 0) await addAll(room, db, { entered, added })
    const absent = identityIds.filter((identityId) => !existing.has(identityId))
    const missing = absent.map((identityId) => notFound(rawIdFor(resourceId, identityId)))
    return ok(printInvalid([...invalid, ...missing]))
  })
}

async function addAll(
  room: ChatRoom,
  db: Transaction,
  { entered, added }: { readonly entered: Entered; readonly added: readonly Participant[] },
): Promise<void> {
  const { thread, participant } = entered
  const { resourceId } = thread
  const nowMs = room.platform.now()
  const place = await takePlace(db, thread, { nowMs, isRosterChanged: true })
  await insertParticipants(db, thread, { participants: added, position: place.messageId * 256 })
  const { identityId: initiatorId, displayName } = participant
  const message = { kind: 'participantAdded', initiatorId, people: added } as const
  await insertSystemMessage(db, thread, { ...place, ...message })
  const by = { rawId: rawIdFor(resourceId, initiatorId), displayName }
  const people = added.map((one) => ({
    rawId: rawIdFor(resourceId, one.identityId),
    displayName: one.displayName,
  }))
  const event = { kind: 'participantsAdded', by, atMs: place.messageId, people } as const
  await tell(room, db, { name: thread, event })
}

/** Whoever takes no part needs no removing: that is answered as done. */
async function remove(
  room: ChatRoom,
  call: UserCall<Static<typeof askedIdentifierSchema>>,
): Promise<Result<undefined, Fault>> {
  const { caller, body } = call
  const name = parseIdentityName(rawIdOf(body))
  const identityId = name?.resourceId === caller.resourceId ? name.identityId : undefined
  const identityIds = identityId === undefined ? [] : [identityId]
  return enter(room, { ...call, identityIds }, async (db, { thread, participant }) => {
    const removed = identityId && (await findMember(db, thread, identityId))
    if (!removed) return ok(undefined)
    const nowMs = room.platform.now()
    const place = await takePlace(db, thread, { nowMs, isRosterChanged: true })
    await markParticipantRemoved(db, thread, { identityId, messageId: place.messageId })
    const { identityId: initiatorId, displayName } = participant
    const message = { kind: 'participantRemoved', initiatorId, people: [removed] } as const
    await insertSystemMessage(db, thread, { ...place, ...message })
    const rawId = rawIdFor(caller.resourceId, identityId)
    const people = [{ rawId, displayName: removed.displayName }]
    const by = { rawId: caller.rawId, displayName }
    const event = { kind: 'participantsRemoved', by, atMs: place.messageId, people } as const
    await tell(room, db, { name: thread, event, others: [identityId] })
    return ok(undefined)
  })
}
