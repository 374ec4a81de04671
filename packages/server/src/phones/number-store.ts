import type { Queries, Transaction } from '../database/connect.ts'
import type { NumberTarget, PhoneNumber } from './model.ts'

interface NumberRow {
  readonly resource_id: string
  readonly number: string
  readonly identity_id: string | null
  readonly room_id: string | number | null
  readonly created_at: Date
}

function numberFrom(row: NumberRow): PhoneNumber {
  const { identity_id: identityId, room_id: roomId } = row
  const target: NumberTarget | undefined =
    identityId !== null
      ? { kind: 'identity', identityId }
      : roomId === null
        ? undefined
        : { kind: 'room', roomId: String(roomId) }
  return { number: row.number, target, createdAtMs: row.created_at.getTime() }
}

/** Lists the numbers of a resource in their order; `after` is a number. */
export async function listPhoneNumbers(
  db: Queries,
  resourceId: string,
  { after, numbersMax }: { readonly after: string; readonly numbersMax: number },
): Promise<readonly PhoneNumber[]> {
  const rows = await db<NumberRow[]>`
    select resource_id, number, identity_id, room_id, created_at
    from phone_number
    where resource_id = ${resourceId}
    and number > ${after}
    order by number
    limit ${numbersMax}
  `
  return rows.map(numberFrom)
}

/** Finds a number of a resource. */
export async function findPhoneNumber(
  db: Queries,
  resourceId: string,
  number: string,
): Promise<PhoneNumber | undefined> {
  const [row] = await db<NumberRow[]>`
    select resource_id, number, identity_id, room_id, created_at
    from phone_number
    where resource_id = ${resourceId}
    and number = ${number}
  `
  return row === undefined ? undefined : numberFrom(row)
}

/** Counts the numbers of a resource. */
export async function countPhoneNumbers(db: Queries, resourceId: string): Promise<number> {
  const [row] = await db<{ readonly count: number }[]>`
    select count(*)::integer as count
    from phone_number
    where resource_id = ${resourceId}
  `
  return row?.count ?? 0
}

/** What became of assigning a number. */
export type StoredNumber =
  | { readonly kind: 'stored'; readonly number: PhoneNumber; readonly isNew: boolean }
  /** It is of another resource. */
  | { readonly kind: 'taken' }
  /** What it would lead to is not there. */
  | { readonly kind: 'target-unknown' }

/** Assigns a number of a resource that is held, anew or for the first time. */
export async function upsertPhoneNumber(
  db: Transaction,
  resourceId: string,
  asked: { readonly number: string; readonly target: NumberTarget; readonly atMs: number },
): Promise<StoredNumber> {
  const { number, target } = asked
  const isThere = await holdTarget(db, resourceId, target)
  if (!isThere) return { kind: 'target-unknown' }
  const identityId = target.kind === 'identity' ? target.identityId : null
  const roomId = target.kind === 'room' ? target.roomId : null
  const [row] = await db<(NumberRow & { readonly is_new: boolean })[]>`
    insert into phone_number (resource_id, number, identity_id, room_id, created_at)
    values (
      ${resourceId}, ${number}, ${identityId}::uuid, ${roomId}::bigint, ${new Date(asked.atMs)}
    )
    on conflict (number) do update
    set identity_id = excluded.identity_id, room_id = excluded.room_id
    where phone_number.resource_id = ${resourceId}
    returning resource_id, number, identity_id, room_id, created_at, xmax = 0 as is_new
  `
  if (row === undefined) return { kind: 'taken' }
  return { kind: 'stored', number: numberFrom(row), isNew: row.is_new }
}

/** Keeps what a number leads to from being deleted meanwhile. */
async function holdTarget(
  db: Transaction,
  resourceId: string,
  target: NumberTarget,
): Promise<boolean> {
  const rows =
    target.kind === 'identity'
      ? await db`
          select
          from identity
          where resource_id = ${resourceId}
          and identity_id = ${target.identityId}
          for key share
        `
      : await db`
          select
          from room
          where resource_id = ${resourceId}
          and room_id = ${target.roomId}::bigint
          for key share
        `
  return rows.length > 0
}

/** Deletes a number; false when there was none. */
export async function deletePhoneNumber(
  db: Transaction,
  resourceId: string,
  number: string,
): Promise<boolean> {
  const { count } = await db`
    delete from phone_number
    where resource_id = ${resourceId}
    and number = ${number}
  `
  return count > 0
}
