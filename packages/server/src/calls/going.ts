/** How devices leave calls, are sent out, and what rings is declined. */
import {
  type CallMedia,
  type LegEndReason,
  ok,
  parseIdentityName,
  type Result,
} from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import type { Transaction } from '../database/connect.ts'
import { findRole } from '../rooms/store.ts'
import { cancel, giveUp, reject } from './answers.ts'
import { holdCallees, listCallsOfDevice } from './call-store.ts'
import {
  closeDevice,
  type DeviceName,
  deleteDevice,
  hasDevice,
  listRinging,
} from './device-store.ts'
import { closeIfOver, type Ending, endAll, endLegs, mute } from './legs.ts'
import {
  type Call,
  type CallFault,
  type Leg,
  legOf,
  type Party,
  refuse,
  type Step,
} from './model.ts'
import { mayAdmit } from './permissions.ts'
import { add } from './rings.ts'
import { type CallName, type CallWorld, change, ringUntilMs } from './steps.ts'

type Done = Promise<Result<Call, CallFault>>

/** A device and the call that it means. */
export interface AtCall extends CallName, Party {}

/** Declines a call for all devices of an identity. */
export async function rejectCall(world: CallWorld, at: AtCall): Done {
  return change(world, at, (call) => reject(call, { ...at, atMs: world.platform.now() }))
}

/** Takes a call back before anybody has come. */
export async function cancelCall(world: CallWorld, at: AtCall): Done {
  return change(world, at, (call) => cancel(call, { ...at, atMs: world.platform.now() }))
}

/** Leaves a call. */
export async function leaveCall(world: CallWorld, at: AtCall): Done {
  const isMeant: Ending['isMeant'] = ({ deviceId }) => deviceId === at.deviceId
  return endLegsOf(world, at, { isMeant, reason: 'left', atMs: world.platform.now() })
}

/** Ends legs of a call. @faults `LegNotFound` - none of them lives. */
export async function endLegsOf(world: CallWorld, named: CallName, ending: Ending): Done {
  return change(world, named, (call) => {
    const step = endLegs(call, ending)
    return step === undefined ? refuse('LegNotFound') : ok(step)
  })
}

/** Ends a call for everybody. */
export async function endCall(world: CallWorld, named: CallName): Done {
  const atMs = world.platform.now()
  return change(world, named, (call) =>
    ok(endAll(call, { atMs, reason: 'ended', ringReason: 'caller' })),
  )
}

/** Sends somebody out. @faults `RoleForbidden` - the role of who asks does not allow it. */
export async function removeLeg(world: CallWorld, at: AtCall & { readonly legId: string }): Done {
  return change(world, at, async (call, db) => {
    const own = legOf(call, at.deviceId)
    if (own === undefined) return refuse('LegNotFound')
    if (!mayAdmit(await roleNow(db, call, own))) return refuse('RoleForbidden')
    const isMeant: Ending['isMeant'] = ({ legId }) => legId === at.legId
    const step = endLegs(call, { isMeant, reason: 'removed', atMs: world.platform.now() })
    return step === undefined ? refuse('LegNotFound') : ok(step)
  })
}

/** The list of a room may have changed since somebody came in. */
async function roleNow(db: Transaction, call: Call, { role, identityId = '' }: Leg) {
  const { resourceId, roomId } = call
  if (roomId === undefined) return role
  return (await findRole(db, resourceId, { roomId, identityId })) ?? 'Consumer'
}

/** Rings one more. @faults `RoleForbidden`, `IdentityNotFound`, `PhoneUnavailable`. */
export async function addCallee(world: CallWorld, at: AtCall & { readonly rawId: string }): Done {
  const { resourceId, rawId, identityId: from } = at
  if (rawId.startsWith('4:')) return refuse('PhoneUnavailable', 'not-in-groups')
  const name = parseIdentityName(rawId)
  if (name?.resourceId !== resourceId) return refuse('IdentityNotFound')
  const to = name.identityId
  return change(
    world,
    { ...at, others: [to] },
    async (call, db): Promise<Result<Step, CallFault>> => {
      const own = legOf(call, at.deviceId)
      if (own === undefined) return refuse('LegNotFound')
      if (!mayAdmit(await roleNow(db, call, own))) return refuse('RoleForbidden')
      if (!(await holdCallees(db, resourceId, [to])).has(to)) return refuse('IdentityNotFound')
      const { roomId } = call
      const isListed =
        roomId === undefined || (await findRole(db, resourceId, { roomId, identityId: to }))
      if (!isListed) return refuse('RoleForbidden', 'not on the list of the room')
      const { callCalleesMax: calleesMax } = serverLimits
      return add(call, {
        from: { identityId: from },
        to,
        expiresAtMs: ringUntilMs(world),
        calleesMax,
      })
    },
  )
}

/** Notes that a device is muted, or not any more. */
export async function muteLeg(world: CallWorld, at: AtCall & { readonly isMuted: boolean }): Done {
  return change(world, at, (call) => mute(call, at))
}

/** Why all legs of a device end. */
export interface DeviceEnd {
  readonly reason: LegEndReason
  readonly atMs: number
}

/**
 * Ends the legs of a device and forgets it; harmless to repeat. Nothing happens where it has come
 * back with another socket.
 */
export async function endDevice(
  world: CallWorld,
  device: DeviceName & { readonly sessionId: string },
  end: DeviceEnd,
): Promise<void> {
  const { resourceId, deviceId } = device
  const isClosed = await closeDevice(world.db, device)
  // Where its row is gone with its identity, its legs are there without a name.
  if (!isClosed && end.reason !== 'revoked') return
  await endLegsOfDevice(world, { resourceId, deviceId }, end)
  await deleteDevice(world.db, device)
}

/**
 * Stops to ring an identity whose tokens are void, where no other device of it is left. Each device
 * is gone before this looks, so of several that end at once the last one finds none.
 */
export async function giveUpRings(
  world: CallWorld,
  named: { readonly resourceId: string; readonly identityId: string },
): Promise<void> {
  if (await hasDevice(world.db, named)) return
  const { resourceId, identityId } = named
  for (const callId of await listRinging(world.db, named)) {
    await change(world, { resourceId, callId }, (call) => {
      const step = giveUp(call, { identityId, atMs: world.platform.now() })
      return step === undefined ? refuse('CallNotRinging') : ok(step)
    })
  }
}

/** Ends a call in which nobody is left to talk to: whoever it rang may have been deleted. */
export async function closeLonely(world: CallWorld, named: CallName): Promise<void> {
  const how = { atMs: world.platform.now(), reason: 'cancelled' } as const
  await change(world, named, (call) => ok(closeIfOver({ call, tellings: [] }, how)))
}

async function endLegsOfDevice(
  world: CallWorld,
  { resourceId, deviceId }: DeviceName,
  { reason, atMs }: DeviceEnd,
): Promise<void> {
  for (const { callId } of await listCallsOfDevice(world.db, resourceId, deviceId)) {
    const isMeant: Ending['isMeant'] = (leg) => leg.deviceId === deviceId
    await endLegsOf(world, { resourceId, callId }, { isMeant, reason, atMs })
  }
}

/** The media of a room's call where who starts it does not say. */
export const roomMedia: CallMedia = 'video'
