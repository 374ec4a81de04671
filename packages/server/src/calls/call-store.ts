import type { CallMedia, CallRole, LegEndReason } from '@parley/protocol'
import type { Queries, Transaction } from '../database/connect.ts'
import { type Call, type Leg, type Ring, type RingState, uncountedSeconds } from './model.ts'
import { countSpans, type LegSpan } from './usage.ts'

interface CallRow {
  readonly call_id: string
  readonly media: CallMedia
  readonly engine: string
  readonly room_id: string | number | null
  readonly is_joinable: boolean
  readonly created_at: Date
  readonly ended_at: Date | null
  readonly end_reason: string | null
}

interface LegRow {
  readonly call_id: string
  readonly leg_id: string
  readonly identity_id: string | null
  readonly phone: string | null
  readonly device_id: string
  readonly direction: Leg['direction']
  readonly role: CallRole
  readonly is_muted: boolean
  readonly joined_at: Date
  readonly connected_at: Date | null
  readonly counted_seconds: number
  readonly ended_at: Date | null
  readonly end_reason: LegEndReason | null
}

interface RingRow {
  readonly identity_id: string
  readonly state: RingState
  readonly expires_at: Date
}

/** A call without those in it. */
export type BareCall = Omit<Call, 'legs' | 'rings'>

function callFrom(resourceId: string, row: CallRow): BareCall {
  const { ended_at: endedAt } = row
  const reason = row.end_reason as NonNullable<Call['end']>['reason']
  return {
    resourceId,
    callId: row.call_id,
    media: row.media,
    engine: row.engine,
    roomId: row.room_id === null ? undefined : String(row.room_id),
    isJoinable: row.is_joinable,
    createdAtMs: row.created_at.getTime(),
    end: endedAt === null ? undefined : { atMs: endedAt.getTime(), reason },
  }
}

function legFrom(row: LegRow): Leg {
  const { ended_at: endedAt, end_reason: reason } = row
  return {
    legId: row.leg_id,
    identityId: row.identity_id ?? undefined,
    phone: row.phone ?? undefined,
    deviceId: row.device_id,
    direction: row.direction,
    role: row.role,
    isMuted: row.is_muted,
    joinedAtMs: row.joined_at.getTime(),
    connectedAtMs: row.connected_at?.getTime(),
    countedSeconds: row.counted_seconds,
    end: endedAt === null || reason === null ? undefined : { atMs: endedAt.getTime(), reason },
  }
}

/**
 * Holds a call and reads it with its live legs and its rings: whoever changes it waits.
 *
 * The identities in it are kept from being deleted meanwhile, before its legs are held. A deletion
 * has its identity and then takes the name off legs; the other order would tie the two in a knot.
 *
 * @param others - identities that are about to come in.
 */
export async function lockCall(
  db: Transaction,
  named: { readonly resourceId: string; readonly callId: string },
  others: readonly string[] = [],
): Promise<Call | undefined> {
  const { resourceId, callId } = named
  const [row] = await db<CallRow[]>`
    select call_id, media, engine, room_id, is_joinable, created_at, ended_at, end_reason
    from call
    where resource_id = ${resourceId}
    and call_id = ${callId}
    for no key update
  `
  if (row === undefined) return undefined
  await db`
    select
    from identity
    where resource_id = ${resourceId}
    and (
      identity_id = any(${others}::uuid[])
      or identity_id in (
        select identity_id
        from call_leg
        where call_leg.resource_id = ${resourceId}
        and call_leg.call_id = ${callId}
        and ended_at is null
        union all
        select identity_id
        from call_ring
        where call_ring.resource_id = ${resourceId}
        and call_ring.call_id = ${callId}
      )
    )
    order by identity_id
    for key share
  `
  const legs = await db<LegRow[]>`
    select
      call_id, leg_id, identity_id, phone, device_id, direction, role, is_muted, joined_at,
      connected_at, counted_seconds, ended_at, end_reason
    from call_leg
    where resource_id = ${resourceId}
    and call_id = ${callId}
    and ended_at is null
    order by joined_at, leg_id
    for no key update
  `
  const rings = await db<RingRow[]>`
    select identity_id, state, expires_at
    from call_ring
    where resource_id = ${resourceId}
    and call_id = ${callId}
    order by identity_id
  `
  return { ...callFrom(resourceId, row), legs: legs.map(legFrom), rings: rings.map(ringFrom) }
}

function ringFrom(row: RingRow): Ring {
  const { identity_id: identityId, state } = row
  return { identityId, state, expiresAtMs: row.expires_at.getTime() }
}

/** Stores a call that is new; false where its room has another one. */
export async function insertCall(db: Transaction, call: BareCall): Promise<boolean> {
  const { count } = await db`
    insert into call (
      resource_id, call_id, media, engine, room_id, is_joinable, created_at
    )
    select
      ${call.resourceId}, ${call.callId}, ${call.media}, ${call.engine},
      ${call.roomId ?? null}::bigint, ${call.isJoinable}, ${new Date(call.createdAtMs)}
    from resource_standing
    where resource_id = ${call.resourceId}
    and standing = 'live'
    on conflict do nothing
  `
  return count > 0
}

/** Stores what a step has changed of a call that is held, and counts what has ended. */
export async function saveCall(db: Transaction, former: Call, call: Call): Promise<void> {
  const { resourceId, callId } = call
  const legs = call.legs.filter((leg) => !former.legs.includes(leg))
  if (legs.length > 0) await saveLegs(db, call, legs)
  const rings = call.rings.filter((ring) => !former.rings.includes(ring))
  if (rings.length > 0) await saveRings(db, call, rings)
  if (call.engine !== former.engine) {
    await db`
      update call
      set engine = ${call.engine}
      where resource_id = ${resourceId}
      and call_id = ${callId}
    `
  }
  if (call.end !== undefined && former.end === undefined) {
    await db`
      update call
      set ended_at = ${new Date(call.end.atMs)}, end_reason = ${call.end.reason}
      where resource_id = ${resourceId}
      and call_id = ${callId}
    `
  }
  await countSpans(db, resourceId, legs.flatMap(spanOf))
}

/** What of a leg that has ended is still to be counted. */
function spanOf(leg: Leg): readonly LegSpan[] {
  const { connectedAtMs, countedSeconds: fromSeconds, end } = leg
  if (end === undefined || connectedAtMs === undefined) return []
  const isPhone = leg.phone !== undefined
  const left = uncountedSeconds({ connectedAtMs, countedSeconds: fromSeconds }, end.atMs)
  return left === 0 ? [] : [{ isPhone, connectedAtMs, fromSeconds, toSeconds: fromSeconds + left }]
}

async function saveLegs(db: Transaction, call: Call, legs: readonly Leg[]): Promise<void> {
  const { resourceId, callId } = call
  for (const leg of legs) {
    const { connectedAtMs, end } = leg
    const connectedAt = connectedAtMs === undefined ? null : new Date(connectedAtMs)
    const endedAt = end === undefined ? null : new Date(end.atMs)
    const counted =
      end === undefined ? leg.countedSeconds : leg.countedSeconds + uncountedSeconds(leg, end.atMs)
    await db`
      insert into call_leg (
        resource_id, call_id, leg_id, identity_id, phone, device_id, seen_at, direction, role,
        is_muted, joined_at, connected_at, counted_seconds, counted_at, ended_at, end_reason
      )
      values (
        ${resourceId}, ${callId}, ${leg.legId}, ${leg.identityId ?? null}::uuid,
        ${leg.phone ?? null}::text, ${leg.deviceId}, now(), ${leg.direction}, ${leg.role},
        ${leg.isMuted}, ${new Date(leg.joinedAtMs)}, ${connectedAt}::timestamptz, ${counted},
        ${connectedAt}::timestamptz, ${endedAt}::timestamptz, ${end?.reason ?? null}::text
      )
      on conflict (resource_id, call_id, leg_id) do update
      set
        is_muted = excluded.is_muted,
        role = excluded.role,
        connected_at = excluded.connected_at,
        counted_seconds = excluded.counted_seconds,
        counted_at = coalesce(call_leg.counted_at, excluded.counted_at),
        ended_at = excluded.ended_at,
        end_reason = excluded.end_reason
    `
  }
}

async function saveRings(db: Transaction, call: Call, rings: readonly Ring[]): Promise<void> {
  await db`
    insert into call_ring (resource_id, call_id, identity_id, state, expires_at)
    select
      ${call.resourceId}, ${call.callId}, identity_id, state, to_timestamp(expires_ms / 1000.0)
    from unnest(
      ${rings.map(({ identityId }) => identityId)}::uuid[],
      ${rings.map(({ state }) => state)}::text[],
      ${rings.map(({ expiresAtMs }) => String(expiresAtMs))}::text[]::bigint[]
    ) as ring (identity_id, state, expires_ms)
    on conflict (resource_id, call_id, identity_id) do update
    set state = excluded.state, expires_at = excluded.expires_at
  `
}

/** The call that a room has now. */
export async function findCallOfRoom(
  db: Queries,
  resourceId: string,
  roomId: string,
): Promise<string | undefined> {
  const [row] = await db<{ readonly call_id: string }[]>`
    select call_id
    from call
    where resource_id = ${resourceId}
    and room_id = ${roomId}::bigint
    and ended_at is null
  `
  return row?.call_id
}

/** Lists calls, the oldest first, without those in them. */
export async function listCalls(
  db: Queries,
  resourceId: string,
  asked: {
    readonly after: { readonly createdAtMs: number; readonly callId: string } | undefined
    readonly isLiveOnly: boolean
    readonly callsMax: number
  },
): Promise<readonly BareCall[]> {
  const { after, isLiveOnly, callsMax } = asked
  const rows = await db<CallRow[]>`
    select call_id, media, engine, room_id, is_joinable, created_at, ended_at, end_reason
    from call
    where resource_id = ${resourceId}
    ${isLiveOnly ? db`and ended_at is null` : db``}
    ${
      after === undefined
        ? db``
        : db`and (created_at, call_id) > (${new Date(after.createdAtMs)}, ${after.callId}::uuid)`
    }
    order by created_at, call_id
    limit ${callsMax}
  `
  return rows.map((row) => callFrom(resourceId, row))
}

/** Finds a call with all its legs, ended ones among them. */
export async function findCall(
  db: Queries,
  resourceId: string,
  callId: string,
): Promise<Call | undefined> {
  const [row] = await db<CallRow[]>`
    select call_id, media, engine, room_id, is_joinable, created_at, ended_at, end_reason
    from call
    where resource_id = ${resourceId}
    and call_id = ${callId}
  `
  if (row === undefined) return undefined
  const legs = await db<LegRow[]>`
    select
      call_id, leg_id, identity_id, phone, device_id, direction, role, is_muted, joined_at,
      connected_at, counted_seconds, ended_at, end_reason
    from call_leg
    where resource_id = ${resourceId}
    and call_id = ${callId}
    order by joined_at, leg_id
  `
  const rings = await db<RingRow[]>`
    select identity_id, state, expires_at
    from call_ring
    where resource_id = ${resourceId}
    and call_id = ${callId}
    order by identity_id
  `
  return { ...callFrom(resourceId, row), legs: legs.map(legFrom), rings: rings.map(ringFrom) }
}

/** Counts the live legs of an identity. */
export async function countLegsOf(
  db: Queries,
  resourceId: string,
  identityId: string,
): Promise<number> {
  const [row] = await db<{ readonly count: number }[]>`
    select count(*)::integer as count
    from call_leg
    where resource_id = ${resourceId}
    and identity_id = ${identityId}
    and ended_at is null
  `
  return row?.count ?? 0
}

/** Lists the calls in which a device has a live leg. */
export async function listCallsOfDevice(
  db: Queries,
  resourceId: string,
  deviceId: string,
): Promise<readonly { readonly callId: string; readonly legId: string }[]> {
  const rows = await db<{ readonly call_id: string; readonly leg_id: string }[]>`
    select call_id, leg_id
    from call_leg
    where resource_id = ${resourceId}
    and device_id = ${deviceId}
    and ended_at is null
  `
  return rows.map((row) => ({ callId: row.call_id, legId: row.leg_id }))
}

/** Which of some identities exist; they are held against deletion, and against new devices. */
export async function holdCallees(
  db: Transaction,
  resourceId: string,
  identityIds: readonly string[],
): Promise<ReadonlySet<string>> {
  // A device that comes in at this moment waits, and finds the ring; or is found by it.
  const rows = await db<{ readonly identity_id: string }[]>`
    select identity_id
    from identity
    where resource_id = ${resourceId}
    and identity_id = any(${identityIds}::uuid[])
    order by identity_id
    for share
  `
  return new Set(rows.map((row) => row.identity_id))
}

/** Why the last leg of an identity in a call ended; `undefined` where none has. */
export async function findFormerEnd(
  db: Queries,
  { resourceId, callId }: { readonly resourceId: string; readonly callId: string },
  identityId: string,
): Promise<LegEndReason | undefined> {
  const [row] = await db<{ readonly end_reason: LegEndReason }[]>`
    select end_reason
    from call_leg
    where resource_id = ${resourceId}
    and call_id = ${callId}
    and identity_id = ${identityId}
    and ended_at is not null
    order by ended_at desc, joined_at desc
    limit 1
  `
  return row?.end_reason
}
