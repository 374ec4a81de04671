/** How a device is entered: as a new one, or in the place of its lost socket. */
import { createHash } from 'node:crypto'
import { isGuid, type JoinedCall } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'
import { findCall, listCallsOfDevice } from './call-store.ts'
import type { Comer } from './coming.ts'
import { insertDevice, listRinging, resumeDevice } from './device-store.ts'
import { notify, tell } from './frame-store.ts'
import { liveLegs, rawIdOf, type Telling } from './model.ts'
import { printTaken } from './notification-text.ts'
import { ring } from './rings.ts'
import type { CallSession } from './session.ts'
import { type CallWorld, seat } from './steps.ts'

/** The device and the secret of a `resume`; `undefined` for what is none. */
export function parseResume(
  text: string | undefined,
): { readonly deviceId: string; readonly hash: Buffer } | undefined {
  const [deviceId = '', secret = ''] = text?.split('.', 2) ?? []
  return isGuid(deviceId) && secret !== '' ? { deviceId, hash: hashOf(secret) } : undefined
}

/** Makes the `resume` of a device. */
export function printResume({ platform }: Pick<CallWorld, 'platform'>, deviceId: string): string {
  return `${deviceId}.${platform.randomBytes(24).toString('base64url')}`
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** What became of entering a device. */
export type Entering =
  | { readonly kind: 'entered'; readonly calls: readonly JoinedCall[]; readonly isResumed: boolean }
  | { readonly kind: 'gone' | 'too-many' | 'not-resumed' }

/**
 * Enters the device of a session, and tells it what rings.
 *
 * @param formerHash - of the secret of its lost socket; absent for a new device.
 */
export async function enterDevice(
  world: CallWorld,
  session: CallSession,
  formerHash: Buffer | undefined,
): Promise<Entering> {
  const { admitted, deviceId, sessionId } = session
  const { resourceId, identityId } = admitted
  const resumeHash = parseResume(session.resume)?.hash ?? Buffer.alloc(0)
  const device = { resourceId, identityId, deviceId, sessionId, resumeHash }
  if (formerHash === undefined) {
    const entered = (await world.db.begin(async (db) => {
      const kind = await insertDevice(db, device)
      if (kind !== 'entered') return kind
      const tellings = await ringingFor(db, device, world.platform.now())
      await tell(db, resourceId, { tellings, atMs: world.platform.now() })
      return kind
    })) as 'entered' | 'gone' | 'too-many'
    return entered === 'entered'
      ? { kind: 'entered', calls: [], isResumed: false }
      : { kind: entered }
  }
  const isResumed = (await world.db.begin(async (db) => {
    const lastSeq = await resumeDevice(db, { ...device, formerHash })
    if (lastSeq !== undefined) await notify(db, printTaken(resourceId, deviceId, sessionId))
    return lastSeq !== undefined
  })) as boolean
  if (!isResumed) return { kind: 'not-resumed' }
  const comer = { resourceId, identityId, deviceId, expiresAtMs: admitted.expiresAtMs }
  return { kind: 'entered', calls: await seatsOf(world, comer), isResumed }
}

/** The calls in which a device that came back still is. */
async function seatsOf(world: CallWorld, comer: Comer): Promise<readonly JoinedCall[]> {
  const { resourceId, deviceId } = comer
  const seats: JoinedCall[] = []
  for (const { callId } of await listCallsOfDevice(world.db, resourceId, deviceId)) {
    const call = await findCall(world.db, resourceId, callId)
    const found = call && (await seat(world, call, comer))
    if (found?.ok) seats.push(found.value)
  }
  return seats
}

/** What rings an identity already when one more device of it comes. */
async function ringingFor(
  db: Queries,
  device: { readonly resourceId: string; readonly identityId: string; readonly deviceId: string },
  nowMs: number,
): Promise<readonly Telling[]> {
  const tellings: Telling[] = []
  for (const callId of await listRinging(db, device)) {
    const call = await findCall(db, device.resourceId, callId)
    const own = call?.rings.find(({ identityId }) => identityId === device.identityId)
    const from = call && liveLegs(call).find((leg) => rawIdOf(device.resourceId, leg) !== undefined)
    if (!call || !own || !from || own.expiresAtMs <= nowMs) continue
    const { expiresAtMs, identityId } = own
    const again = ring(call, { from, to: [identityId], expiresAtMs })
    const incoming = again.tellings.filter(({ event }) => event.type === 'call.incoming')
    const { deviceId } = device
    tellings.push(...incoming.map(({ about, event }) => ({ devices: [deviceId], about, event })))
  }
  return tellings
}
