/**
 * PostgreSQL servers that a test kills, copies and promotes: the binaries that come with Parley,
 * set up to be replicated from, each reached by the path of its socket.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectDatabase, type Database } from '@parley/server/database/connect'
import { chooseAccount } from '@parley/server/database/embedded/child-account'
import { ensureCluster } from '@parley/server/database/embedded/cluster'
import { ensureLibraryLinks } from '@parley/server/database/embedded/library-links'
import { childEnvironment } from '@parley/server/database/embedded/platform'
import { findPostgresPackage } from '@parley/server/database/embedded/postgres-package'
import { database, port, username } from '@parley/server/database/embedded/settings'
import {
  createSocketDirectory,
  socketPathIn,
} from '@parley/server/database/embedded/socket-directory'
import { superviseCommand } from '@parley/server/database/embedded/supervisor'
import { factsHere, silentLog } from '@parley/server/database/embedded/temporary-postgres'
import { newDataDir } from '../place.ts'

/** A cluster on disk, whether it runs or not. */
export interface Cluster {
  readonly folder: string
  /** Where its socket is while it runs. */
  readonly socket: string
  /** Settings on its command line, by name. */
  readonly settings: Readonly<Record<string, string>>
}

/** A cluster that accepts connections. */
export interface Running extends Cluster {
  /** The server's own postmaster. */
  readonly pid: number
  /** Sends the postmaster a signal and waits until all of it has ended. */
  readonly end: (signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL') => Promise<void>
  /** Opens a pool of a test's own, which the test ends. */
  readonly open: () => Promise<Database>
}

const always = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  port: String(port),
  wal_level: 'replica',
  max_wal_senders: '4',
  max_connections: '80',
  shared_buffers: '32MB',
  // What says that it is ready is a line of the log.
  log_min_messages: 'log',
  timezone: 'UTC',
} as const

/** Makes an empty cluster. */
export function makeCluster(settings: Cluster['settings'] = {}): Cluster {
  return clusterIn(newFolder(), settings)
}

/**
 * Copies a cluster that does not run, as a standby of another server.
 *
 * @param upstream - port on loopback at which the primary is reached.
 */
export function makeStandby(primary: Cluster, upstream: number): Cluster {
  const folder = newFolder()
  const cluster = clusterIn(folder, {
    primary_conninfo: `host=127.0.0.1 port=${upstream} user=${username} application_name=standby`,
    wal_receiver_status_interval: '1s',
    wal_retrieve_retry_interval: '100ms',
  })
  cpSync(join(primary.folder, 'postgres'), join(folder, 'postgres'), { recursive: true })
  rmSync(join(folder, 'postgres', 'postmaster.pid'), { force: true })
  writeFileSync(join(folder, 'postgres', 'standby.signal'), '')
  return cluster
}

function newFolder(): string {
  const folder = newDataDir()
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  return realpathSync(folder)
}

function clusterIn(folder: string, settings: Cluster['settings']): Cluster {
  return { folder, socket: socketPathIn(join(folder, 'run')), settings }
}

/** Starts a cluster, making its files first where there are none. */
export async function run(cluster: Cluster): Promise<Running> {
  const { folder: dataDirectory, settings } = cluster
  const clusterDirectory = join(dataDirectory, 'postgres')
  const found = findPostgresPackage(factsHere.platform, factsHere.arch)
  assert.ok(found.ok, JSON.stringify(found))
  const postgresPackage = found.value
  const links = await ensureLibraryLinks(postgresPackage, join(dataDirectory, 'libraries'))
  const environment = childEnvironment(factsHere, links)
  const place = { dataDirectory, clusterDirectory, postgresPackage, environment }
  const chosen = await chooseAccount({ ...place, facts: factsHere })
  assert.ok(chosen.ok, JSON.stringify(chosen))
  const account = chosen.value
  const made = await ensureCluster({ ...place, account, log: silentLog })
  assert.ok(made.ok, JSON.stringify(made))
  const sockets = await createSocketDirectory(dataDirectory, account.owner)
  assert.equal(sockets.isTemporary, false, 'the path of the socket is short enough')
  rmSync(cluster.socket, { force: true })
  rmSync(`${cluster.socket}.lock`, { force: true })
  const all = { ...always, unix_socket_directories: sockets.path, ...settings }
  const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const words = [postgresPackage.postgres, '-D', clusterDirectory, ...options]
  const lines: string[] = []
  let announce = () => {}
  const ready = new Promise<'ready'>((resolve) => {
    announce = () => resolve('ready')
  })
  const supervised = superviseCommand({
    ...{ account, environment, words, temporaryDirectory: undefined },
    onLine: (line) => {
      lines.push(line)
      if (/ready to accept (read-only )?connections/.test(line)) announce()
    },
  })
  const first = await Promise.race([ready, supervised.exited])
  const pid = await supervised.pid
  assert.ok(first === 'ready' && pid !== undefined, lines.join('\n'))
  let hasEnded = false
  void supervised.exited.then(() => {
    hasEnded = true
  })
  return {
    ...cluster,
    pid,
    async end(signal) {
      if (!hasEnded) process.kill(pid, signal)
      // Its children write to the same pipe, so this is when the last of them has gone too.
      await supervised.exited
    },
    async open() {
      const connection = { host: sockets.path, port, username, database }
      const connected = await connectDatabase({
        ...{ address: { kind: 'embedded', connection }, applicationName: 'parley test' },
        connectionsMax: 2,
      })
      assert.ok(connected.ok, JSON.stringify(connected))
      return connected.value
    },
  }
}
