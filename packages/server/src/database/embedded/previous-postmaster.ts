import { readFile, readlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fail, ok, type Result } from '@parley/protocol'
import { type DataDirectoryInUse, dataDirectoryInUse } from '../data-directory.ts'
import { isSystemError } from '../system-errors.ts'
import { socketPathIn } from './socket-directory.ts'

/** Where a PostgreSQL of an earlier start would show. */
export interface PreviousQuestion {
  readonly dataDirectory: string
  readonly clusterDirectory: string
  readonly socketDirectory: string
  readonly platform: NodeJS.Platform
}

/** How long an earlier PostgreSQL is waited for, milliseconds. */
export interface PreviousPatience {
  /** One that shows no sign of stopping: time enough to notice that its server died. */
  readonly runningMs: number
  /** One that says it is stopping: time to write its last checkpoint. */
  readonly stoppingMs: number
}

const usualPatience: PreviousPatience = { runningMs: 2_000, stoppingMs: 60_000 }
const lookAgainMs = 25

/**
 * Waits until no PostgreSQL of an earlier start uses the cluster.
 *
 * After a kill -9 of the server its PostgreSQL stops by itself, which takes a moment. One that does
 * not stop belongs to a live server that our own lock could not show, in another container that
 * shares the volume: its process number means nothing here, yet its socket answers.
 *
 * @returns the number in `postmaster.pid` when it belongs to some other program by now, or to a
 * killed process that nobody has collected; PostgreSQL must be told to ignore it, or it would
 * refuse to start for the sake of a stranger.
 * @faults `data-directory-in-use` - it went on running.
 */
export async function awaitPreviousPostmaster(
  question: PreviousQuestion,
  patience: PreviousPatience = usualPatience,
): Promise<Result<number | undefined, DataDirectoryInUse>> {
  const begunMs = performance.now()
  for (;;) {
    const named = await readPostmasterFile(question.clusterDirectory)
    const kind = named === undefined ? 'none' : await kindOfProcess(named.pid, question)
    const isVisible = kind === 'postmaster'
    if (!isVisible && !(await answers(socketPathIn(question.socketDirectory)))) {
      return ok(kind === 'stranger' ? named?.pid : undefined)
    }
    const patienceMs = named?.isStopping === true ? patience.stoppingMs : patience.runningMs
    if (performance.now() - begunMs > patienceMs) {
      return fail(dataDirectoryInUse(question.dataDirectory, isVisible ? named?.pid : undefined))
    }
    await delay(lookAgainMs)
  }
}

/** Reads `postmaster.pid`: its first line is the process, its eighth the state. */
export async function readPostmasterFile(
  clusterDirectory: string,
): Promise<{ readonly pid: number; readonly isStopping: boolean } | undefined> {
  try {
    const lines = (await readFile(join(clusterDirectory, 'postmaster.pid'), 'utf8')).split('\n')
    const pid = Number(lines[0])
    if (!Number.isSafeInteger(pid) || pid < 1) return undefined
    return { pid, isStopping: lines[7]?.trim() === 'stopping' }
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}

/**
 * Tells whether a process number belongs to a PostgreSQL on this cluster: on Linux by its working
 * directory, which PostgreSQL makes the cluster; elsewhere every live process is taken for one.
 */
async function kindOfProcess(
  pid: number,
  question: PreviousQuestion,
): Promise<'none' | 'postmaster' | 'stranger'> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (isSystemError(error, 'ESRCH')) return 'none'
    if (!isSystemError(error, 'EPERM')) throw error
  }
  if (question.platform !== 'linux') return 'postmaster'
  try {
    const cwd = await readlink(`/proc/${pid}/cwd`)
    return cwd === question.clusterDirectory ? 'postmaster' : 'stranger'
  } catch (error) {
    // A process whose directory may not be read has another owner. One without a directory was
    // killed and waits for its parent to collect it, in a container often for ever; to the system,
    // and so to PostgreSQL, its number is still taken.
    if (isSystemError(error, 'EACCES', 'EPERM', 'ENOENT', 'ESRCH')) return 'stranger'
    throw error
  }
}

/** Says whether something listens on a socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // Not there, or nobody behind it. A full queue (EAGAIN) has somebody behind it.
    socket.once('error', (error) => resolve(isSystemError(error, 'EAGAIN')))
  })
}
