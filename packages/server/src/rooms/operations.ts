import { fail, isGuid, ok, printIdentityName, type Result } from '@parley/protocol'
import { type Static, Type } from '@sinclair/typebox'
import type { Fault } from '../contract/faults.ts'
import { absentable, instantSchema, printInstant } from '../contract/fields.ts'
import { serverLimits } from '../contract/limits.ts'
import { type Operation, type ResourceCall, resourceOperation } from '../contract/operation.ts'
import type { Resource } from '../resources/model.ts'
import { changeParticipants, createRoom, type RoomKeeper, roomUnknown } from './changes.ts'
import { isRoomId, participantsOf, type Room, roomRoles, windowOf } from './model.ts'
import { deleteRoom, findRoom, listParticipants, listRooms, lockRoom, updateRoom } from './store.ts'

/** What the operations of rooms need. */
export interface RoomsRoom extends RoomKeeper {
  readonly findResource: (resourceId: string) => Resource | undefined
  /** The endpoint that clients of a resource use, by its name; with a slash at its end. */
  readonly endpointFor: (name: string) => string
}

const versions = { service: 'rooms', since: '2023-06-14' } as const
const dialOutVersions = { service: 'rooms', since: '2024-04-15' } as const

const participantsSchema = Type.Record(
  Type.String({ description: 'Raw id of an identity of the resource, `8:acs:...`.' }),
  Type.Union([
    Type.Object(
      { role: absentable(Type.Union(roomRoles.map((role) => Type.Literal(role)))) },
      { additionalProperties: false },
    ),
    Type.Null(),
  ]),
)

const roomFields = {
  validFrom: absentable(instantSchema),
  validUntil: absentable(instantSchema),
  pstnDialOutEnabled: absentable(Type.Boolean()),
}

const createSchema = Type.Object(
  { ...roomFields, participants: absentable(participantsSchema) },
  { additionalProperties: false },
)

const updateSchema = Type.Object(roomFields, { additionalProperties: false })

const updateParticipantsSchema = Type.Object(
  { participants: absentable(participantsSchema) },
  { additionalProperties: false },
)

const roomSchema = Type.Object({
  id: Type.String(),
  createdAt: instantSchema,
  validFrom: instantSchema,
  validUntil: instantSchema,
  pstnDialOutEnabled: Type.Boolean(),
})

const participantSchema = Type.Object({
  rawId: Type.String(),
  role: Type.String({ enum: [...roomRoles] }),
})

const fieldVersions = { pstnDialOutEnabled: dialOutVersions }
const roomReply = { schema: roomSchema, fieldVersions }

/**
 * The operations on rooms.
 *
 * @source ACS Rooms 2024-04-15.
 */
export function roomOperations(room: RoomsRoom): readonly Operation[] {
  return [...collectionOperations(room), ...singleOperations(room), ...listOperations(room)]
}

function collectionOperations(room: RoomsRoom): readonly Operation[] {
  return [
    resourceOperation({
      id: 'Rooms_Create',
      summary: 'Makes a room; the same `Repeatability-Request-ID` gives the same room.',
      method: 'POST',
      path: '/rooms',
      versions,
      body: { schema: createSchema, isRequired: true, fieldVersions },
      reply: { status: 201, ...roomReply },
      handle: (call) => answerCreate(room, call),
    }),
    resourceOperation({
      id: 'Rooms_List',
      summary: 'Lists the rooms of the resource, the oldest first.',
      method: 'GET',
      path: '/rooms',
      versions,
      reply: {
        status: 200,
        schema: Type.Object({
          value: Type.Array(roomSchema),
          nextLink: Type.Optional(Type.String()),
        }),
        fieldVersions: { 'value.pstnDialOutEnabled': dialOutVersions },
      },
      handle: (call) => answerList(room, call),
    }),
  ]
}

function singleOperations({ db }: RoomsRoom): readonly Operation[] {
  const path = '/rooms/{roomId}'
  return [
    resourceOperation({
      id: 'Rooms_Get',
      summary: 'Gets a room.',
      method: 'GET',
      path,
      versions,
      reply: { status: 200, ...roomReply },
      handle: async ({ caller: { resourceId }, params, version }) => {
        const roomId = roomIdIn(params)
        const found = roomId && (await findRoom(db, resourceId, roomId))
        return found ? ok(printRoom(found, version)) : roomUnknown
      },
    }),
    resourceOperation({
      id: 'Rooms_Update',
      summary: 'Changes the window of a room, or whether phone numbers may be dialled from it.',
      method: 'PATCH',
      path,
      versions,
      body: { schema: updateSchema, isRequired: true, fieldVersions, isMergePatchOnly: true },
      reply: { status: 200, ...roomReply },
      handle: (call) => answerUpdate(db, call),
    }),
    resourceOperation({
      id: 'Rooms_Delete',
      summary: 'Deletes a room.',
      method: 'DELETE',
      path,
      versions,
      reply: { status: 204 },
      handle: async ({ caller: { resourceId }, params }) => {
        const roomId = roomIdIn(params)
        const wasThere = roomId !== undefined && (await deleteRoom(db, resourceId, roomId))
        return wasThere ? ok(undefined) : roomUnknown
      },
    }),
  ]
}

function listOperations(room: RoomsRoom): readonly Operation[] {
  const path = '/rooms/{roomId}/participants'
  return [
    resourceOperation({
      id: 'Participants_List',
      summary: 'Lists who may join a room.',
      method: 'GET',
      path,
      versions,
      reply: {
        status: 200,
        schema: Type.Object({
          value: Type.Array(participantSchema),
          nextLink: Type.Optional(Type.String()),
        }),
      },
      handle: async ({ caller: { resourceId }, params }) => {
        const roomId = roomIdIn(params)
        const found = roomId && (await findRoom(room.db, resourceId, roomId))
        if (!found) return roomUnknown
        const participants = await listParticipants(room.db, resourceId, found.roomId)
        return ok({
          value: participants.map(({ identityId, role }) => ({
            rawId: printIdentityName({ resourceId, identityId }),
            role,
          })),
        })
      },
    }),
    resourceOperation({
      id: 'Participants_Update',
      summary: 'Puts identities on the list of a room, changes their roles, or takes them off it.',
      method: 'PATCH',
      path,
      versions,
      body: { schema: updateParticipantsSchema, isRequired: true, isMergePatchOnly: true },
      reply: { status: 200, schema: Type.Object({}) },
      handle: async ({ caller: { resourceId }, params, body }) => {
        const roomId = roomIdIn(params)
        if (roomId === undefined) return roomUnknown
        const change = participantsOf(body.participants ?? {}, resourceId)
        if (!change.ok) return change
        const asked = { roomId, ...change.value }
        const changed = await changeParticipants(room, resourceId, asked)
        return changed.ok ? ok({}) : changed
      },
    }),
  ]
}

function roomIdIn(params: Readonly<Record<string, string>>): string | undefined {
  const roomId = params['roomId'] ?? ''
  return isRoomId(roomId) ? roomId : undefined
}

async function answerCreate(
  room: RoomsRoom,
  { caller, body, headers, nowMs, version }: ResourceCall<Static<typeof createSchema>>,
): Promise<Result<unknown, Fault>> {
  const { resourceId } = caller
  const repeatabilityId = headers['repeatability-request-id']?.toString()
  if (repeatabilityId !== undefined && !isGuid(repeatabilityId)) {
    return fail({ kind: 'header-invalid', header: 'Repeatability-Request-ID', expected: 'a GUID' })
  }
  const window = windowOf(askedWindow(body), undefined, nowMs)
  if (!window.ok) return window
  const participants = participantsOf(body.participants ?? {}, resourceId)
  if (!participants.ok) return participants
  const created = await createRoom(room, {
    ...window.value,
    resourceId,
    atMs: nowMs,
    isDialOutEnabled: body.pstnDialOutEnabled ?? false,
    participants: participants.value,
    repeatabilityId,
  })
  return created.ok ? ok(printRoom(created.value, version)) : created
}

function askedWindow({ validFrom, validUntil }: Static<typeof updateSchema>): {
  readonly validFrom: string | undefined
  readonly validUntil: string | undefined
} {
  return { validFrom: validFrom ?? undefined, validUntil: validUntil ?? undefined }
}

async function answerUpdate(
  db: RoomsRoom['db'],
  { caller, params, body, nowMs, version }: ResourceCall<Static<typeof updateSchema>>,
): Promise<Result<unknown, Fault>> {
  const { resourceId } = caller
  const roomId = roomIdIn(params)
  if (roomId === undefined) return roomUnknown
  return db.begin(async (transaction): Promise<Result<unknown, Fault>> => {
    const present = await lockRoom(transaction, resourceId, roomId)
    if (present === undefined) return roomUnknown
    const asked = askedWindow(body)
    const isWindowAsked = asked.validFrom !== undefined || asked.validUntil !== undefined
    // A room that is over may still be changed in other ways.
    const window = isWindowAsked ? windowOf(asked, present, nowMs) : ok(present)
    if (!window.ok) return window
    const { validFromMs, validUntilMs } = window.value
    const isDialOutEnabled = body.pstnDialOutEnabled ?? present.isDialOutEnabled
    const changed = { ...present, validFromMs, validUntilMs, isDialOutEnabled }
    await updateRoom(transaction, resourceId, changed)
    return ok(printRoom(changed, version))
  })
}

async function answerList(
  { db, endpointFor, findResource }: RoomsRoom,
  { caller, query, version }: ResourceCall<unknown>,
): Promise<Result<unknown, Fault>> {
  const { resourceId } = caller
  const { after = '0' } = query
  if (typeof after !== 'string' || (after !== '0' && !isRoomId(after))) {
    return fail({ kind: 'query-invalid', parameter: 'after', expected: 'as in a nextLink' })
  }
  const { roomsInPage } = serverLimits
  const asked = { afterRoomId: after, roomsMax: roomsInPage + 1 }
  const found = await listRooms(db, resourceId, asked)
  const rooms = found.slice(0, roomsInPage)
  const value = rooms.map((one) => printRoom(one, version))
  const last = rooms.at(-1)
  if (found.length <= roomsInPage || last === undefined) return ok({ value })
  const next = new URL('rooms', endpointFor(findResource(resourceId)?.name ?? ''))
  next.searchParams.set('after', last.roomId)
  next.searchParams.set('api-version', version)
  return ok({ value, nextLink: next.href })
}

/** Whether phone numbers may be dialled is said from the version on that has it. */
function printRoom(room: Room, version: string): Partial<Static<typeof roomSchema>> {
  const { isDialOutEnabled: pstnDialOutEnabled } = room
  return {
    id: room.roomId,
    createdAt: printInstant(room.createdAtMs),
    validFrom: printInstant(room.validFromMs),
    validUntil: printInstant(room.validUntilMs),
    ...(version < dialOutVersions.since ? {} : { pstnDialOutEnabled }),
  }
}
