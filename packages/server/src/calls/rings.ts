/** Rings: an identity that is called, and how that ends. */
import {
  type CallEvent,
  ok,
  printIdentityName,
  type Result,
  type RingEndReason,
} from '@parley/protocol'
import {
  type Call,
  type CallFault,
  type Leg,
  liveLegs,
  type Ring,
  type RingState,
  rawIdOf,
  refuse,
  type Step,
  type Telling,
} from './model.ts'

/** Who rings: an identity, or a phone. */
export type Ringer = Pick<Leg, 'identityId' | 'phone'>

/** Rings identities. */
export function ring(
  call: Call,
  asked: {
    readonly from: Ringer
    readonly to: readonly string[]
    readonly expiresAtMs: number
  },
): Step {
  const { from, to, expiresAtMs } = asked
  const { resourceId, callId, media } = call
  const added = to.map((identityId): Ring => ({ identityId, state: 'ringing', expiresAtMs }))
  const others = call.rings.filter(({ identityId }) => !to.includes(identityId))
  const incoming: CallEvent = {
    ...{ type: 'call.incoming', callId, media },
    from: rawIdOf(resourceId, from) ?? '',
    expiresAt: new Date(expiresAtMs).toISOString(),
  }
  const devices = liveLegs(call).map(({ deviceId }) => deviceId)
  const tellings = to.flatMap((identityId): Telling[] => [
    // Whoever adds somebody may be deleted while it rings; that frame goes with the caller.
    { identityId, about: from.identityId, event: incoming },
    tellCallee(call, { devices, identityId, state: 'ringing' }),
  ])
  return { call: { ...call, rings: [...others, ...added] }, tellings }
}

function tellCallee(
  { resourceId, callId }: Call,
  told: {
    readonly devices: readonly string[]
    readonly identityId: string
    readonly state: RingState
  },
): Telling {
  const { devices, identityId, state } = told
  const identity = printIdentityName({ resourceId, identityId })
  return { devices, about: identityId, event: { type: 'callee.updated', callId, identity, state } }
}

/** Adds one to those who are called. @faults the ring or a leg of it is there; too many. */
export function add(
  call: Call,
  asked: {
    readonly from: Ringer
    readonly to: string
    readonly expiresAtMs: number
    readonly calleesMax: number
  },
): Result<Step, CallFault> {
  const { from, to, expiresAtMs, calleesMax } = asked
  const isRinging = call.rings.some((one) => one.identityId === to && one.state === 'ringing')
  if (isRinging || liveLegs(call).some(({ identityId }) => identityId === to)) {
    return refuse('AlreadyJoined')
  }
  const ringing = call.rings.filter(({ state }) => state === 'ringing')
  if (ringing.length >= calleesMax) return refuse('TooMany', 'callees')
  return ok(ring(call, { from, to: [to], expiresAtMs }))
}

/** Gives a ring its last state; those in the call are told, and `silence` tells those it rang. */
export function settle(call: Call, own: Ring, state: Exclude<RingState, 'ringing'>) {
  const rings = call.rings.map((one) => (one === own ? { ...own, state } : one))
  const devices = liveLegs(call).map(({ deviceId }) => deviceId)
  const { identityId } = own
  const silence = (reason: RingEndReason): Telling => {
    const event: CallEvent = { type: 'call.cancelled', callId: call.callId, reason }
    return { identityId, about: undefined, event }
  }
  const told = tellCallee(call, { devices, identityId, state })
  return { step: { call: { ...call, rings }, tellings: [told] } satisfies Step, silence }
}

/** Gives rings one last state. */
export function silenceAll(
  { call, tellings }: Step,
  how: {
    readonly due: readonly Ring[]
    readonly state: Exclude<RingState, 'ringing'>
    readonly reason: RingEndReason
  },
): Step {
  let step: Step = { call, tellings }
  for (const own of how.due) {
    const settled = settle(step.call, own, how.state)
    const told = [settled.silence(how.reason), ...settled.step.tellings]
    step = { call: settled.step.call, tellings: [...step.tellings, ...told] }
  }
  return step
}
