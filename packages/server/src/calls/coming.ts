/** How devices come into calls: by starting one, by accepting, by joining. */
import {
  type CallMedia,
  type CallRole,
  type JoinedCall,
  parseIdentityName,
  type Result,
} from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import type { Transaction } from '../database/connect.ts'
import { isRoomId } from '../rooms/model.ts'
import { findRole, findRoom } from '../rooms/store.ts'
import { accept } from './answers.ts'
import {
  type BareCall,
  countLegsOf,
  findCallOfRoom,
  findFormerEnd,
  holdCallees,
  insertCall,
  lockCall,
} from './call-store.ts'
import type { AskedEngine } from './engines.ts'
import { grow } from './growing.ts'
import { type Coming, endLegs, enter } from './legs.ts'
import { type Call, type CallFault, legOf, type Party, refuse } from './model.ts'
import { isOpenAt } from './permissions.ts'
import { ring } from './rings.ts'
import {
  type CallName,
  type CallWorld,
  change,
  type Decide,
  followStep,
  legsMaxOf,
  ringUntilMs,
  seat,
  takeStep,
} from './steps.ts'

/** Somebody at a device who may come in. */
export interface Comer extends Party {
  readonly resourceId: string
  /** When the token ends. */
  readonly expiresAtMs: number
}

type Joined = Promise<Result<JoinedCall, CallFault>>

const group: AskedEngine = { isGroup: true, isToPhone: false }

/** A call as it is asked for. */
export interface AskedCall {
  /** Raw ids. */
  readonly to: readonly string[]
  readonly media: CallMedia
  readonly isJoinable: boolean
}

/**
 * Starts a call and rings who is called.
 *
 * @faults `IdentityNotFound`, `PhoneUnavailable`, `TooMany`, `FrameMalformed` - nobody is called.
 */
export async function startCall(world: CallWorld, comer: Comer, asked: AskedCall): Joined {
  const { resourceId, identityId } = comer
  const to = calleesOf(asked, comer)
  if (!Array.isArray(to)) return to as Result<never, CallFault>
  const callees = to as readonly string[]
  const { media, isJoinable } = asked
  const isGroup = isJoinable || callees.length > 1
  const engine = { isGroup, isToPhone: false }
  const call = newCall(world, { resourceId, media, isJoinable, roomId: undefined }, engine)
  const begun = (await world.db.begin(async (db) => {
    const present = await holdCallees(db, resourceId, [...callees, identityId])
    const missing = callees.some((id) => !present.has(id)) || !present.has(identityId)
    if (missing) return refuse('IdentityNotFound')
    if (!(await insertCall(db, call))) return refuse('Unavailable')
    const decide: Decide = async (empty) => {
      const entered = await letIn(world, db, { call: empty, comer, direction: 'started' })
      if (!entered.ok || callees.length === 0) return entered
      const expiresAtMs = ringUntilMs(world)
      const rung = ring(entered.value.call, { from: { identityId }, to: callees, expiresAtMs })
      // The caller knows whom it calls: that they ring is told to others only.
      const tellings = rung.tellings.filter(({ event }) => event.type === 'call.incoming')
      return { ok: true, value: { call: rung.call, tellings } }
    }
    return takeStep(world, db, { call: { ...call, legs: [], rings: [] }, decide })
  })) as Result<Call, CallFault>
  return begun.ok ? seated(world, begun.value, comer) : begun
}

function calleesOf(
  { to, isJoinable }: AskedCall,
  { resourceId, identityId }: Comer,
): readonly string[] | Result<never, CallFault> {
  // One phone alone has come another way by now.
  const isMixed = to.some((rawId) => rawId.startsWith('4:'))
  if (isMixed) return refuse('PhoneUnavailable', 'not-in-groups')
  const ids: string[] = []
  for (const rawId of to) {
    const name = parseIdentityName(rawId)
    if (name?.resourceId !== resourceId) return refuse('IdentityNotFound')
    if (name.identityId !== identityId && !ids.includes(name.identityId)) ids.push(name.identityId)
  }
  if (ids.length === 0 && !isJoinable) return refuse('FrameMalformed', 'to')
  return ids.length > serverLimits.callCalleesMax ? refuse('TooMany', 'callees') : ids
}

/** A call that is to be stored. Its id is 122 bits of chance: whoever knows it was told. */
export function newCall(
  { platform, engines }: CallWorld,
  asked: Pick<BareCall, 'resourceId' | 'media' | 'isJoinable' | 'roomId'>,
  forWhom: AskedEngine,
): BareCall {
  const bytes = platform.randomBytes(16)
  bytes[6] = 0x40 | ((bytes[6] ?? 0) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f)
  const callId = bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  const engine = engines.choose(forWhom).name
  return { ...asked, callId, engine, createdAtMs: platform.now(), end: undefined }
}

/** Answers a call that rings; the first device of all wins. */
export async function acceptCall(world: CallWorld, comer: Comer, callId: string): Joined {
  return come(world, { comer, callId }, async (call, db) => {
    const found = await comingOf(world, db, { call, comer, direction: 'answered' })
    return found.ok ? accept(call, found.value) : found
  })
}

/** Joins a call in progress. @faults `CallNotFound` - it is none that this identity may join. */
export async function joinCall(world: CallWorld, comer: Comer, callId: string): Joined {
  return come(world, { comer, callId }, async (call, db) => {
    const { identityId } = comer
    // Whoever is in it already takes its place anew: its answer, or the media of all, got lost.
    if (legOf(call, comer.deviceId) !== undefined)
      return { ok: true, value: { call, tellings: [] } }
    const isInvited = call.rings.some((one) => one.identityId === identityId)
    const former = await findFormerEnd(db, call, identityId)
    const isKnown = call.isJoinable || isInvited || former !== undefined || hasLegIn(call, comer)
    // Whoever was sent out stays out, until somebody calls it in again.
    const mayCome = call.roomId === undefined && isKnown && former !== 'removed'
    if (!mayCome) return refuse('CallNotFound')
    const own = call.rings.find((one) => one.identityId === identityId)
    const found = await comingOf(world, db, { call, comer, direction: 'joined' })
    if (!found.ok) return found
    // Whom it rings, joining is accepting: the other devices fall silent.
    const isRinging = own?.state === 'ringing' && found.value.atMs < own.expiresAtMs
    return isRinging ? accept(call, found.value) : enter(call, found.value)
  })
}

/** Joins the call of a room, or starts it. @faults `RoomNotFound`, `RoomNotOpen`. */
export async function joinRoom(
  world: CallWorld,
  comer: Comer,
  asked: { readonly roomId: string; readonly media: CallMedia },
): Joined {
  const { resourceId, identityId } = comer
  const { roomId, media } = asked
  if (!isRoomId(roomId)) return refuse('RoomNotFound')
  const entered = (await world.db.begin(async (db) => {
    const room = await findRoom(db, resourceId, roomId)
    const role = await findRole(db, resourceId, { roomId, identityId })
    if (room === undefined || role === undefined) return refuse('RoomNotFound')
    if (!isOpenAt(room, world.platform.now())) return refuse('RoomNotOpen')
    // Of two who start it at once one waits here, and finds the other's.
    const call = newCall(world, { resourceId, media, isJoinable: false, roomId }, group)
    const isNew =
      (await findCallOfRoom(db, resourceId, roomId)) === undefined && (await insertCall(db, call))
    const callId = isNew ? call.callId : await findCallOfRoom(db, resourceId, roomId)
    const found = callId && (await lockCall(db, { resourceId, callId }, [identityId]))
    if (!found || found.end !== undefined) return refuse('Unavailable')
    const direction = isNew ? ('started' as const) : ('joined' as const)
    const decide: Decide = (held) => letIn(world, db, { call: held, comer, direction, role })
    return takeStep(world, db, { call: found, decide })
  })) as Result<Call, CallFault>
  return entered.ok ? seated(world, entered.value, comer) : entered
}

/** A device that comes in. */
export interface Entering {
  readonly call: Call
  readonly comer: Comer
  readonly direction: Coming['direction']
  readonly role?: CallRole
}

/** Lets a device into a call that is held. */
export async function letIn(world: CallWorld, db: Transaction, entering: Entering) {
  const found = await comingOf(world, db, entering)
  return found.ok ? enter(entering.call, found.value) : found
}

async function comingOf(
  world: CallWorld,
  db: Transaction,
  { call, comer, direction, role = 'Presenter' }: Entering,
): Promise<Result<Coming, CallFault>> {
  const { identityId, deviceId, resourceId } = comer
  const count = await countLegsOf(db, resourceId, identityId)
  if (count >= serverLimits.callLegsOfIdentityMax) return refuse('TooMany', 'calls')
  const { platform } = world
  const [legId, atMs, legsMax] = [platform.newGuid(), platform.now(), legsMaxOf(world, call)]
  return { ok: true, value: { identityId, deviceId, legId, direction, role, atMs, legsMax } }
}

function hasLegIn(call: Call, { identityId }: Comer): boolean {
  return call.legs.some((leg) => leg.identityId === identityId)
}

async function come(
  world: CallWorld,
  { comer, callId }: { readonly comer: Comer; readonly callId: string },
  decide: Decide,
): Joined {
  const { resourceId, identityId } = comer
  const enter = () => change(world, { resourceId, callId, others: [identityId] }, decide)
  const first = await enter()
  const isFull = !first.ok && first.fault.code === 'CallFull'
  const come = isFull && (await grow(world, { resourceId, callId })) ? await enter() : first
  return come.ok ? seated(world, come.value, comer) : come
}

/** Whom the engine does not let in is taken out again. */
export async function seated(world: CallWorld, call: Call, comer: Comer): Joined {
  await followStep(world, call)
  const found = await seat(world, call, comer)
  if (found.ok) return found
  const { resourceId, callId }: CallName = call
  await change(world, { resourceId, callId }, (held) => {
    const isMeant = ({ deviceId }: Party) => deviceId === comer.deviceId
    const atMs = world.platform.now()
    const step = endLegs(held, { isMeant: (leg) => isMeant(leg as Party), reason: 'failed', atMs })
    return step === undefined ? refuse('LegNotFound') : { ok: true, value: step }
  })
  return found
}
