import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, realpath, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fail, ok, type Result } from '@parley/protocol'
import { findProcessStart } from './process-start.ts'
import { isSystemError } from './system-errors.ts'

/**
 * One server at a time may live in a data directory: two would run two databases over the same
 * files. The claim is a lock file that names its holder by process id and start mark.
 *
 * - It appears complete or not at all (`link` of a finished file), so nobody reads half a name.
 * - Whether it still counts is asked of the operating system, never of its age: a stopped server
 *   (SIGSTOP, a suspended laptop) keeps its directory, a killed one loses it at once.
 * - A stale lock is moved aside, looked at again and only then dropped, so that of two servers
 *   starting at once neither removes the fresh lock of the other. (If it was fresh it is put back.
 *   A third server would have to start within that microsecond to get between.)
 *
 * Two containers that share a volume do not see each other's processes, so there the lock cannot
 * tell; the socket of the running PostgreSQL does, see `embedded/previous-postmaster.ts`.
 *
 * Rejected: a lock with a heartbeat (a paused machine loses its directory while its database still
 * runs), and an advisory lock of the operating system (Node has none).
 */

/** A data directory that this process holds. */
export interface DataDirectoryClaim {
  /** Absolute path, symbolic links resolved. */
  readonly directory: string
  /** Gives the directory up; doing so twice is harmless. */
  release(): Promise<void>
}

/** Another live process holds the data directory. */
export interface DataDirectoryInUse {
  readonly kind: 'data-directory-in-use'
  /** The holder; `undefined` when it lives where its number cannot be seen (another container). */
  readonly pid: number | undefined
  readonly message: string
}

/** The data directory cannot be created or written. */
export interface DataDirectoryUnusable {
  readonly kind: 'data-directory-unusable'
  readonly message: string
}

/** Names what a lock file says: who holds the directory. */
interface Holder {
  readonly pid: number
  /** What `findProcessStart` says of that process. */
  readonly start: string
  /** Random, so that two claims of one process are told apart. */
  readonly claim: string
}

const lockName = 'parley.lock'
const attemptsMax = 5

/** The fault for a data directory that another server holds. */
export function dataDirectoryInUse(directory: string, pid: number | undefined): DataDirectoryInUse {
  const holder = pid === undefined ? 'another server, in another container' : `process ${pid}`
  const message = [
    `The data directory ${directory} is in use by ${holder}.`,
    'Stop it, or give this server a directory of its own with PARLEY_DATA_DIR.',
  ].join(' ')
  return { kind: 'data-directory-in-use', pid, message }
}

/**
 * Makes a data directory this server's own, creating it (mode 0700) when it is missing.
 *
 * The mode of a directory that exists is left alone.
 *
 * @param platform - decides how the holder of a lock is looked up.
 * @faults `data-directory-in-use` - another live process holds it, or this one already does.
 * @faults `data-directory-unusable` - it cannot be created or written.
 */
export async function claimDataDirectory(
  directory: string,
  platform: NodeJS.Platform,
): Promise<Result<DataDirectoryClaim, DataDirectoryInUse | DataDirectoryUnusable>> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const absolute = await realpath(directory)
    return await claim(absolute, platform)
  } catch (error) {
    if (!isSystemError(error, ...refusals)) throw error
    const message = `The data directory ${directory} cannot be used: ${error.message}.`
    return fail({ kind: 'data-directory-unusable', message })
  }
}

const refusals = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOSPC', 'ENOENT', 'ELOOP']

async function claim(
  directory: string,
  platform: NodeJS.Platform,
): Promise<Result<DataDirectoryClaim, DataDirectoryInUse>> {
  const lock = join(directory, lockName)
  const start = (await findProcessStart(process.pid, platform)) ?? ''
  const holder: Holder = { pid: process.pid, start, claim: randomUUID() }
  const text = `${JSON.stringify(holder)}\n`
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    if (await createLock(lock, text)) {
      return ok({ directory, release: () => releaseLock(lock, text) })
    }
    const found = await readLock(lock)
    if (found === undefined) continue
    const other = parseHolder(found)
    if (other !== undefined && (await lives(other, platform))) {
      return fail(dataDirectoryInUse(directory, other.pid))
    }
    await dropStaleLock(lock, found)
  }
  // Others won every round, so they live; who they are will be said by the next attempt.
  return fail(dataDirectoryInUse(directory, parseHolder((await readLock(lock)) ?? '')?.pid))
}

/** Puts a complete lock in place; `false` when there is one already. */
async function createLock(lock: string, text: string): Promise<boolean> {
  const draft = `${lock}.${randomUUID()}`
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx' })
    await link(draft, lock)
    return true
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

async function dropStaleLock(lock: string, stale: string): Promise<void> {
  const aside = `${lock}.${randomUUID()}`
  if ((await readLock(lock)) !== stale) return
  try {
    await rename(lock, aside)
    if ((await readLock(aside)) !== stale) await link(aside, lock)
  } catch (error) {
    // Somebody else dropped it first, or has claimed the directory meanwhile.
    if (!isSystemError(error, 'ENOENT', 'EEXIST')) throw error
  } finally {
    await rm(aside, { force: true })
  }
}

async function releaseLock(lock: string, text: string): Promise<void> {
  if ((await readLock(lock)) !== text) return
  try {
    await unlink(lock)
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error
  }
}

async function readLock(lock: string): Promise<string | undefined> {
  try {
    return await readFile(lock, 'utf8')
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Reads a lock's text; `undefined` for anything torn, as a power loss may leave it. */
function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, start, claim }: Partial<Record<keyof Holder, unknown>> = JSON.parse(text)
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return undefined
    return { pid, start: String(start), claim: String(claim) }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined
    throw error
  }
}

async function lives(holder: Holder, platform: NodeJS.Platform): Promise<boolean> {
  const start = await findProcessStart(holder.pid, platform)
  return start !== undefined && start === holder.start
}
