/** How a call that rings is answered: taken, declined, taken back, or not at all. */
import { ok, type Result } from '@parley/protocol'
import { type Coming, closeIfOver, endAll, enter } from './legs.ts'
import {
  type Call,
  type CallFault,
  legOf,
  type Party,
  presentLegs,
  refuse,
  type Step,
} from './model.ts'
import { settle, silenceAll } from './rings.ts'

/** Takes a call that rings: the first device wins. @faults it does not ring; those of `enter`. */
export function accept(call: Call, coming: Coming): Result<Step, CallFault> {
  const { identityId, deviceId } = coming
  const own = call.rings.find((one) => one.identityId === identityId)
  if (own === undefined) return refuse('CallNotFound')
  if (own.state !== 'ringing' || coming.atMs >= own.expiresAtMs) return refuse('CallNotRinging')
  const { step, silence } = settle(call, own, 'accepted')
  const entered = enter(step.call, coming)
  if (!entered.ok) return entered
  const others = { ...silence('answeredElsewhere'), butDevice: deviceId }
  const tellings = [others, ...step.tellings, ...entered.value.tellings]
  return ok({ call: entered.value.call, tellings })
}

/** Declines for all devices of an identity. @faults it does not ring. */
export function reject(call: Call, by: Party & { readonly atMs: number }): Result<Step, CallFault> {
  const own = call.rings.find(({ identityId }) => identityId === by.identityId)
  if (own === undefined) return refuse('CallNotFound')
  if (own.state !== 'ringing') return refuse('CallNotRinging')
  const { step, silence } = settle(call, own, 'rejected')
  const others = { ...silence('rejectedElsewhere'), butDevice: by.deviceId }
  const tellings = [others, ...step.tellings]
  return ok(closeIfOver({ call: step.call, tellings }, { atMs: by.atMs, reason: 'rejected' }))
}

/** Stops to ring somebody whose tokens are void; `undefined` when nothing rings. */
export function giveUp(
  call: Call,
  { identityId, atMs }: { readonly identityId: string; readonly atMs: number },
): Step | undefined {
  const due = call.rings.filter((one) => one.identityId === identityId && one.state === 'ringing')
  if (due.length === 0) return undefined
  const step = silenceAll({ call, tellings: [] }, { due, state: 'cancelled', reason: 'revoked' })
  return closeIfOver(step, { atMs, reason: 'cancelled' })
}

/** Lets rings stop that are due; `undefined` when none is. */
export function timeOut(call: Call, atMs: number): Step | undefined {
  const due = call.rings.filter((one) => one.state === 'ringing' && atMs >= one.expiresAtMs)
  if (due.length === 0) return undefined
  const step = silenceAll({ call, tellings: [] }, { due, state: 'timeout', reason: 'timeout' })
  return closeIfOver(step, { atMs, reason: 'timeout' })
}

/** Takes a call back before anybody has come. @faults this device started none that rings only. */
export function cancel(call: Call, by: Party & { readonly atMs: number }): Result<Step, CallFault> {
  const own = legOf(call, by.deviceId)
  if (own === undefined) return refuse('LegNotFound')
  const isFirst = own.direction === 'started' && presentLegs(call).length === 1
  const hasAnswer = call.rings.some(({ state }) => state === 'accepted')
  if (!isFirst || hasAnswer || call.roomId !== undefined) return refuse('CallNotRinging')
  return ok(endAll(call, { atMs: by.atMs, reason: 'cancelled', ringReason: 'caller' }))
}
