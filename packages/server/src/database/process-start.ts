import { execFile } from 'node:child_process'
import { readFile, readlink } from 'node:fs/promises'
import { promisify } from 'node:util'
import { isSystemError } from './system-errors.ts'

const runFile = promisify(execFile)

/**
 * Tells a process apart from a later one that was given the same number.
 *
 * A process id alone says little: after a kill -9 or a reboot the number soon belongs to somebody
 * else, in a container often to the very same program. On Linux the mark holds the boot, the
 * namespace of process numbers and the clock tick of the start, so that it never names two
 * processes; elsewhere it is what `ps` says, to the second.
 *
 * @returns an opaque text, equal for as long as the process lives; `undefined` when no such process
 * lives. A killed process that its parent has not collected yet counts as dead.
 */
export async function findProcessStart(
  pid: number,
  platform: NodeJS.Platform,
): Promise<string | undefined> {
  return platform === 'linux' ? findStartInProc(pid) : findStartByPs(pid)
}

async function findStartInProc(pid: number): Promise<string | undefined> {
  const stat = await readIfThere(() => readFile(`/proc/${pid}/stat`, 'utf8'))
  if (stat === undefined) return undefined
  // The name of the program is in parentheses and may hold anything, spaces and parentheses too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state] = fields
  const startTicks = fields[19]
  if (state === 'Z' || state === 'X' || startTicks === undefined) return undefined
  const boot = await readIfThere(() => readFile('/proc/sys/kernel/random/boot_id', 'utf8'))
  const namespace = await readIfThere(() => readlink('/proc/self/ns/pid'))
  return `${boot?.trim() ?? ''} ${namespace ?? ''} ${startTicks}`
}

async function findStartByPs(pid: number): Promise<string | undefined> {
  try {
    const options = { env: { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' }, timeout: 5000 }
    const { stdout } = await runFile('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], options)
    const [state = '', ...start] = stdout.trim().split(/\s+/)
    return state === '' || state.startsWith('Z') ? undefined : start.join(' ')
  } catch (error) {
    // `ps` ends with 1 when there is no such process.
    if (error instanceof Error && 'code' in error && error.code === 1) return undefined
    throw error
  }
}

/** What `read` gives, `undefined` when the file (or the process behind it) is not there. */
async function readIfThere(read: () => Promise<string>): Promise<string | undefined> {
  try {
    return await read()
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return undefined
    throw error
  }
}
