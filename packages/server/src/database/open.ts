import { join } from 'node:path'
import { ok, type Result } from '@parley/protocol'
import type { Log } from '../foundation/log.ts'
import type { Platform } from '../foundation/platform.ts'
import {
  type ConnectFault,
  connectDatabase,
  type Database,
  type DatabaseAddress,
} from './connect.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded/embedded-postgres.ts'
import type { EmbeddedPostgresFault } from './embedded/faults.ts'
import type { PlatformFacts } from './embedded/platform.ts'
import { type MigrationFault, migrate } from './migrate.ts'

/** A database that is ready: reached and migrated. */
export interface OpenDatabase {
  readonly db: Database
  /** Where it is, for connections beside the pool. */
  readonly address: DatabaseAddress
  /** Closes the pool, then the embedded PostgreSQL. */
  readonly close: () => Promise<void>
  /** Settles when the embedded database is lost for good; otherwise never. */
  readonly failed: Promise<unknown>
}

/** What the launcher of the embedded database must know of this machine. */
export type HostFacts = PlatformFacts

/** What opening the database needs. */
export interface OpenDatabaseOptions {
  /** Absent: the embedded PostgreSQL in the data directory. */
  readonly databaseUrl: string | undefined
  /** Another process has opened it, and closes it after this one. */
  readonly heldDatabase?: DatabaseAddress | undefined
  /** Processes that will connect to the embedded one. Default 1. */
  readonly workersCount?: number
  readonly dataDir: string
  readonly platform: Platform
  readonly log: Log
  readonly host: HostFacts
}

/** Why there is no database to work with. */
export type OpenDatabaseFault = EmbeddedPostgresFault | ConnectFault | MigrationFault

/**
 * Opens the database of a server and brings its schema up to date.
 *
 * @faults those of its parts.
 */
export async function openDatabase(
  options: OpenDatabaseOptions,
): Promise<Result<OpenDatabase, OpenDatabaseFault>> {
  const { databaseUrl, heldDatabase, dataDir, log, host: facts } = options
  if (heldDatabase !== undefined) return openAt(heldDatabase, options, undefined)
  if (databaseUrl !== undefined) {
    return openAt({ kind: 'url', url: databaseUrl }, options, undefined)
  }
  const clusterDirectory = join(dataDir, 'postgres')
  const embedded = await startEmbeddedPostgres({
    ...{ clusterDirectory, log, facts, connectionsMax: connectionsMaxFor(options) },
  })
  if (!embedded.ok) return embedded
  const address = { kind: 'embedded', connection: embedded.value.connection } as const
  const opened = await openAt(address, options, embedded.value)
  if (!opened.ok) await embedded.value.stop()
  return opened
}

/** A pool, a node and what comes for a moment, for each process; and whoever looks in. */
function connectionsMaxFor({ workersCount = 1 }: OpenDatabaseOptions): number {
  return 12 + 8 * workersCount
}

async function openAt(
  address: DatabaseAddress,
  options: OpenDatabaseOptions,
  embedded: EmbeddedPostgres | undefined,
): Promise<Result<OpenDatabase, ConnectFault | MigrationFault>> {
  const { platform } = options
  const connected = await connectDatabase({ address })
  if (!connected.ok) return connected
  const db = connected.value
  const migrated = await migrate(db, platform.now())
  if (!migrated.ok) {
    await db.end()
    return migrated
  }
  let isClosing = false
  const never = new Promise<never>(() => {})
  const failed =
    embedded?.exited.then(() => (isClosing ? never : new Error('the embedded PostgreSQL ended'))) ??
    never
  return ok({
    db,
    address,
    failed,
    close: async () => {
      isClosing = true
      await db.end({ timeout: 5 })
      await embedded?.stop()
    },
  })
}
