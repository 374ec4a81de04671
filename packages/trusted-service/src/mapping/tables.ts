import type { Kysely } from 'kysely'

/** The databases that the mapping speaks; MariaDB is `mysql`. */
export type Dialect = 'postgresql' | 'mysql' | 'sqlite'

/** What is still to be done at the service about an identity. */
export type Owed = 'nothing' | 'deletion' | 'revocation'

/** An identity that the mapping knows of. */
export interface IdentityRow {
  identity_id: string
  owed: Owed
  /** Changes with every new debt, so that paying an old one does not cancel it. */
  owed_mark: string
  /** The user whose erasure incurred it; gone with the row. */
  owed_by: string | null
  attempts: number
  due_at_ms: number
  /** When a visitor's identity is removed; null for what is linked or was. */
  visitor_until_ms: number | null
  created_at_ms: number
}

/** One user, in one slot, has one identity. */
export interface LinkRow {
  user_id: string
  slot: string
  identity_id: string
  linked_at_ms: number
}

/** Who may create the identity of a place, and until when. */
export interface ReservationRow {
  user_id: string
  slot: string
  claim_id: string
  custom_id: string
  claimed_until_ms: number
}

/** A sealed token; what it is of cannot be read from its keys. */
export interface TokenRow {
  identity_hash: string
  entry_hash: string
  token_hash: string
  sealed: string
  expires_at_ms: number
}

/** The tables that the migrations make. */
export interface ParleyTables {
  parley_identity: IdentityRow
  parley_link: LinkRow
  parley_reservation: ReservationRow
  parley_token: TokenRow
}

/** The app's database as the mapping sees it, or a transaction on it. */
export type Db = Kysely<ParleyTables>

/** Where the link stands when it is a column of the app's own table. */
export interface UsersColumn {
  /** The app's table, with its schema if it needs one: `users`, `app.users`. */
  readonly table: string
  /** The column that names the user. */
  readonly idColumn: string
  /** The column that gets the identity: a text, null while there is none. */
  readonly column: string
  /**
   * What the id column holds. MySQL would take '7x' for 7, so numbers are sent as numbers.
   * Default `text`.
   */
  readonly ids?: 'text' | 'number'
}
