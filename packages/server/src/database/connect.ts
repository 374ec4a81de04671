import { fail, ok, type Result } from '@parley/protocol'
import postgres from 'postgres'
import { columnTypes } from './column-types.ts'
import type { EmbeddedConnection } from './embedded/embedded-postgres.ts'

type ColumnTypes = {
  [Name in keyof typeof columnTypes]: Parameters<(typeof columnTypes)[Name]['serialize']>[0]
}

/** A pool of connections; closed with `database.end()`. */
export type Database = postgres.Sql<ColumnTypes>

/** One transaction, as `database.begin` hands it out. */
export type Transaction = postgres.TransactionSql<ColumnTypes>

/** Where a statement may be sent that does not mind whether a transaction is open. */
export type Queries = postgres.ISql<ColumnTypes>

/** Which database: the embedded one, or the one that PARLEY_DATABASE_URL names. */
export type DatabaseAddress =
  | { readonly kind: 'embedded'; readonly connection: EmbeddedConnection }
  | { readonly kind: 'url'; readonly url: string }

/** What connecting needs; the times are in milliseconds. */
export interface ConnectOptions {
  readonly address: DatabaseAddress
  /** Shown in `pg_stat_activity`; at most 63 bytes count. Default `parley`. */
  readonly applicationName?: string | undefined
  /** Connections at most, 1 or more. Default 4: what gathers statements needs few. */
  readonly connectionsMax?: number | undefined
  /** Called when a connection of the pool has ended, asked to or not. */
  readonly onClose?: (() => void) | undefined
  /** Called with channel and text of what PostgreSQL notifies of, after a `listen`. */
  readonly onNotify?: ((channel: string, text: string) => void) | undefined
  /** Connections live as long as the pool, not for an hour at most. Default false. */
  readonly isLasting?: boolean | undefined
  /** Commits are answered before they are on disk. Default false. */
  readonly isCommitAsynchronous?: boolean | undefined
  /** How long a connection may take to open. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined
  /** How long one statement may take before the database ends it. Default 30,000. */
  readonly statementTimeoutMs?: number | undefined
}

/** The text of PARLEY_DATABASE_URL is no URL of a PostgreSQL. */
export interface DatabaseUrlInvalid {
  readonly kind: 'database-url-invalid'
  readonly message: string
}

/** Nobody answers there, or the answer was no. */
export interface DatabaseUnreachable {
  readonly kind: 'database-unreachable'
  readonly message: string
}

/** An answer came from a PostgreSQL that is too old. */
export interface DatabaseTooOld {
  readonly kind: 'database-too-old'
  readonly message: string
}

/** Why there is no database. The messages never hold the password. */
export type ConnectFault = DatabaseUrlInvalid | DatabaseUnreachable | DatabaseTooOld

/** Oldest PostgreSQL that the statements are written for. */
const majorVersionMin = 15

const defaults = {
  applicationName: 'parley',
  connectionsMax: 4,
  connectTimeoutMs: 10_000,
  statementTimeoutMs: 30_000,
}

/**
 * A transaction in which the server fell silent holds locks, the one of the log among them, and
 * every voiding of every node waits for it; the database ends it after this. Longer than an event
 * loop is ever held up, and far shorter than a statement may take that waits meanwhile.
 */
const idleInTransactionTimeoutMs = 5_000

/**
 * Opens a pool to the database and makes sure that it answers and is recent enough.
 *
 * Bigints come as numbers where exact, timestamps as `Date`, absent values as `null`.
 *
 * @faults `database-url-invalid` - the URL cannot be read; its text is not repeated.
 * @faults `database-unreachable` - nothing answers, or the account or database is refused.
 * @faults `database-too-old` - PostgreSQL before version 15.
 */
export async function connectDatabase(
  options: ConnectOptions,
): Promise<Result<Database, ConnectFault>> {
  const opened = openPool(options)
  if (!opened.ok) return opened
  const pool = opened.value
  try {
    const majorVersion = await askVersion(pool, connectTimeoutOf(options))
    if (majorVersion >= majorVersionMin) return ok(pool)
    await pool.end({ timeout: 0 })
    const need = `Parley needs ${majorVersionMin} or later`
    const message = `${placeOf(pool)} is PostgreSQL ${majorVersion}; ${need}.`
    return fail({ kind: 'database-too-old', message })
  } catch (error) {
    if (!(error instanceof Error)) throw error
    await pool.end({ timeout: 0 })
    const message = `${placeOf(pool)} does not let Parley in: ${error.message || error.name}.`
    return fail({ kind: 'database-unreachable', message })
  }
}

/** Asks for the major version; the library alone would try the hosts of a list without end. */
async function askVersion(pool: Database, timeoutMs: number): Promise<number> {
  const asked = pool.unsafe<{ server_version_num: string }[]>('show server_version_num')
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    const seconds = timeoutMs / 1000
    timer = setTimeout(() => reject(new Error(`no answer within ${seconds} s`)), timeoutMs)
  })
  try {
    const [row] = await Promise.race([asked, timeout])
    return Math.floor(Number(row?.server_version_num) / 10_000)
  } finally {
    clearTimeout(timer)
  }
}

/**
 * How long a connection waits before it tries again. The library would wait up to 20 s, and whoever
 * asks for something then waits as long after the database is back.
 */
function pauseSecondsAfter(failures: number): number {
  return Math.min(0.02 * 2 ** failures, 0.2)
}

/**
 * How long one connection may take to come about before another is tried. A server that is being
 * replaced leaves some hanging; whoever asked waits for them.
 */
const connectionTimeoutSeconds = 3

function connectTimeoutOf(options: ConnectOptions): number {
  return options.connectTimeoutMs ?? defaults.connectTimeoutMs
}

function openPool(options: ConnectOptions): Result<Database, DatabaseUrlInvalid> {
  const { address } = options
  const pool = {
    max: options.connectionsMax ?? defaults.connectionsMax,
    backoff: pauseSecondsAfter,
    connect_timeout: connectionTimeoutSeconds,
    fetch_types: false,
    types: columnTypes,
    // "already exists, skipping" and its like: nothing that the server would act upon.
    onnotice: () => undefined,
    ...(options.onClose === undefined ? {} : { onclose: options.onClose }),
    ...(options.onNotify === undefined ? {} : { onnotify: options.onNotify }),
    ...(options.isLasting === true ? { max_lifetime: null } : {}),
    connection: {
      ...(options.isCommitAsynchronous === true ? { synchronous_commit: 'off' } : {}),
      application_name: options.applicationName ?? defaults.applicationName,
      statement_timeout: options.statementTimeoutMs ?? defaults.statementTimeoutMs,
      idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
      TimeZone: 'UTC',
    },
  }
  if (address.kind === 'embedded') {
    const { host, port, username, database } = address.connection
    const here = { host, port, username, database, password: '', ssl: false, max_lifetime: null }
    return ok(postgres({ ...pool, ...here }))
  }
  try {
    if (!/^postgres(ql)?:\/\//.test(address.url)) return fail(urlInvalid)
    return ok(postgres(...splitHost(address.url, { ...pool, ...choiceAmong(address.url) })))
  } catch (error) {
    // The library reads the URL at once. What it throws repeats the text, and so the password.
    if (error instanceof Error) return fail(urlInvalid)
    throw error
  }
}

/**
 * Of several hosts one is worked on that is no standby, whatever the URL says: the library lets a
 * standby pass that is asked for as `read-write` (3.4.9, `tryNext` looks at a default). Of a single
 * host it would ask without a pause until that is promoted; a node finds out by itself there.
 */
function choiceAmong(url: string): { readonly target_session_attrs?: 'primary' } {
  return /^[^/]+\/\/[^/?]*,/.test(url) ? { target_session_attrs: 'primary' } : {}
}

/**
 * A socket's directory stands in the query of a URL, `postgres://user@/database?host=/directory`.
 * The library would take it for a setting of the session.
 *
 * @source PostgreSQL 18, libpq, section 32.1.1.2.
 */
function splitHost<Pool extends object>(text: string, pool: Pool): [string, Pool] {
  // Several hosts, `host:port,host:port`, are no URL for the web; the library can read them.
  if (!/[?&]host=/.test(text)) return [text, pool]
  // An empty host behind a user is none for the URLs of the web.
  const url = new URL(text.replace(/^([a-z]+:\/\/[^/?#]*@)(?=\/)/, '$1localhost'))
  const host = url.searchParams.get('host')
  if (host === null) return [text, pool]
  const port = url.searchParams.get('port')
  url.searchParams.delete('host')
  url.searchParams.delete('port')
  return [url.href, { ...pool, host, ...(port === null ? {} : { port: Number(port) }) }]
}

const urlInvalid: DatabaseUrlInvalid = {
  kind: 'database-url-invalid',
  message: [
    'PARLEY_DATABASE_URL cannot be read.',
    'It has the form postgres://user:password@host:port/database;',
    'characters such as @ / : in a password are percent-encoded.',
  ].join(' '),
}

/** Names the database by host, port and database name. */
function placeOf(pool: Database): string {
  const { host, port, database } = pool.options
  const hosts = host.map((name, index) => `${name}:${port[index] ?? ''}`)
  return `The database ${database} at ${hosts.join(', ')}`
}
