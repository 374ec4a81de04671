/** An app with a mapping: its database, its service, and as many of its processes as wanted. */
import assert from 'node:assert/strict'
import {
  createMapping,
  type IdentityService,
  type Mapping,
  type MappingOptions,
  type MigrationOptions,
  type Pattern,
} from '@parley/trusted-service'
import { sql } from 'kysely'
import { type AppDatabase, type DatabaseKind, migrate } from './databases.ts'
import { newService, type Service } from './the-service.ts'

/** An app whose users have identities. */
export interface App {
  readonly db: AppDatabase
  readonly service: Service
  /** Another process of the same app, as far as a mapping can tell. */
  readonly mapping: (more?: Partial<MappingOptions<AppTables>>) => Mapping
}

type AppTables = Record<string, Record<string, unknown>>

/** Opens an empty app; with a column, one whose users 1, 2 and 7 are in a table. */
export async function openApp(
  { open, dialect }: DatabaseKind,
  pattern: Pattern,
  more: Partial<MappingOptions<AppTables>> = {},
  migration: Partial<MigrationOptions> = {},
): Promise<App> {
  const [db, service] = await Promise.all([open(), newService()])
  const { column } = more
  const options = { dialect, pattern, ...(column === undefined ? {} : { column }) }
  if (column !== undefined) {
    await sql.raw('create table users (id integer primary key, name varchar(50))').execute(db)
    await sql.raw("insert into users (id, name) values (1, 'a'), (2, 'b'), (7, 'c')").execute(db)
  }
  await migrate(db, { ...options, ...migration })
  const mapping: App['mapping'] = (different = {}) =>
    createMapping({ db, ...options, service: service.client, ...more, ...different })
  return { db, service, mapping }
}

/** Counts the rows of each table of ours. */
export async function rowCounts(db: AppDatabase): Promise<readonly number[]> {
  const counts: number[] = []
  for (const table of ['parley_identity', 'parley_link', 'parley_reservation']) {
    const { rows } = await sql<{
      n: number
    }>`select count(*) as n from ${sql.table(table)}`.execute(db)
    counts.push(Number(rows[0]?.n))
  }
  return counts
}

/** The identity of a user, of whom nothing else is expected. */
export async function identityOf(mapping: Mapping, user: string, slot?: string): Promise<string> {
  const verdict = await mapping.identityFor(user, slot)
  assert.ok(verdict.ok, JSON.stringify(verdict))
  return verdict.identity
}

/** A service whose process dies, or whose answer is lost, at a chosen moment. */
export function dying(
  service: IdentityService,
  moments: { readonly before?: () => void; readonly after?: () => Promise<void> | void },
): IdentityService {
  return {
    createUser: async (options) => {
      moments.before?.()
      const user = await service.createUser(options)
      await moments.after?.()
      return user
    },
    getToken: (user, scopes, options) => service.getToken(user, scopes, options),
    revokeTokens: async (user) => {
      moments.before?.()
      await service.revokeTokens(user)
    },
    deleteUser: async (user) => {
      moments.before?.()
      await service.deleteUser(user)
      await moments.after?.()
    },
  }
}

/** What a process that ends does not come back from. */
export function crash(): never {
  throw new Error('crashed here')
}
