import { readdirSync, readFileSync } from 'node:fs'

/**
 * CPU time and memory of a server and of everything it has started, read from Linux' `/proc`.
 *
 * CPU time is the unit of every claim, because on a shared machine it moves by a tenth where wall
 * time moves by a multiple. The kernel keeps the sum of user and system time exactly and shows it
 * in hundredths of a second; over a round of two seconds that is one part in a hundred.
 */

/** A server whose cost is accounted, with the processes below it. */
export interface AccountedServer {
  readonly pid: number
  /** Written by PostgreSQL; found by it when the database does not hang below `pid`. */
  readonly postmasterPidFile?: string | undefined
}

/** Fields of `/proc/<pid>/stat` that count here. */
interface ProcessStat {
  readonly parentPid: number
  /** User and system time of all its threads and of the children it has waited for. */
  readonly cpuTicks: number
}

/** `USER_HZ`: part of Linux' interface to programs, 100 on every architecture Node runs on. */
const microsecondsPerTick = 10_000

/** Lists the processes of a server, its own first. */
export function listProcesses(server: AccountedServer): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    const stat = findStat(pid)
    if (stat === undefined) continue
    const siblings = children.get(stat.parentPid)
    if (siblings === undefined) children.set(stat.parentPid, [pid])
    else siblings.push(pid)
  }
  const found = new Set([server.pid])
  const postmaster = findPostmaster(server.postmasterPidFile)
  if (postmaster !== undefined) found.add(postmaster)
  // A set hands out what is added while it is walked, so this reaches every generation.
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child)
  return [...found]
}

/** CPU time that a server has used since it started, in microseconds, all processes together. */
export function cpuMicroseconds(server: AccountedServer): number {
  // A process that ends is counted on in its parent, which has waited for it.
  const ticks = listProcesses(server).map((pid) => findStat(pid)?.cpuTicks ?? 0)
  return ticks.reduce((sum, part) => sum + part, 0) * microsecondsPerTick
}

/** CPU time of each process of a server that runs Node, in microseconds, by its id. */
export function cpuOfNodes(server: AccountedServer): ReadonlyMap<number, number> {
  const nodes = listProcesses(server).filter((pid) => {
    return findText(`/proc/${pid}/cmdline`)?.split('\0')[0] === process.execPath
  })
  return new Map(nodes.map((pid) => [pid, (findStat(pid)?.cpuTicks ?? 0) * microsecondsPerTick]))
}

/**
 * The same in nanoseconds, for what takes less than a hundredth of a second: the kernel's account
 * of each thread. Threads and processes that ended meanwhile are missing, so only over an instant.
 */
export function cpuNanoseconds(server: AccountedServer): number {
  let sum = 0
  for (const pid of listProcesses(server)) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const text = findText(`/proc/${pid}/task/${thread}/schedstat`)
      sum += Number(text?.split(' ')[0] ?? 0)
    }
  }
  return sum
}

/** Memory of a server that nobody else uses, in bytes. */
export interface Memory {
  /** Resident set of the server process, shared libraries included. */
  readonly serverBytes: number
  /** Of the processes below it: what is private to each and its share of what they share. */
  readonly databaseBytes: number
  /** Of the processes below it: only what is private to each. */
  readonly databasePrivateBytes: number
}

/** Reads how much memory a server and the processes below it hold now. */
export function readMemory(server: AccountedServer): Memory {
  const below = listProcesses(server).slice(1)
  const maps = below.map((pid) => findText(`/proc/${pid}/smaps_rollup`) ?? '')
  const sum = (pattern: RegExp) => maps.reduce((total, text) => total + kilobytes(text, pattern), 0)
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  return {
    serverBytes: kilobytes(status, /^VmRSS:\s+(\d+) kB$/gm) * 1024,
    databaseBytes: sum(/^Pss:\s+(\d+) kB$/gm) * 1024,
    databasePrivateBytes: sum(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm) * 1024,
  }
}

function kilobytes(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((sum, match) => sum + Number(match[1]), 0)
}

function findPostmaster(pidFile: string | undefined): number | undefined {
  if (pidFile === undefined) return undefined
  const pid = Number.parseInt(findText(pidFile) ?? '', 10)
  return Number.isNaN(pid) ? undefined : pid
}

function findStat(pid: number): ProcessStat | undefined {
  const text = findText(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  // The second field is the name in brackets and may hold blanks; what follows it may not.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticks = [11, 12, 13, 14].map((index) => Number(fields[index]))
  return {
    parentPid: Number(fields[1]),
    cpuTicks: ticks.reduce((sum, part) => sum + part, 0),
  }
}

/** Text of a file, `undefined` when its process is gone by now. */
function findText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}
