/**
 * A room: a place for a call that is set up beforehand, with a list of who may come in, in which
 * role, and from when until when.
 *
 * A room is not a call. It says who may start and join one in it; the call room asks it at the
 * door. Its id is no secret: who is not on the list gets nowhere by knowing it. Ids grow with time,
 * so that a list in their order is a list in the order of creation, and pages of it neither repeat
 * nor skip while others are made.
 *
 * Participants are identities of the resource. A row for one refers to that identity and goes with
 * it, so a deleted person is on no list from the answer on, and nothing remembers that he was.
 *
 * The window is at most 180 days, as the service has it; nothing can be joined outside of it. A
 * room whose window is over stays until it is deleted: its window can be moved again.
 *
 * @source ACS Rooms 2024-04-15 and 2025-03-13.
 */
import { fail, ok, parseIdentityName, type Result } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'

/** What somebody may do in a room. */
export const roomRoles = ['Presenter', 'Attendee', 'Consumer', 'Collaborator'] as const

/** One of `roomRoles`. */
export type RoomRole = (typeof roomRoles)[number]

/** A room as it is stored. */
export interface Room {
  /** Decimal digits, growing with time. */
  readonly roomId: string
  readonly createdAtMs: number
  readonly validFromMs: number
  /** The first instant at which nobody can join any more. */
  readonly validUntilMs: number
  readonly isDialOutEnabled: boolean
}

/** Somebody on the list of a room. */
export interface RoomParticipant {
  readonly identityId: string
  readonly role: RoomRole
}

/** From when until when a room can be joined. */
export interface RoomWindow {
  readonly validFromMs: number
  readonly validUntilMs: number
}

/** A window as it was asked for; undefined: not said. */
export interface AskedWindow {
  readonly validFrom: string | undefined
  readonly validUntil: string | undefined
}

const dayMs = 86_400_000

/** Longest window, and the one of a room that says nothing. */
const windowMsMax = 180 * dayMs

/**
 * Decides the window of a room.
 *
 * @param present - the window that it has; undefined for a new room.
 * @faults `body-invalid` - it ends before it begins, is over already, or is longer than 180 days.
 */
export function windowOf(
  asked: AskedWindow,
  present: RoomWindow | undefined,
  nowMs: number,
): Result<RoomWindow, Fault> {
  const from = instantOf(asked.validFrom, present?.validFromMs ?? nowMs)
  const until = instantOf(asked.validUntil, present?.validUntilMs ?? nowMs + windowMsMax)
  if (until <= from) return refuseUntil('It must be later than ValidFrom.')
  if (until <= nowMs) return refuseUntil('It must be in the future.')
  if (until - from > windowMsMax) return refuseUntil('It must be within 180 days of ValidFrom.')
  return ok({ validFromMs: from, validUntilMs: until })
}

/** The schema has seen to it that the text is an instant. */
function instantOf(text: string | undefined, otherwiseMs: number): number {
  return text === undefined ? otherwiseMs : Date.parse(text)
}

function refuseUntil(problem: string): Result<never, Fault> {
  return fail({ kind: 'body-invalid', details: [{ field: 'validUntil', problem }] })
}

/** Participants as they come: by raw id, null to take one off the list. */
export type AskedParticipants = Readonly<Record<string, { readonly role?: RoomRole | null } | null>>

/** What a change of a list does to it. */
export interface ParticipantChange {
  readonly put: readonly RoomParticipant[]
  /** Ids of identities. */
  readonly removed: readonly string[]
}

/**
 * Reads participants.
 *
 * @param resourceId - whose identities they must be.
 * @faults `body-invalid` - too many, or a name that is not one of an identity of the resource.
 */
export function participantsOf(
  asked: AskedParticipants,
  resourceId: string,
): Result<ParticipantChange, Fault> {
  const entries = Object.entries(asked)
  const { roomParticipantsMax: max } = serverLimits
  if (entries.length > max) return refuseParticipants(`There are at most ${max}.`)
  const put: RoomParticipant[] = []
  const removed: string[] = []
  for (const [rawId, properties] of entries) {
    const name = parseIdentityName(rawId)
    if (name === undefined) {
      return refuseParticipants(`'${rawId.slice(0, 96)}' is not an identity 8:acs:...`)
    }
    if (name.resourceId !== resourceId) return refuseParticipants(unknownProblem(rawId))
    const { identityId } = name
    if (properties === null) removed.push(identityId)
    else put.push({ identityId, role: properties.role ?? 'Attendee' })
  }
  return ok({ put, removed })
}

/** What is said of an identity that is not there. */
export function unknownProblem(rawId: string): string {
  return `'${rawId}' doesn't exist.`
}

/** Refuses the participants of a request, with what is wrong. */
export function refuseParticipants(problem: string): Result<never, Fault> {
  return fail({ kind: 'body-invalid', details: [{ field: 'participants', problem }] })
}

const chanceBits = 4096

/**
 * Makes an id: milliseconds and twelve random bits, below 2^53.
 *
 * @param chance - 0..4095.
 */
export function roomIdAt(atMs: number, chance: number): string {
  return String(atMs * chanceBits + chance)
}

/** Says whether a text can be the id of a room. */
export function isRoomId(text: string): boolean {
  return /^[1-9][0-9]{0,15}$/.test(text)
}
