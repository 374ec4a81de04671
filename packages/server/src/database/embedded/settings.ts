/**
 * How the embedded PostgreSQL is set. The settings stand on its command line, where no file of an
 * older cluster and no `alter system` can contradict them.
 */

/** The port names the socket file; nothing listens on the network. */
export const port = 5432

/** Superuser of the cluster, and the role the server connects as. */
export const username = 'parley'

/** The database that every new cluster has; making another one would cost 0.1 s of the start. */
export const database = 'postgres'

const settings: Readonly<Record<string, string>> = {
  // Reached through the socket only: whoever may enter its directory (0700) is let in.
  listen_addresses: '',
  unix_socket_permissions: '0700',
  port: String(port),
  ssl: 'off',

  // What was acknowledged survives a power loss. These are the defaults; they are said again so
  // that nothing can unsay them.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',

  // Small. Shared buffers are touched as they are used; 64 MB of them cost 2 MB of descriptors.
  // No workers for parallel queries, none for reading (`io_method`), none for replication: 5
  // processes and 17 MB when idle, against 9 and 19 with the defaults at 32 MB.
  shared_buffers: '64MB',
  huge_pages: 'off',
  max_worker_processes: '0',
  max_parallel_workers: '0',
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  max_logical_replication_workers: '0',
  io_method: 'sync',
  autovacuum_max_workers: '1',
  autovacuum_worker_slots: '1',
  maintenance_work_mem: '32MB',
  jit: 'off',

  // Nobody replicates from here, so the log holds only what recovery needs. Compressing its page
  // images would cost processor time: these binaries have pglz only, no lz4.
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '256MB',
  min_wal_size: '64MB',
  checkpoint_timeout: '15min',

  // What goes wrong goes to the server's log; statements and their values never do.
  logging_collector: 'off',
  log_destination: 'stderr',
  log_line_prefix: '',
  log_min_messages: 'warning',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
  log_autovacuum_min_duration: '-1',
  log_timezone: 'UTC',
  lc_messages: 'C',
  timezone: 'UTC',
  cluster_name: 'parley',
}

/** The arguments of `postgres`: its cluster, its socket directory, its settings. */
export function postgresArguments(where: {
  readonly clusterDirectory: string
  readonly socketDirectory: string
  readonly connectionsMax: number
}): readonly string[] {
  // The setting is a list, in which a quoted name may hold commas and spaces.
  const quoted = `"${where.socketDirectory.replaceAll('"', '""')}"`
  const all = {
    ...settings,
    max_connections: String(where.connectionsMax),
    unix_socket_directories: quoted,
  }
  const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return ['-D', where.clusterDirectory, ...options]
}

/**
 * The arguments of `initdb`.
 *
 * Text is sorted by code point, the same on every machine and in every version: an index outlives
 * the library that sorted it. No `--no-sync`: rows acknowledged later would lean on files that a
 * power loss can still take away (it would save 0.15 s, once).
 */
export function initdbArguments(clusterDirectory: string): readonly string[] {
  return [
    ...['-D', clusterDirectory, '--username', username, '--no-instructions'],
    ...['--auth-local', 'trust', '--auth-host', 'reject'],
    ...['--encoding', 'UTF8', '--locale', 'C'],
    ...['--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
  ]
}
