/**
 * MariaDB and Redis as Debian brings them, started here on sockets in a folder of their own, and
 * stopped after the last test. Where a machine lacks one, its tests are skipped by name.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

/** A server that listens on a socket. */
export interface Daemon {
  readonly socket: string
}

const stops: (() => Promise<void>)[] = []

after(async () => {
  await Promise.all(stops.map((stop) => stop()))
})

/** Why tests with a program are skipped here; `false` where it is installed, and in CI. */
export function lacks(program: string): string | false {
  const { CI = '' } = process.env
  if (existsSync(program) || !['', '0', 'false'].includes(CI)) return false
  return `there is no ${program}`
}

export const mariadb = '/usr/sbin/mariadbd'
export const redis = '/usr/bin/redis-server'

let startedMariadb: Promise<Daemon> | undefined
let startedRedis: Promise<Daemon> | undefined

/** MariaDB with an empty data directory, in which everybody may do everything. */
export function theMariadb(): Promise<Daemon> {
  startedMariadb ??= startMariadb()
  return startedMariadb
}

/** Redis that keeps nothing on disk. */
export function theRedis(): Promise<Daemon> {
  startedRedis ??= startDaemon('redis', redis, (socket) => [
    ...['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no'],
    ...['--dir', join(socket, '..')],
  ])
  return startedRedis
}

/** Without tables of privileges there is nothing to install first. */
function startMariadb(): Promise<Daemon> {
  const account = process.getuid?.() === 0 ? ['--user=root'] : []
  return startDaemon('mariadb', mariadb, (socket) => {
    const data = join(socket, '..', 'data')
    mkdirSync(data)
    return [
      ...['--no-defaults', `--datadir=${data}`, `--socket=${socket}`, ...account],
      ...['--skip-networking', '--skip-grant-tables'],
      ...['--innodb-buffer-pool-size=32M', '--innodb-flush-log-at-trx-commit=0'],
    ]
  })
}

/** Starts a program and waits until it says that it is ready. */
async function startDaemon(
  name: string,
  program: string,
  argumentsFor: (socket: string) => readonly string[],
): Promise<Daemon> {
  const folder = mkdtempSync(join(tmpdir(), `parley-${name}-`))
  const socket = join(folder, 'socket')
  const child = spawn(program, argumentsFor(socket), {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: folder,
  })
  stops.push(() => stop(child, folder))
  let said = ''
  await new Promise<void>((resolve, reject) => {
    const listen = (text: Buffer) => {
      said += text
      if (/ready (?:for|to accept) connections/i.test(said)) resolve()
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${name} ended: ${said}`)))
  })
  child.stdout.removeAllListeners('data').resume()
  child.stderr.removeAllListeners('data').resume()
  return { socket }
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  rmSync(folder, { recursive: true, force: true })
}
