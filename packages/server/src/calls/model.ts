/**
 * A call: legs, and rings.
 *
 * A *leg* is one device or phone in the call, from its coming until its end; no leg ends twice. A
 * phone that is dialled has its leg from the first ring on, and is there once it has answered. A
 * *ring* is an identity that is called, on all its devices at once: it rings, and is then accepted,
 * rejected, cancelled, or timed out, and never rings again unless somebody adds it anew. A call is
 * over when nobody is left to talk to: without a leg, or with phones alone; and, unless others may
 * come in by themselves (a room, a joinable call), with one leg and nothing that rings. An ended
 * call stays ended.
 *
 * Everything that happens is a function from the state of the call to the next one and what is told
 * of it, or to why not. Nothing here reads a clock or a row. Whoever runs one holds the row of the
 * call, so of many devices that accept at once the first finds the ring ringing and the others do
 * not, on whichever nodes they are.
 *
 * Rejected: one process that owns a call, found by a hash. Its death would take the call along, and
 * who may be asked would have to be agreed upon; a row that is held for a millisecond is enough,
 * since people accept and leave rarely, and what comes often (`signal`) changes no state.
 */
import {
  type CallEndReason,
  type CallErrorCode,
  type CallEvent,
  type CallMedia,
  type CallPeer,
  type CallRole,
  fail,
  type LegEndReason,
  printIdentityName,
  type Result,
} from '@parley/protocol'

/** One device in a call. */
export interface Leg {
  readonly legId: string
  /** `undefined` of a phone, and once the identity is deleted. */
  readonly identityId: string | undefined
  /** The number of a phone, `+1555...`. */
  readonly phone?: string | undefined
  readonly deviceId: string
  readonly direction: 'started' | 'answered' | 'joined'
  readonly role: CallRole
  readonly isMuted: boolean
  readonly joinedAtMs: number
  /** When it was no longer alone. */
  readonly connectedAtMs: number | undefined
  readonly countedSeconds: number
  readonly end: { readonly atMs: number; readonly reason: LegEndReason } | undefined
}

/** How it stands with an identity that is called. */
export type RingState = 'ringing' | 'accepted' | 'rejected' | 'timeout' | 'cancelled'

/** An identity that is called. */
export interface Ring {
  readonly identityId: string
  readonly state: RingState
  readonly expiresAtMs: number
}

/** A call. */
export interface Call {
  readonly resourceId: string
  readonly callId: string
  readonly media: CallMedia
  readonly engine: string
  readonly roomId: string | undefined
  readonly isJoinable: boolean
  readonly createdAtMs: number
  readonly end: { readonly atMs: number; readonly reason: CallEndReason | LegEndReason } | undefined
  /** Those that live, and those that end in this step. */
  readonly legs: readonly Leg[]
  readonly rings: readonly Ring[]
}

/** One frame, and who is told. */
export interface Telling {
  /** Devices by their ids. */
  readonly devices?: readonly string[]
  /** Every device of an identity. */
  readonly identityId?: string
  /** Except this one. */
  readonly butDevice?: string
  /** The identity that the frame names, and with which it goes. */
  readonly about: string | undefined
  readonly event: CallEvent
}

/** A call after a step, and what is told of it. */
export interface Step {
  readonly call: Call
  readonly tellings: readonly Telling[]
}

/** Why a step is not taken. */
export interface CallFault {
  readonly code: CallErrorCode
  readonly detail?: string
}

/** Somebody at a device. */
export interface Party {
  readonly identityId: string
  readonly deviceId: string
}

/** The legs of a call that have not ended. */
export function liveLegs({ legs }: Pick<Call, 'legs'>): readonly Leg[] {
  return legs.filter(({ end }) => end === undefined)
}

/** Whether it is a phone that was dialled and has not answered. */
export function isDialling({ phone, direction, connectedAtMs, end }: Leg): boolean {
  return (
    phone !== undefined &&
    direction === 'answered' &&
    connectedAtMs === undefined &&
    end === undefined
  )
}

/** The live legs that one can talk to. */
export function presentLegs(call: Pick<Call, 'legs'>): readonly Leg[] {
  return liveLegs(call).filter((leg) => !isDialling(leg))
}

/** The live leg of a device. */
export function legOf(call: Call, deviceId: string): Leg | undefined {
  return liveLegs(call).find((leg) => leg.deviceId === deviceId)
}

/** Refuses a step. */
export function refuse(code: CallErrorCode, detail?: string): Result<never, CallFault> {
  return fail(detail === undefined ? { code } : { code, detail })
}

/** A leg as its peers are told of it. */
export function peerOf(resourceId: string, leg: Leg): CallPeer {
  const { legId, deviceId, role, isMuted } = leg
  return { legId, identity: rawIdOf(resourceId, leg) ?? '', deviceId, role, isMuted }
}

/** Whose leg it is, as the wire says it; `undefined` where the identity is deleted. */
export function rawIdOf(
  resourceId: string,
  { identityId, phone }: Pick<Leg, 'identityId' | 'phone'>,
): string | undefined {
  if (phone !== undefined) return `4:${phone}`
  return identityId === undefined ? undefined : printIdentityName({ resourceId, identityId })
}

/** Seconds of a leg that are charged until an instant and were not yet: whole ones. */
export function uncountedSeconds(
  leg: Pick<Leg, 'connectedAtMs' | 'countedSeconds'>,
  untilMs: number,
): number {
  if (leg.connectedAtMs === undefined) return 0
  const seconds = Math.floor((untilMs - leg.connectedAtMs) / 1000)
  return Math.max(0, seconds - leg.countedSeconds)
}
