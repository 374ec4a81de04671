/**
 * Creating a room and changing its list, each all or nothing.
 */
import { fail, ok, printIdentityName, type Result } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { Database, Transaction } from '../database/connect.ts'
import type { Platform } from '../foundation/platform.ts'
import {
  type ParticipantChange,
  type Room,
  type RoomWindow,
  refuseParticipants,
  roomIdAt,
  unknownProblem,
} from './model.ts'
import {
  countParticipants,
  deleteParticipants,
  insertRoom,
  lockRoom,
  upsertParticipants,
} from './store.ts'

/** What rooms need. */
export interface RoomKeeper {
  readonly db: Database
  readonly platform: Pick<Platform, 'now' | 'randomBytes'>
}

/** A room to be made. */
export interface NewRoom extends RoomWindow {
  readonly resourceId: string
  readonly atMs: number
  readonly isDialOutEnabled: boolean
  readonly participants: ParticipantChange
  /** A GUID; the same one gives the same room. */
  readonly repeatabilityId: string | undefined
}

/**
 * Makes a room with its list, or finds the one that the same request made.
 *
 * @faults `body-invalid` - an identity is not there; `caller-refused` - the resource has gone;
 *   `server-busy` - no id was free.
 */
export async function createRoom(keeper: RoomKeeper, made: NewRoom): Promise<Result<Room, Fault>> {
  for (let attempt = 0; attempt < idAttemptsMax; attempt += 1) {
    const created = await createOnce(keeper, made)
    if (created !== undefined) return created
  }
  return fail({ kind: 'server-busy' })
}

/** Ids meet when two rooms of a resource are made in the same millisecond and draw the same. */
const idAttemptsMax = 8

async function createOnce(
  { db, platform }: RoomKeeper,
  made: NewRoom,
): Promise<Result<Room, Fault> | undefined> {
  const { resourceId, repeatabilityId, participants, atMs } = made
  const roomId = roomIdAt(atMs, platform.randomBytes(2).readUInt16BE() & 0xfff)
  const room = { ...made, roomId, createdAtMs: atMs }
  return undoneByFault(db, async (transaction) => {
    const stored = await insertRoom(transaction, resourceId, { room, repeatabilityId })
    switch (stored.kind) {
      case 'id-taken':
        return undefined
      case 'refused':
        return fail<Fault>({ kind: 'caller-refused', reason: stored.standing })
      case 'repeated':
        return ok(stored.room)
      case 'created': {
        const listed = await changeList(transaction, resourceId, { roomId, ...participants })
        return listed.ok ? ok(stored.room) : listed
      }
    }
  })
}

/**
 * Changes the list of a room.
 *
 * @faults `entry-unknown` - no such room; `body-invalid` - an identity is not there, or the list
 *   would be too long.
 */
export async function changeParticipants(
  { db }: RoomKeeper,
  resourceId: string,
  changed: ParticipantChange & { readonly roomId: string },
): Promise<Result<undefined, Fault>> {
  return undoneByFault(db, async (transaction) => {
    const room = await lockRoom(transaction, resourceId, changed.roomId)
    return room === undefined ? roomUnknown : changeList(transaction, resourceId, changed)
  })
}

/** What is answered for a room that is not there. */
export const roomUnknown: Result<never, Fault> = fail({ kind: 'entry-unknown', what: 'room' })

async function changeList(
  db: Transaction,
  resourceId: string,
  changed: ParticipantChange & { readonly roomId: string },
): Promise<Result<undefined, Fault>> {
  const { roomId, put, removed } = changed
  if (removed.length > 0) await deleteParticipants(db, resourceId, { roomId, identityIds: removed })
  if (put.length === 0) return ok(undefined)
  const present = await upsertParticipants(db, resourceId, { roomId, participants: put })
  const missing = put.find(({ identityId }) => !present.has(identityId))
  if (missing !== undefined) {
    const { identityId } = missing
    return refuseParticipants(unknownProblem(printIdentityName({ resourceId, identityId })))
  }
  const { roomParticipantsMax: max } = serverLimits
  const count = await countParticipants(db, resourceId, roomId)
  return count > max ? refuseParticipants(`There are at most ${max} in a room.`) : ok(undefined)
}

/** A fault rolls the transaction back: it leaves the driver as an exception and is given back. */
async function undoneByFault<Given extends Result<unknown, Fault> | undefined>(
  db: Database,
  act: (transaction: Transaction) => Promise<Given>,
): Promise<Given> {
  try {
    const result = await db.begin(async (transaction) => {
      const given = await act(transaction)
      if (given?.ok === false) throw new Undone(given)
      return given
    })
    return result as Given
  } catch (error) {
    if (error instanceof Undone) return error.given as Given
    throw error
  }
}

class Undone extends Error {
  readonly given: Result<unknown, Fault>
  constructor(given: Result<unknown, Fault>) {
    super('a fault was decided')
    this.given = given
  }
}
