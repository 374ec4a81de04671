import { serverLimits } from '../contract/limits.ts'
import type { Queries, Transaction } from '../database/connect.ts'
import type { Party } from './model.ts'

/** A device, by name. */
export interface DeviceName {
  readonly resourceId: string
  readonly deviceId: string
}

/** A device that comes. */
export interface ComingDevice extends DeviceName, Party {
  readonly sessionId: string
  /** SHA-256 of the secret that takes its place. */
  readonly resumeHash: Buffer
}

/**
 * Holds an identity against being rung meanwhile; false where there is none. What rings it commits
 * before, and is found, or after, and finds the device.
 */
async function holdIdentity(db: Transaction, { resourceId, identityId }: ComingDevice) {
  const { count } = await db`
    select
    from identity
    where resource_id = ${resourceId}
    and identity_id = ${identityId}
    for no key update
  `
  return count > 0
}

/** Enters a new device; `too-many` where its identity has as many as it may. */
export async function insertDevice(
  db: Transaction,
  device: ComingDevice,
): Promise<'entered' | 'gone' | 'too-many'> {
  if (!(await holdIdentity(db, device))) return 'gone'
  const { resourceId, identityId } = device
  const { count } = await db`
    insert into call_device (
      resource_id, device_id, identity_id, session_id, resume_hash, seen_at
    )
    select
      ${resourceId}, ${device.deviceId}, ${identityId}, ${device.sessionId}, ${device.resumeHash},
      now()
    where (
      select count(*)
      from call_device
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
    ) < ${serverLimits.callDevicesOfIdentityMax}
  `
  return count > 0 ? 'entered' : 'too-many'
}

/**
 * Gives a device another socket, where the secret is its own and it is not too late.
 *
 * @returns the number of what it was told last; `undefined` where it cannot come back.
 */
export async function resumeDevice(
  db: Transaction,
  device: ComingDevice & { readonly formerHash: Buffer },
): Promise<number | undefined> {
  if (!(await holdIdentity(db, device))) return undefined
  const [row] = await db<{ readonly last_seq: string | number }[]>`
    update call_device
    set
      session_id = ${device.sessionId},
      resume_hash = ${device.resumeHash},
      seen_at = now(),
      lost_at = null
    where resource_id = ${device.resourceId}
    and device_id = ${device.deviceId}
    and identity_id = ${device.identityId}
    and resume_hash = ${device.formerHash}
    returning last_seq
  `
  return row === undefined ? undefined : Number(row.last_seq)
}

/** Notes that a socket is gone, unless the device has another one by now. */
export async function markDeviceLost(
  db: Queries,
  device: DeviceName & { readonly sessionId: string; readonly atMs: number },
): Promise<void> {
  await db`
    update call_device
    set lost_at = ${new Date(device.atMs)}
    where resource_id = ${device.resourceId}
    and device_id = ${device.deviceId}
    and session_id = ${device.sessionId}
    and lost_at is null
  `
}

/** Keeps a device from coming back; false where it has, by another socket, or is gone. */
export async function closeDevice(
  db: Queries,
  device: DeviceName & { readonly sessionId: string },
): Promise<boolean> {
  const { count } = await db`
    update call_device
    set resume_hash = null
    where resource_id = ${device.resourceId}
    and device_id = ${device.deviceId}
    and session_id = ${device.sessionId}
  `
  return count > 0
}

/** Deletes a device that was closed. */
export async function deleteDevice(
  db: Queries,
  device: DeviceName & { readonly sessionId: string },
): Promise<void> {
  await db`
    delete from call_device
    where resource_id = ${device.resourceId}
    and device_id = ${device.deviceId}
    and session_id = ${device.sessionId}
  `
}

/** Says that this node speaks for devices. */
export async function touchDevices(
  db: Queries,
  devices: readonly (DeviceName & { readonly sessionId: string })[],
): Promise<void> {
  await db`
    update call_device
    set seen_at = now()
    from unnest(
      ${devices.map(({ resourceId }) => resourceId)}::uuid[],
      ${devices.map(({ deviceId }) => deviceId)}::uuid[],
      ${devices.map(({ sessionId }) => sessionId)}::uuid[]
    ) as own (resource_id, device_id, session_id)
    where call_device.resource_id = own.resource_id
    and call_device.device_id = own.device_id
    and call_device.session_id = own.session_id
  `
}

/** A device that is gone for good. */
export interface GoneDevice extends DeviceName {
  readonly sessionId: string
  /** When it was there last, milliseconds since the Unix epoch. */
  readonly atMs: number
  /** `lost` where its node is gone, too. */
  readonly reason: 'disconnected' | 'lost'
}

/** Lists devices of every resource that have not come back in time, or whose node is gone. */
export async function listGoneDevices(
  db: Queries,
  at: { readonly nowMs: number; readonly devicesMax: number },
): Promise<readonly GoneDevice[]> {
  const rows = await db<
    {
      readonly resource_id: string
      readonly device_id: string
      readonly session_id: string
      readonly at: Date
      readonly is_lost: boolean
    }[]
  >`
    select
      resource_id, device_id, session_id,
      coalesce(lost_at, seen_at) as at,
      lost_at is null as is_lost
    from call_device
    where lost_at <= ${new Date(at.nowMs - serverLimits.callResumeMs)}
    or (
      lost_at is null
      and seen_at < now() - make_interval(secs => ${serverLimits.callDeviceSilentSeconds})
    )
    limit ${at.devicesMax}
  `
  return rows.map((row) => ({
    resourceId: row.resource_id,
    deviceId: row.device_id,
    sessionId: row.session_id,
    atMs: row.at.getTime(),
    reason: row.is_lost ? 'lost' : 'disconnected',
  }))
}

/** Whether an identity has a device. */
export async function hasDevice(
  db: Queries,
  { resourceId, identityId }: { readonly resourceId: string; readonly identityId: string },
): Promise<boolean> {
  const { count } = await db`
    select
    from call_device
    where resource_id = ${resourceId}
    and identity_id = ${identityId}
    limit 1
  `
  return count > 0
}

/** Lists the calls that ring an identity. */
export async function listRinging(
  db: Queries,
  { resourceId, identityId }: { readonly resourceId: string; readonly identityId: string },
): Promise<readonly string[]> {
  const rows = await db<{ readonly call_id: string }[]>`
    select call_id
    from call_ring
    where resource_id = ${resourceId}
    and identity_id = ${identityId}
    and state = 'ringing'
  `
  return rows.map((row) => row.call_id)
}
