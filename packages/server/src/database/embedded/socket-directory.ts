import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Owner } from './child-account.ts'
import { port } from './settings.ts'

/** Where PostgreSQL puts its socket. */
export interface SocketDirectory {
  readonly path: string
  /** Made for this start only, outside the data directory, and to be removed with it. */
  readonly isTemporary: boolean
}

/**
 * Longest path of a Unix socket, in bytes: `sun_path` has 108 on Linux and 104 on macOS and the
 * BSDs, the last of them a zero.
 */
const socketPathBytesMax = 103

/** The socket that PostgreSQL makes in a directory. */
export function socketPathIn(directory: string): string {
  return join(directory, `.s.PGSQL.${port}`)
}

/** Says whether the socket of a directory can be reached by its path at all. */
export function isShortEnough(directory: string): boolean {
  return Buffer.byteLength(socketPathIn(directory)) <= socketPathBytesMax
}

/**
 * Makes the directory for the socket: `run` in the data directory, or a private one below `/tmp`
 * when the path of the data directory is too long for a socket.
 *
 * Its mode (0700) is the lock on the database: only its owner and root come in. The owner is the
 * account of PostgreSQL, which is that of the server unless the server is root.
 */
export async function createSocketDirectory(
  dataDirectory: string,
  owner: Owner | undefined,
): Promise<SocketDirectory> {
  const inside = join(dataDirectory, 'run')
  const isTemporary = !isShortEnough(inside)
  const path = isTemporary ? await mkdtemp('/tmp/parley-') : inside
  if (!isTemporary) await mkdir(path, { recursive: true, mode: 0o700 })
  await chmod(path, 0o700)
  if (owner !== undefined) await chown(path, owner.uid, owner.gid)
  return { path, isTemporary }
}

/**
 * Removes what a killed PostgreSQL left in its socket directory. The lock beside the socket holds
 * its process number, which PostgreSQL would respect although it may belong to anybody by now; the
 * caller has made sure that no PostgreSQL is left.
 */
export async function removeStaleSocket(directory: string): Promise<void> {
  const socket = socketPathIn(directory)
  for (const left of [socket, `${socket}.lock`]) await rm(left, { force: true })
}
