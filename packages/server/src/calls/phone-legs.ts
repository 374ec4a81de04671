/**
 * Phones in a call. A phone has a leg like everybody, but no identity and no client: the engine has
 * its line. One that is dialled has its leg from the first ring on, so that whoever ends the call
 * ends the line; those in the call see it ring, and hear that it has come once it has answered.
 */
import type { CallEvent, CallRole, Result } from '@parley/protocol'
import { connectAll } from './legs.ts'
import {
  type Call,
  type CallFault,
  isDialling,
  type Leg,
  liveLegs,
  peerOf,
  rawIdOf,
  refuse,
  type Step,
} from './model.ts'

/** A phone that is dialled, or one that calls. */
export interface ComingPhone {
  readonly legId: string
  /** Names its line as a device is named; nobody else has it. */
  readonly deviceId: string
  /** `+1555...`. */
  readonly phone: string
  /** `answered` - it is dialled; `started` - it calls. */
  readonly direction: 'answered' | 'started'
  readonly role: CallRole
  readonly atMs: number
  readonly legsMax: number
}

/** Gives a phone its leg; then it is dialled. @faults it is in the call; the call is full. */
export function enterPhone(call: Call, coming: ComingPhone): Result<Step, CallFault> {
  const { legsMax, atMs, ...line } = coming
  if (call.end !== undefined) return refuse('CallNotFound')
  const present = liveLegs(call)
  if (present.some(({ phone }) => phone === coming.phone)) return refuse('AlreadyJoined')
  if (present.length >= legsMax) return refuse('CallFull')
  const leg: Leg = {
    ...{ ...line, identityId: undefined, isMuted: false, joinedAtMs: atMs, countedSeconds: 0 },
    ...{ connectedAtMs: undefined, end: undefined },
  }
  const devices = present.map(({ deviceId }) => deviceId)
  const event = calleeOf(call, leg, 'ringing')
  const tellings = coming.direction === 'answered' ? [{ devices, about: undefined, event }] : []
  return { ok: true, value: { call: { ...call, legs: [...call.legs, leg] }, tellings } }
}

/** Notes that the engine has connected a leg; `undefined` when that is known, or it has ended. */
export function connect(
  call: Call,
  { legId, atMs }: { readonly legId: string; readonly atMs: number },
): Step | undefined {
  const own = liveLegs(call).find((leg) => leg.legId === legId)
  if (own === undefined || !isDialling(own)) return undefined
  const { callId, resourceId } = call
  const connected = { ...own, connectedAtMs: atMs }
  const legs = connectAll(
    call.legs.map((leg) => (leg === own ? connected : leg)),
    atMs,
  )
  const devices = liveLegs(call).flatMap((leg) => (leg === own ? [] : [leg.deviceId]))
  const joined: CallEvent = {
    ...{ type: 'participant.joined', callId, peer: peerOf(resourceId, connected) },
  }
  const tellings = [calleeOf(call, own, 'accepted'), joined].map((event) => {
    return { devices, about: undefined, event }
  })
  return { call: { ...call, legs }, tellings }
}

function calleeOf(
  { callId, resourceId }: Call,
  leg: Leg,
  state: 'ringing' | 'accepted',
): CallEvent {
  const identity = rawIdOf(resourceId, leg) ?? ''
  return { type: 'callee.updated', callId, identity, state }
}
