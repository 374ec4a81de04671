import type { Queries, Transaction } from '../database/connect.ts'
import type { Standing } from '../resources/standing.ts'
import type { Room, RoomParticipant, RoomRole, RoomWindow } from './model.ts'

interface RoomRow {
  readonly room_id: string | number
  readonly created_at: Date
  readonly valid_from: Date
  readonly valid_until: Date
  readonly is_dial_out_enabled: boolean
}

function roomFrom(row: RoomRow): Room {
  return {
    roomId: String(row.room_id),
    createdAtMs: row.created_at.getTime(),
    validFromMs: row.valid_from.getTime(),
    validUntilMs: row.valid_until.getTime(),
    isDialOutEnabled: row.is_dial_out_enabled,
  }
}

/** What became of storing a room. */
export type StoredRoom =
  /** It is there now. */
  | { readonly kind: 'created'; readonly room: Room }
  /** The same request made it before. */
  | { readonly kind: 'repeated'; readonly room: Room }
  /** Another room has the id: try another one. */
  | { readonly kind: 'id-taken' }
  | { readonly kind: 'refused'; readonly standing: Exclude<Standing, 'live'> }

/**
 * Stores a room without participants.
 *
 * @param asked.repeatabilityId - a GUID that names the request: of any number with the same one, on
 *   any number of nodes, one makes a room and the others find it.
 */
export async function insertRoom(
  db: Transaction,
  resourceId: string,
  asked: { readonly room: Room; readonly repeatabilityId: string | undefined },
): Promise<StoredRoom> {
  const { room, repeatabilityId = null } = asked
  const [row] = await db<(Partial<RoomRow> & { readonly standing: Standing })[]>`
    with owner as materialized (
      select standing from resource_standing where resource_id = ${resourceId}
    ),
    made as (
      insert into room (
        resource_id, room_id, created_at, valid_from, valid_until, is_dial_out_enabled,
        repeatability_id
      )
      select
        ${resourceId}, ${room.roomId}::bigint, ${new Date(room.createdAtMs)},
        ${new Date(room.validFromMs)}, ${new Date(room.validUntilMs)}, ${room.isDialOutEnabled},
        ${repeatabilityId}::uuid
      from owner
      where standing = 'live'
      on conflict do nothing
      returning room_id, created_at, valid_from, valid_until, is_dial_out_enabled
    )
    select owner.standing, made.*
    from owner
    left join made on true
  `
  const standing = row?.standing ?? 'resource-deleted'
  if (standing !== 'live') return { kind: 'refused', standing }
  if (row?.room_id) return { kind: 'created', room: roomFrom(row as RoomRow) }
  if (repeatabilityId === null) return { kind: 'id-taken' }
  // A statement of its own sees the row that the first one waited for.
  const [present] = await db<RoomRow[]>`
    select room_id, created_at, valid_from, valid_until, is_dial_out_enabled
    from room
    where resource_id = ${resourceId}
    and repeatability_id = ${repeatabilityId}::uuid
  `
  return present === undefined
    ? { kind: 'id-taken' }
    : { kind: 'repeated', room: roomFrom(present) }
}

/** Finds a room. */
export async function findRoom(
  db: Queries,
  resourceId: string,
  roomId: string,
): Promise<Room | undefined> {
  const [row] = await db<RoomRow[]>`
    select room_id, created_at, valid_from, valid_until, is_dial_out_enabled
    from room
    where resource_id = ${resourceId}
    and room_id = ${roomId}::bigint
  `
  return row === undefined ? undefined : roomFrom(row)
}

/** Finds a room and holds it until the transaction is over: whoever changes it waits. */
export async function lockRoom(
  db: Transaction,
  resourceId: string,
  roomId: string,
): Promise<Room | undefined> {
  const [row] = await db<RoomRow[]>`
    select room_id, created_at, valid_from, valid_until, is_dial_out_enabled
    from room
    where resource_id = ${resourceId}
    and room_id = ${roomId}::bigint
    for no key update
  `
  return row === undefined ? undefined : roomFrom(row)
}

/**
 * Lists rooms, the oldest first.
 *
 * @param asked.afterRoomId - `0` for the beginning.
 */
export async function listRooms(
  db: Queries,
  resourceId: string,
  asked: { readonly afterRoomId: string; readonly roomsMax: number },
): Promise<readonly Room[]> {
  const rows = await db<RoomRow[]>`
    select room_id, created_at, valid_from, valid_until, is_dial_out_enabled
    from room
    where resource_id = ${resourceId}
    and room_id > ${asked.afterRoomId}::bigint
    order by room_id
    limit ${asked.roomsMax}
  `
  return rows.map(roomFrom)
}

/** Changes a room that is held. */
export async function updateRoom(
  db: Transaction,
  resourceId: string,
  changed: RoomWindow & { readonly roomId: string; readonly isDialOutEnabled: boolean },
): Promise<void> {
  await db`
    update room
    set
      valid_from = ${new Date(changed.validFromMs)},
      valid_until = ${new Date(changed.validUntilMs)},
      is_dial_out_enabled = ${changed.isDialOutEnabled}
    where resource_id = ${resourceId}
    and room_id = ${changed.roomId}::bigint
  `
}

/** Deletes a room and its list; false when there was none. */
export async function deleteRoom(
  db: Queries,
  resourceId: string,
  roomId: string,
): Promise<boolean> {
  const { count } = await db`
    delete from room
    where resource_id = ${resourceId}
    and room_id = ${roomId}::bigint
  `
  return count > 0
}

/**
 * Puts identities on the list of a room that is held, or changes their roles.
 *
 * @returns those of them that exist; the others were passed over.
 */
export async function upsertParticipants(
  db: Transaction,
  resourceId: string,
  put: { readonly roomId: string; readonly participants: readonly RoomParticipant[] },
): Promise<ReadonlySet<string>> {
  // An identity that is being deleted is waited for, and then found or not.
  const rows = await db<{ readonly identity_id: string }[]>`
    with present as materialized (
      select asked.identity_id, asked.role
      from unnest(
        ${put.participants.map(({ identityId }) => identityId)}::uuid[],
        ${put.participants.map(({ role }) => role)}::text[]
      ) as asked (identity_id, role)
      join identity
        on identity.resource_id = ${resourceId}
        and identity.identity_id = asked.identity_id
      order by asked.identity_id
      for key share of identity
    )
    insert into room_participant (resource_id, room_id, identity_id, role)
    select ${resourceId}, ${put.roomId}::bigint, identity_id, role
    from present
    on conflict (resource_id, room_id, identity_id) do update set role = excluded.role
    returning identity_id
  `
  return new Set(rows.map((row) => row.identity_id))
}

/** Takes identities off the list of a room. */
export async function deleteParticipants(
  db: Transaction,
  resourceId: string,
  removed: { readonly roomId: string; readonly identityIds: readonly string[] },
): Promise<void> {
  await db`
    delete from room_participant
    where resource_id = ${resourceId}
    and room_id = ${removed.roomId}::bigint
    and identity_id = any(${removed.identityIds}::uuid[])
  `
}

/** Counts who is on the list of a room. */
export async function countParticipants(
  db: Queries,
  resourceId: string,
  roomId: string,
): Promise<number> {
  const [row] = await db<{ readonly count: number }[]>`
    select count(*)::integer as count
    from room_participant
    where resource_id = ${resourceId}
    and room_id = ${roomId}::bigint
  `
  return row?.count ?? 0
}

/** Lists who is on the list of a room, in the order of their ids; a list is short. */
export async function listParticipants(
  db: Queries,
  resourceId: string,
  roomId: string,
): Promise<readonly RoomParticipant[]> {
  const rows = await db<{ readonly identity_id: string; readonly role: RoomRole }[]>`
    select identity_id, role
    from room_participant
    where resource_id = ${resourceId}
    and room_id = ${roomId}::bigint
    order by identity_id
  `
  return rows.map(({ identity_id: identityId, role }) => ({ identityId, role }))
}

/** The role of somebody on the list of a room; `undefined` for who is not on it. */
export async function findRole(
  db: Queries,
  resourceId: string,
  { roomId, identityId }: { readonly roomId: string; readonly identityId: string },
): Promise<RoomRole | undefined> {
  const [row] = await db<{ readonly role: RoomRole }[]>`
    select role
    from room_participant
    where resource_id = ${resourceId}
    and room_id = ${roomId}::bigint
    and identity_id = ${identityId}
  `
  return row?.role
}
