import { serverLimits } from '../contract/limits.ts'
import type { Queries } from '../database/connect.ts'
import type { CallName } from './steps.ts'
import { countingSeconds } from './usage.ts'

/** A leg, by name. */
export interface LegName extends CallName {
  readonly legId: string
}

interface NameRow {
  readonly resource_id: string
  readonly call_id: string
  readonly leg_id: string
}

const { callRowsAtOnceMax: rowsMax } = serverLimits

/** Lists calls of every resource in which something rings for too long. */
export async function listDueRings(db: Queries, nowMs: number): Promise<readonly CallName[]> {
  const rows = await db<Omit<NameRow, 'leg_id'>[]>`
    select distinct resource_id, call_id
    from call_ring
    where state = 'ringing'
    and expires_at <= ${new Date(nowMs)}
    limit ${rowsMax}
  `
  return rows.map((row) => ({ resourceId: row.resource_id, callId: row.call_id }))
}

/** A leg that nobody speaks for. */
export interface StrayLeg extends LegName {
  readonly isOfRoom: boolean
  /** Of a phone: when its node said last that it lives. */
  readonly seenAtMs: number | undefined
}

/**
 * Lists live legs of a resource, or of every one, that nobody speaks for: without identity, without
 * device, or in a room that they may not be in; a phone whose node is gone.
 */
export async function listStrayLegs(
  db: Queries,
  nowMs: number,
  resourceId?: string,
): Promise<readonly StrayLeg[]> {
  const now = new Date(nowMs)
  const rows = await db<
    (NameRow & { readonly is_of_room: boolean; readonly seen_at: Date | null })[]
  >`
    select
      leg.resource_id, leg.call_id, leg.leg_id,
      leg.identity_id is not null and device.device_id is not null as is_of_room,
      case when leg.phone is not null then leg.seen_at end as seen_at
    from call_leg as leg
    join call
      on call.resource_id = leg.resource_id
      and call.call_id = leg.call_id
    left join call_device as device
      on device.resource_id = leg.resource_id
      and device.device_id = leg.device_id
    left join room
      on room.resource_id = call.resource_id
      and room.room_id = call.room_id
      and room.valid_from <= ${now}
      and room.valid_until > ${now}
    left join room_participant as listed
      on listed.resource_id = room.resource_id
      and listed.room_id = room.room_id
      and listed.identity_id = leg.identity_id
    where leg.ended_at is null
    ${resourceId === undefined ? db`` : db`and leg.resource_id = ${resourceId}`}
    and case
      when leg.phone is not null
        then leg.seen_at < now() - make_interval(secs => ${serverLimits.callDeviceSilentSeconds})
      else
        leg.identity_id is null
        or device.device_id is null
        or (call.room_id is not null and listed.identity_id is null)
    end
    limit ${rowsMax}
  `
  return rows.map((row) => ({
    ...{ resourceId: row.resource_id, callId: row.call_id, legId: row.leg_id },
    isOfRoom: row.is_of_room,
    seenAtMs: row.seen_at?.getTime(),
  }))
}

/**
 * Lists calls of a resource, or of every one, with at most one leg and nothing that rings, into
 * which nobody comes by itself.
 */
export async function listLonelyCalls(
  db: Queries,
  resourceId?: string,
): Promise<readonly CallName[]> {
  const rows = await db<Omit<NameRow, 'leg_id'>[]>`
    select resource_id, call_id
    from call
    where ended_at is null
    and room_id is null
    and not is_joinable
    ${resourceId === undefined ? db`` : db`and resource_id = ${resourceId}`}
    and not exists (
      select
      from call_ring
      where call_ring.resource_id = call.resource_id
      and call_ring.call_id = call.call_id
      and state = 'ringing'
    )
    and (
      select count(*)
      from (
        select
        from call_leg
        where call_leg.resource_id = call.resource_id
        and call_leg.call_id = call.call_id
        and call_leg.ended_at is null
        limit 2
      ) as present
    ) < 2
    limit ${rowsMax}
  `
  return rows.map((row) => ({ resourceId: row.resource_id, callId: row.call_id }))
}

/** When legs ended, `undefined` for those that live; a leg that is not stored is not in it. */
export async function findLegEnds(
  db: Queries,
  legs: readonly LegName[],
): Promise<ReadonlyMap<string, number | undefined>> {
  if (legs.length === 0) return new Map()
  const rows = await db<{ readonly leg_id: string; readonly ended_at: Date | null }[]>`
    select call_leg.leg_id, ended_at
    from unnest(
      ${legs.map(({ resourceId }) => resourceId)}::uuid[],
      ${legs.map(({ callId }) => callId)}::uuid[],
      ${legs.map(({ legId }) => legId)}::uuid[]
    ) as asked (resource_id, call_id, leg_id)
    join call_leg using (resource_id, call_id, leg_id)
  `
  return new Map(rows.map((row) => [row.leg_id, row.ended_at?.getTime()]))
}

/** Says that this node has the lines of phones. */
export async function touchPhoneLegs(db: Queries, legs: readonly LegName[]): Promise<void> {
  if (legs.length === 0) return
  await db`
    update call_leg
    set seen_at = now()
    from unnest(
      ${legs.map(({ resourceId }) => resourceId)}::uuid[],
      ${legs.map(({ callId }) => callId)}::uuid[],
      ${legs.map(({ legId }) => legId)}::uuid[]
    ) as own (resource_id, call_id, leg_id)
    where call_leg.resource_id = own.resource_id
    and call_leg.call_id = own.call_id
    and call_leg.leg_id = own.leg_id
    and call_leg.phone is not null
    and call_leg.ended_at is null
  `
}

/**
 * Counts legs that go on, those that were not counted for a while: a crash forgets no more than
 * that. Nodes share the work, and a leg that is being ended is counted there; so is one whose node
 * has fallen silent, since it may have ended at its last word.
 *
 * @returns how many were counted; fewer than the most of a round when there are no more.
 */
export async function countLiveLegs(db: Queries, nowMs: number): Promise<number> {
  const now = new Date(nowMs)
  const before = new Date(nowMs - serverLimits.callCheckpointMs)
  const [row] = await db<{ readonly count: number }[]>`
    with due as materialized (
      select
        resource_id, call_id, leg_id, connected_at, phone is not null as is_phone,
        counted_seconds as from_seconds,
        floor(extract(epoch from ${now}::timestamptz - connected_at))::integer as to_seconds
      from call_leg
      where ended_at is null
      and counted_at <= ${before}
      and (
        phone is not null
        or exists (
          select
          from call_device
          where call_device.resource_id = call_leg.resource_id
          and call_device.device_id = call_leg.device_id
          and seen_at >= now() - make_interval(secs => ${serverLimits.callDeviceQuietSeconds})
        )
      )
      order by counted_at
      limit ${rowsMax}
      for update of call_leg skip locked
    ),
    moved as (
      update call_leg
      set counted_seconds = greatest(from_seconds, to_seconds), counted_at = ${now}
      from due
      where call_leg.resource_id = due.resource_id
      and call_leg.call_id = due.call_id
      and call_leg.leg_id = due.leg_id
    ),
    counted as (${countingSeconds(db, { rows: 'due', column: 'used' })})
    select count(*)::integer as count
    from due
  `
  return row?.count ?? 0
}

/** Deletes what devices were told and have surely heard. */
export async function deleteOldFrames(db: Queries, nowMs: number): Promise<void> {
  const before = new Date(nowMs - serverLimits.callFramesKeptSeconds * 1000)
  await db`delete from call_frame where told_at < ${before}`
}

/**
 * Deletes ended legs whose identity is gone; and ended calls in which no identity is left, with the
 * numbers of phones that were in them. What was used stays charged.
 *
 * @returns how many legs without identity were deleted; fewer than the most of a round when there
 * are no more.
 */
export async function deleteNamelessLegs(db: Queries): Promise<number> {
  const [row] = await db<{ readonly count: number }[]>`
    with nameless as materialized (
      select resource_id, call_id, leg_id
      from call_leg
      where identity_id is null
      and phone is null
      and ended_at is not null
      limit ${rowsMax}
      for update skip locked
    ),
    gone as (
      delete from call_leg
      using nameless
      where call_leg.resource_id = nameless.resource_id
      and call_leg.call_id = nameless.call_id
      and call_leg.leg_id = nameless.leg_id
      returning
        call_leg.resource_id, call_leg.call_id, connected_at, false as is_phone, 0 as from_seconds,
        counted_seconds as to_seconds
    ),
    nobodys as materialized (
      select distinct call.resource_id, call.call_id
      from gone
      join call using (resource_id, call_id)
      where ended_at is not null
      and not exists (
        select
        from call_leg
        where call_leg.resource_id = call.resource_id
        and call_leg.call_id = call.call_id
        and call_leg.identity_id is not null
      )
    ),
    phones as (
      delete from call_leg
      using nobodys
      where call_leg.resource_id = nobodys.resource_id
      and call_leg.call_id = nobodys.call_id
      and phone is not null
      returning
        call_leg.resource_id, call_leg.call_id, connected_at, true as is_phone, 0 as from_seconds,
        counted_seconds as to_seconds
    ),
    dropped as (
      delete from call
      using nobodys
      where call.resource_id = nobodys.resource_id
      and call.call_id = nobodys.call_id
    ),
    purged as (select * from gone union all select * from phones),
    counted as (${countingSeconds(db, { rows: 'purged', column: 'purged' })})
    select count(*)::integer as count
    from gone
  `
  return row?.count ?? 0
}
