/**
 * The tables of the mapping, as statements that the app puts among its own migrations.
 *
 * They are generated once and then the app's: it may rename the file, add a tenant column, move
 * them into a schema. Nothing here runs by itself.
 */
import { type Kysely, sql } from 'kysely'
import { type Pattern, patternRules, userCharactersMax } from './model.ts'
import type { Dialect, UsersColumn } from './tables.ts'

/** What the tables are made for. */
export interface MigrationOptions {
  readonly dialect: Dialect
  readonly pattern: Pattern
  /** The link as a column of the app's users table, for one-to-one and many-to-one only. */
  readonly column?: UsersColumn
  /** Whether the SQL backend of the token cache gets its table. Default false. */
  readonly tokenCache?: boolean
}

/** Statements in the order in which they are run, without a semicolon at their end. */
export interface MappingMigration {
  readonly up: readonly string[]
  readonly down: readonly string[]
}

/**
 * Writes the statements that make the tables, and those that remove them.
 *
 * @throws TypeError for a column with a pattern of slots, or for a name that needs quoting.
 */
export function mappingMigration(options: MigrationOptions): MappingMigration {
  const { dialect, pattern, column, tokenCache = false } = options
  const words = wordsOf(dialect)
  const { isShared } = patternRules(pattern)
  checkColumn(pattern, column)
  const links = column === undefined ? linkTable(words, isShared) : linkColumn(column, options)
  const tokens = tokenCache ? tokenTable(words) : { up: [], down: [] }
  return {
    up: [...identityTables(words), ...links.up, ...tokens.up],
    down: [
      ...tokens.down,
      ...links.down,
      'drop table parley_reservation',
      'drop table parley_identity',
    ],
  }
}

/** The same as a migration of Kysely's migrator. */
export function kyselyMigration(options: MigrationOptions): {
  up<Tables>(db: Kysely<Tables>): Promise<void>
  down<Tables>(db: Kysely<Tables>): Promise<void>
} {
  const { up, down } = mappingMigration(options)
  return { up: (db) => runAll(db, up), down: (db) => runAll(db, down) }
}

/** The same as the text of a file for any other migration tool. */
export function printMigration(options: MigrationOptions): {
  readonly up: string
  readonly down: string
} {
  const { up, down } = mappingMigration(options)
  const print = (statements: readonly string[]) => statements.map((text) => `${text};\n`).join('\n')
  return { up: print(up), down: print(down) }
}

async function runAll<Tables>(db: Kysely<Tables>, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

/**
 * Checks that a column can hold the links of a pattern and that its names are plain.
 *
 * @throws TypeError otherwise.
 */
export function checkColumn(pattern: Pattern, column: UsersColumn | undefined): void {
  if (column === undefined) return
  if (patternRules(pattern).hasSlots) {
    throw new TypeError(`column: ${pattern} needs a table, a column holds one identity`)
  }
  const isName = (text: string) => /^[A-Za-z_][\w$]*$/.test(text)
  const names = [column.idColumn, column.column, ...column.table.split('.')]
  if (!names.every(isName)) throw new TypeError('column: expected names that need no quotes')
}

/** What the dialects say differently. */
interface Words {
  readonly dialect: Dialect
  /** Compared byte by byte: to a server's default collation Ada and ada may be one person. */
  readonly exact: (length: number) => string
  readonly end: string
}

function wordsOf(dialect: Dialect): Words {
  switch (dialect) {
    case 'mysql':
      return {
        dialect,
        exact: (length) => `varchar(${length}) character set utf8mb4 collate utf8mb4_bin`,
        end: ') engine = InnoDB',
      }
    case 'postgresql':
      return { dialect, exact: (length) => `varchar(${length}) collate "C"`, end: ')' }
    case 'sqlite':
      return { dialect, exact: () => 'text', end: ') strict' }
    default:
      throw new TypeError('dialect: expected postgresql | mysql | sqlite')
  }
}

function integer({ dialect }: Words): string {
  return dialect === 'sqlite' ? 'integer' : 'bigint'
}

function identityTables(words: Words): readonly string[] {
  const { exact, end } = words
  const number = integer(words)
  return [
    `create table parley_identity (
  identity_id ${exact(255)} not null primary key,
  owed ${exact(16)} not null,
  owed_mark ${exact(36)} not null,
  owed_by ${exact(userCharactersMax)},
  attempts ${number} not null,
  due_at_ms ${number} not null,
  visitor_until_ms ${number},
  created_at_ms ${number} not null
${end}`,
    'create index parley_identity_owed on parley_identity (owed, due_at_ms)',
    'create index parley_identity_visitor on parley_identity (visitor_until_ms)',
    `create table parley_reservation (
  user_id ${exact(userCharactersMax)} not null,
  slot ${exact(64)} not null,
  claim_id ${exact(36)} not null,
  custom_id ${exact(36)} not null,
  claimed_until_ms ${number} not null,
  primary key (user_id, slot)
${end}`,
  ]
}

function linkTable(words: Words, isShared: boolean): MappingMigration {
  const { exact, end } = words
  const kind = isShared ? 'index' : 'unique index'
  return {
    up: [
      `create table parley_link (
  user_id ${exact(userCharactersMax)} not null,
  slot ${exact(64)} not null,
  identity_id ${exact(255)} not null,
  linked_at_ms ${integer(words)} not null,
  primary key (user_id, slot)
${end}`,
      `create ${kind} parley_link_identity on parley_link (identity_id)`,
    ],
    down: ['drop table parley_link'],
  }
}

function linkColumn(place: UsersColumn, options: MigrationOptions): MappingMigration {
  const { table, column } = place
  const { exact, dialect } = wordsOf(options.dialect)
  const kind = patternRules(options.pattern).isShared ? 'index' : 'unique index'
  const index = `${table.split('.').at(-1)}_${column}`
  const schema = table.includes('.') ? `${table.split('.')[0]}.` : ''
  const target = dialect === 'mysql' ? `drop index ${index} on ${table}` : undefined
  return {
    up: [
      `alter table ${table} add column ${column} ${exact(255)}`,
      `create ${kind} ${index} on ${table} (${column})`,
    ],
    down: [target ?? `drop index ${schema}${index}`, `alter table ${table} drop column ${column}`],
  }
}

function tokenTable(words: Words): MappingMigration {
  const { exact, end, dialect } = words
  const number = integer(words)
  return {
    up: [
      `create table parley_token (
  identity_hash ${exact(43)} not null,
  entry_hash ${exact(43)} not null,
  token_hash ${exact(43)} not null,
  sealed ${dialect === 'mysql' ? 'mediumtext' : 'text'} not null,
  expires_at_ms ${number} not null,
  primary key (identity_hash, entry_hash)
${end}`,
      'create index parley_token_hash on parley_token (token_hash)',
      'create index parley_token_expiry on parley_token (expires_at_ms)',
    ],
    down: ['drop table parley_token'],
  }
}
