/**
 * Links, in a table of ours or in a column of the app's users table. Both answer the same
 * questions; whoever changes a link holds the row of its identity (`lockIdentity`).
 */
import { type Kysely, sql } from 'kysely'
import type { Place } from './model.ts'
import type { Db, Dialect, UsersColumn } from './tables.ts'

/** A link as it is listed. */
export interface Link extends Place {
  readonly identity: string
}

/** What is at a place: an identity, nothing, or there is no such user at all. */
export type Found =
  | { readonly kind: 'linked'; readonly identity: string }
  | { readonly kind: 'free' }
  | { readonly kind: 'no-user' }

/** Where links are kept. */
export interface Links {
  find(db: Db, place: Place): Promise<Found>
  /** All links of a user; `isLocked` keeps them as they are until the transaction is over. */
  ofUser(db: Db, user: string, isLocked?: boolean): Promise<readonly Link[]>
  /** Links to an identity, the first `count` of them. */
  toIdentity(db: Db, identity: string, count: number): Promise<readonly Link[]>
  /** Links in the order of their places, `count` of them after a given one. */
  page(db: Db, after: Place | undefined, count: number): Promise<readonly Link[]>
  /** Writes a link where there is none, and says what is there afterwards. */
  insert(db: Db, link: Link, nowMs: number): Promise<Found>
  delete(db: Db, link: Link): Promise<boolean>
}

/** Links in `parley_link`. */
export function linksInTable(dialect: Dialect): Links {
  return {
    find: findInTable,
    ofUser: async (db, user, isLocked = false) => {
      const query = db
        .selectFrom('parley_link')
        .select(['user_id', 'slot', 'identity_id'])
        .where('user_id', '=', user)
        .orderBy('slot')
      const isLocking = isLocked && dialect !== 'sqlite'
      return (await (isLocking ? query.forUpdate() : query).execute()).map(readRow)
    },
    toIdentity: async (db, identity, count) => {
      const rows = await db
        .selectFrom('parley_link')
        .select(['user_id', 'slot', 'identity_id'])
        .where('identity_id', '=', identity)
        .orderBy('user_id')
        .orderBy('slot')
        .limit(count)
        .execute()
      return rows.map(readRow)
    },
    page: pageInTable,
    insert: async (db, link, nowMs) => {
      const { user, slot, identity } = link
      await insertIfAbsent(db, dialect, 'parley_link', {
        user_id: user,
        slot,
        identity_id: identity,
        linked_at_ms: nowMs,
      })
      return findInTable(db, link)
    },
    delete: async (db, { user, slot, identity }) => {
      const { numDeletedRows } = await db
        .deleteFrom('parley_link')
        .where('user_id', '=', user)
        .where('slot', '=', slot)
        .where('identity_id', '=', identity)
        .executeTakeFirst()
      return numDeletedRows > 0n
    },
  }
}

async function findInTable(db: Db, { user, slot }: Place): Promise<Found> {
  const row = await db
    .selectFrom('parley_link')
    .select('identity_id')
    .where('user_id', '=', user)
    .where('slot', '=', slot)
    .executeTakeFirst()
  return row === undefined ? { kind: 'free' } : { kind: 'linked', identity: row.identity_id }
}

async function pageInTable(
  db: Db,
  after: Place | undefined,
  count: number,
): Promise<readonly Link[]> {
  const query = db
    .selectFrom('parley_link')
    .select(['user_id', 'slot', 'identity_id'])
    .orderBy('user_id')
    .orderBy('slot')
    .limit(count)
  const rest =
    after === undefined
      ? query
      : query.where((where) =>
          where.or([
            where('user_id', '>', after.user),
            where.and([where('user_id', '=', after.user), where('slot', '>', after.slot)]),
          ]),
        )
  return (await rest.execute()).map(readRow)
}

function readRow(row: { user_id: string; slot: string; identity_id: string }): Link {
  return { user: row.user_id, slot: row.slot, identity: row.identity_id }
}

type TableName = 'parley_link' | 'parley_reservation' | 'parley_identity'

type AnyRow = Readonly<Record<string, string | number | null>>

/**
 * Inserts a row unless one with its keys is there, which is no error: in PostgreSQL one would end
 * the transaction. Whether it was inserted is read afterwards, since the count of affected rows
 * means another thing in each database.
 */
export async function insertIfAbsent(
  db: Db,
  dialect: Dialect,
  table: TableName,
  row: AnyRow,
): Promise<void> {
  // By the builder, as all that is of our tables: it knows of a schema that the app has chosen.
  const insert = (db as unknown as Kysely<Record<TableName, AnyRow>>).insertInto(table).values(row)
  const [first = ''] = Object.keys(row)
  // Not `insert ignore`, which would also cut what is too long and pass over other errors.
  const unless =
    dialect === 'mysql'
      ? insert.onDuplicateKeyUpdate({ [first]: sql.ref(first) })
      : insert.onConflict((conflict) => conflict.doNothing())
  await unless.execute()
}

interface ColumnRow {
  readonly user: string | number | bigint
  readonly identity: string | null
}

/** Links in a column of the app's table; the only slot is the one without a name. */
export function linksInColumn(place: UsersColumn, dialect: Dialect): Links {
  const table = sql.table(place.table)
  const id = sql.ref(place.idColumn)
  const column = sql.ref(place.column)
  const key = (user: string) => (place.ids === 'number' ? numberOf(user) : user)
  const lock = (isLocked: boolean) => (isLocked && dialect !== 'sqlite' ? sql`for update` : sql``)

  const rowOf = async (db: Db, user: string, isLocked = false): Promise<ColumnRow | undefined> => {
    const asked = key(user)
    if (asked === undefined) return undefined
    const { rows } = await sql<ColumnRow>`
      select ${id} as ${sql.ref('user')}, ${column} as ${sql.ref('identity')} from ${table}
      where ${id} = ${asked} ${lock(isLocked)}`.execute(db)
    // A server may compare texts as its collation likes; a user is himself only, letter by letter.
    return rows.find((row) => String(row.user) === user)
  }
  const find = async (db: Db, { user }: Place): Promise<Found> => {
    const row = await rowOf(db, user)
    if (row === undefined) return { kind: 'no-user' }
    return row.identity === null ? { kind: 'free' } : { kind: 'linked', identity: row.identity }
  }
  return {
    find,
    ofUser: async (db, user, isLocked) => {
      const identity = (await rowOf(db, user, isLocked))?.identity ?? undefined
      return identity === undefined ? [] : [{ user, slot: '', identity }]
    },
    toIdentity: async (db, identity, count) => {
      const { rows } = await sql<ColumnRow>`
        select ${id} as ${sql.ref('user')}, ${column} as ${sql.ref('identity')} from ${table}
        where ${column} = ${identity} order by ${id} limit ${count}`.execute(db)
      return rows.map((row) => ({ user: String(row.user), slot: '', identity }))
    },
    page: async (db, after, count) => {
      const rest = after === undefined ? sql`` : sql`and ${id} > ${key(after.user)}`
      const { rows } = await sql<ColumnRow>`
        select ${id} as ${sql.ref('user')}, ${column} as ${sql.ref('identity')} from ${table}
        where ${column} is not null ${rest} order by ${id} limit ${count}`.execute(db)
      return rows.map(({ user, identity }) => ({
        user: String(user),
        slot: '',
        identity: identity ?? '',
      }))
    },
    insert: async (db, link) => {
      if ((await find(db, link)).kind === 'free') {
        await sql`update ${table} set ${column} = ${link.identity}
          where ${id} = ${key(link.user)} and ${column} is null`.execute(db)
      }
      return find(db, link)
    },
    delete: async (db, { user, identity }) => {
      const row = await rowOf(db, user, true)
      if (row?.identity !== identity) return false
      await sql`update ${table} set ${column} = null
        where ${id} = ${key(user)} and ${column} = ${identity}`.execute(db)
      return true
    },
  }
}

/** A user id that is sent as a number; `undefined` for a text that no number prints as. */
function numberOf(user: string): number | undefined {
  const number = Number(user)
  return Number.isSafeInteger(number) && String(number) === user ? number : undefined
}
