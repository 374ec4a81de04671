/** Legs: how one begins and ends, and when the call ends with it. */
import {
  type CallEndReason,
  type CallEvent,
  type CallRole,
  type LegEndReason,
  ok,
  type Result,
  type RingEndReason,
} from '@parley/protocol'
import {
  type Call,
  type CallFault,
  isDialling,
  type Leg,
  legOf,
  liveLegs,
  type Party,
  peerOf,
  presentLegs,
  rawIdOf,
  refuse,
  type Step,
  type Telling,
} from './model.ts'
import { silenceAll } from './rings.ts'

/** A device that comes in. */
export interface Coming extends Party {
  readonly legId: string
  readonly direction: Leg['direction']
  readonly role: CallRole
  readonly atMs: number
  readonly legsMax: number
}

/** Lets a device in. @faults it is in; the call is full or over. */
export function enter(call: Call, coming: Coming): Result<Step, CallFault> {
  const { legsMax, atMs, ...party } = coming
  if (call.end !== undefined) return refuse('CallNotFound')
  if (legOf(call, coming.deviceId) !== undefined) return refuse('AlreadyJoined')
  const present = presentLegs(call)
  if (liveLegs(call).length >= legsMax) return refuse('CallFull')
  const isAlone = present.length === 0
  const leg: Leg = {
    ...{ ...party, isMuted: false, joinedAtMs: atMs, countedSeconds: 0, end: undefined },
    connectedAtMs: isAlone ? undefined : atMs,
  }
  const legs = isAlone ? call.legs : connectAll(call.legs, atMs)
  const { callId, resourceId } = call
  const telling: Telling = {
    devices: present.map(({ deviceId }) => deviceId),
    about: leg.identityId,
    event: { type: 'participant.joined', callId, peer: peerOf(resourceId, leg) },
  }
  return ok({ call: { ...call, legs: [...legs, leg] }, tellings: isAlone ? [] : [telling] })
}

/** Whoever waited alone is connected from now on. */
export function connectAll(legs: readonly Leg[], atMs: number): readonly Leg[] {
  return legs.map((leg) => {
    const isWaiting = leg.end === undefined && leg.connectedAtMs === undefined && !isDialling(leg)
    return isWaiting ? { ...leg, connectedAtMs: atMs } : leg
  })
}

/** Which legs end, and why. */
export interface Ending {
  readonly isMeant: (leg: Leg) => boolean
  readonly reason: LegEndReason
  readonly atMs: number
}

/** Ends legs; `undefined` when none of them lives. */
export function endLegs(call: Call, { isMeant, reason, atMs }: Ending): Step | undefined {
  const meant = liveLegs(call).filter(isMeant)
  if (meant.length === 0) return undefined
  const legs = call.legs.map((leg) =>
    meant.includes(leg) ? { ...leg, end: { atMs, reason } } : leg,
  )
  const { callId, resourceId } = call
  const left = { ...call, legs }
  const devices = liveLegs(left).map(({ deviceId }) => deviceId)
  const tellings = meant.flatMap((leg): Telling[] => {
    const { legId, identityId, deviceId } = leg
    const identity = rawIdOf(resourceId, leg)
    if (isDialling(leg)) {
      const event = { type: 'callee.updated', callId, identity: identity ?? '', state: 'rejected' }
      return [{ devices, about: undefined, event: event as CallEvent }]
    }
    const ended: CallEvent = { type: 'call.ended', callId, legId, reason }
    const event: CallEvent = {
      ...{ type: 'participant.left', callId, legId, reason },
      ...(identity === undefined ? {} : { identity }),
    }
    // Whoever leaves is answered; the others are told that they are out.
    const own: Telling = { devices: [deviceId], about: undefined, event: ended }
    return [{ devices, about: identityId, event }, ...(reason === 'left' ? [] : [own])]
  })
  return closeIfOver({ call: left, tellings }, { atMs, reason })
}

/** Ends a call for everybody. */
export function endAll(
  call: Call,
  how: {
    readonly atMs: number
    readonly reason: CallEndReason | LegEndReason
    readonly ringReason: RingEndReason
  },
): Step {
  const { atMs, reason, ringReason } = how
  if (call.end !== undefined) return { call, tellings: [] }
  const due = call.rings.filter(({ state }) => state === 'ringing')
  // Those who are told of the end need not be told of each ring.
  const silenced = silenceAll(
    { call: { ...call, legs: [] }, tellings: [] },
    {
      ...{ due, state: 'cancelled', reason: ringReason },
    },
  )
  const present = liveLegs(call)
  const legs = call.legs.map((leg) =>
    leg.end === undefined ? { ...leg, end: { atMs, reason: 'ended' } as const } : leg,
  )
  const ended: Telling = {
    devices: present.map(({ deviceId }) => deviceId),
    about: undefined,
    event: { type: 'call.ended', callId: call.callId, reason },
  }
  return {
    call: { ...silenced.call, legs, end: { atMs, reason } },
    tellings: [...silenced.tellings, ...(present.length === 0 ? [] : [ended])],
  }
}

/** Whether anybody is left who can talk to somebody, or will. */
function isOver(call: Call): boolean {
  const legs = liveLegs(call)
  const isRinging = call.rings.some(({ state }) => state === 'ringing')
  // A phone that calls waits while somebody rings.
  const isCalled = legs.some(({ phone, direction }) => phone && direction === 'started')
  if (legs.every(({ phone }) => phone !== undefined)) return !(isCalled && isRinging)
  if (legs.length > 1 || call.isJoinable || call.roomId !== undefined) return false
  return !isRinging
}

/** Ends a call where nobody is left to talk to. */
export function closeIfOver(
  step: Step,
  how: { readonly atMs: number; readonly reason: CallEndReason | LegEndReason },
): Step {
  if (step.call.end !== undefined || !isOver(step.call)) return step
  const ringReason = how.reason === 'revoked' ? 'revoked' : 'caller'
  const closed = endAll(step.call, { ...how, ringReason })
  return { call: closed.call, tellings: [...step.tellings, ...closed.tellings] }
}

/** Notes that a device has muted itself, or not any more. @faults it is not in the call. */
export function mute(
  call: Call,
  asked: { readonly deviceId: string; readonly isMuted: boolean },
): Result<Step, CallFault> {
  const own = legOf(call, asked.deviceId)
  if (own === undefined) return refuse('LegNotFound')
  const muted = { ...own, isMuted: asked.isMuted }
  const { callId, resourceId } = call
  const telling: Telling = {
    devices: liveLegs(call).flatMap((leg) => (leg === own ? [] : [leg.deviceId])),
    about: own.identityId,
    event: { type: 'participant.updated', callId, peer: peerOf(resourceId, muted) },
  }
  const legs = call.legs.map((leg) => (leg === own ? muted : leg))
  return ok({ call: { ...call, legs }, tellings: [telling] })
}
