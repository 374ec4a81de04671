/** What a client may ask once it is let in, and what does it. */
import { type CallAnswer, type ClientCallFrame, ok, type Result } from '@parley/protocol'
import { acceptCall, joinCall, joinRoom, startCall } from './coming.ts'
import {
  addCallee,
  cancelCall,
  leaveCall,
  muteLeg,
  rejectCall,
  removeLeg,
  roomMedia,
} from './going.ts'
import { type CallFault, refuse } from './model.ts'
import { mayBeAsked } from './permissions.ts'
import { isToPhone, startPhoneCall } from './phone/calling-out.ts'
import { relayDigits, relaySignal } from './relaying.ts'
import type { CallSession } from './session.ts'
import type { CallWorld } from './steps.ts'

/** A frame that is worked on here. */
export type RequestFrame = Exclude<ClientCallFrame, { readonly type: 'auth' | 'ping' }>

type Answered = Result<CallAnswer, CallFault>

/** Does what a client asks for. @faults `ScopeForbidden`, and those of what is asked for. */
export async function answerRequest(
  world: CallWorld,
  session: CallSession,
  frame: RequestFrame,
): Promise<Answered> {
  if (!mayBeAsked(frame.type, session.admitted.scopes)) return refuse('ScopeForbidden')
  switch (frame.type) {
    case 'call.start':
    case 'call.accept':
    case 'call.join':
    case 'room.join':
      return answerComing(world, session, frame)
    default: {
      const done = await answerOther(world, session, frame)
      return done.ok ? ok({ type: 'done' }) : done
    }
  }
}

type ComingType = 'call.start' | 'call.accept' | 'call.join' | 'room.join'

async function answerComing(
  world: CallWorld,
  session: CallSession,
  frame: Extract<RequestFrame, { readonly type: ComingType }>,
): Promise<Answered> {
  const { admitted, deviceId } = session
  const { resourceId, identityId, expiresAtMs } = admitted
  const comer = { resourceId, identityId, expiresAtMs, deviceId }
  const come = () => {
    switch (frame.type) {
      case 'call.start':
        return isToPhone(frame)
          ? startPhoneCall(world, comer, frame)
          : startCall(world, comer, { isJoinable: false, ...frame })
      case 'call.accept':
        return acceptCall(world, comer, frame.callId)
      case 'call.join':
        return joinCall(world, comer, frame.callId)
      case 'room.join':
        return joinRoom(world, comer, { media: roomMedia, ...frame })
    }
  }
  const joined = await come()
  if (!joined.ok) return joined
  const { callId, legId, engine } = joined.value
  session.legs.set(callId, { legId, engine })
  return ok({ type: 'call.joined', ...joined.value })
}

async function answerOther(
  world: CallWorld,
  session: CallSession,
  frame: Exclude<RequestFrame, { readonly type: ComingType }>,
): Promise<Result<unknown, CallFault>> {
  const { admitted, deviceId } = session
  const { resourceId, identityId } = admitted
  const at = { resourceId, identityId, deviceId, callId: frame.callId }
  switch (frame.type) {
    case 'call.reject':
      return rejectCall(world, at)
    case 'call.cancel':
      return cancelCall(world, at)
    case 'call.leave':
      session.legs.delete(frame.callId)
      return leaveCall(world, at)
    case 'call.remove':
      return removeLeg(world, { ...at, legId: frame.legId })
    case 'call.add':
      return addCallee(world, { ...at, rawId: frame.rawId })
    case 'mute':
      return muteLeg(world, { ...at, isMuted: frame.isMuted })
    case 'dtmf':
      return relayDigits(world, { ...at, to: frame.to, digits: frame.digits })
    case 'signal': {
      const signal = 'sdp' in frame ? { sdp: frame.sdp } : { candidate: frame.candidate }
      return relaySignal(world, { ...at, to: frame.to, signal })
    }
  }
}
