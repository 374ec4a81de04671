import type { Queries, Transaction } from '../database/connect.ts'
import type { PhoneNumber } from './model.ts'

interface NumberRow {
  readonly number: string
  readonly identity_id: string | null
  readonly created_at: Date
}

function numberFrom(row: NumberRow): PhoneNumber {
  const identityId = row.identity_id ?? undefined
  return { number: row.number, identityId, createdAtMs: row.created_at.getTime() }
}

/** Lists the numbers of a resource in their order; `after` is a number. */
export async function listPhoneNumbers(
  db: Queries,
  resourceId: string,
  { after, numbersMax }: { readonly after: string; readonly numbersMax: number },
): Promise<readonly PhoneNumber[]> {
  const rows = await db<NumberRow[]>`
    select number, identity_id, created_at
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
    select number, identity_id, created_at
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
  | { readonly kind: 'identity-unknown' }

/** Assigns a number of a resource that is held, anew or for the first time. */
export async function upsertPhoneNumber(
  db: Transaction,
  resourceId: string,
  asked: { readonly number: string; readonly identityId: string; readonly atMs: number },
): Promise<StoredNumber> {
  const { number, identityId, atMs } = asked
  const held = await db`
    select
    from identity
    where resource_id = ${resourceId}
    and identity_id = ${identityId}
    for key share
  `
  if (held.length === 0) return { kind: 'identity-unknown' }
  const [row] = await db<(NumberRow & { readonly is_new: boolean })[]>`
    insert into phone_number (resource_id, number, identity_id, created_at)
    values (${resourceId}, ${number}, ${identityId}, ${new Date(atMs)})
    on conflict (number) do update
    set identity_id = excluded.identity_id
    where phone_number.resource_id = ${resourceId}
    returning number, identity_id, created_at, xmax = 0 as is_new
  `
  if (row === undefined) return { kind: 'taken' }
  return { kind: 'stored', number: numberFrom(row), isNew: row.is_new }
}

/** Whose number it is, and whom it rings; `undefined` for one of no live resource. */
export async function findOwnNumber(
  db: Queries,
  number: string,
): Promise<{ readonly resourceId: string; readonly identityId: string | undefined } | undefined> {
  const [row] = await db<{ readonly resource_id: string; readonly identity_id: string | null }[]>`
    select phone_number.resource_id, identity_id
    from phone_number
    join resource_standing
      on resource_standing.resource_id = phone_number.resource_id
      and standing = 'live'
    where number = ${number}
  `
  return row && { resourceId: row.resource_id, identityId: row.identity_id ?? undefined }
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
