/**
 * The programs that calls are tested with, as Debian brings them: started here on ports of the
 * network that the tier has for itself, with their files in a folder of their own, and stopped
 * after the last test. Where a machine lacks one, its tests are skipped by name.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

const { CHROMIUM_PATH = '/usr/bin/chromium', CI = '' } = process.env

/** Where each program is. */
export const programs = {
  baresip: '/usr/bin/baresip',
  chromium: CHROMIUM_PATH,
  coturn: '/usr/bin/turnserver',
  janus: '/usr/bin/janus',
  kamailio: '/usr/sbin/kamailio',
  sipp: '/usr/bin/sipp',
} as const

/** The name of a program. */
export type Program = keyof typeof programs

/**
 * Why tests are skipped here, which is printed as well; `false` where all that they need is
 * installed, and in CI, where they fail instead.
 *
 * @param what - names the tests, to those who read that they were left out.
 */
export function lacks(what: string, ...needed: readonly Program[]): string | false {
  const missing = needed.filter((name) => !existsSync(programs[name]))
  if (missing.length === 0 || !['', '0', 'false'].includes(CI)) return false
  const reason = `there is no ${missing.map((name) => programs[name]).join(' and no ')}`
  console.log(`skipped: ${what} (${reason})`)
  return reason
}

/** A program that runs. */
export interface Daemon {
  readonly pid: number
  /** All that it has printed. */
  readonly said: () => string
  /** Settles when it has printed something that matches. */
  readonly says: (pattern: RegExp) => Promise<void>
  /** Ends it at once, and waits until it is gone. */
  readonly kill: () => Promise<void>
}

const running = new Set<Daemon>()
const folders: string[] = []

after(async () => {
  await Promise.all([...running].map((daemon) => daemon.kill()))
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** Makes a folder that is removed after the last test. */
export function newFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `parley-${name}-`))
  folders.push(folder)
  return folder
}

/** A TCP port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** How a program is started. */
export interface DaemonOptions {
  readonly program: Program
  readonly given: readonly string[]
  /** What it prints once it is ready. */
  readonly ready: RegExp
  /** Where it runs. */
  readonly folder: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a program and waits until it says that it is ready. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { program, given, ready, folder, env = {} } = options
  const child = spawn(programs[program], given, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: folder,
    env: { ...process.env, ...env },
  })
  const daemon = follow(program, child)
  running.add(daemon)
  await daemon.says(ready)
  return daemon
}

/** What was printed is kept up to this many characters, the last ones. */
const saidMax = 1 << 20

function follow(name: string, child: ChildProcess): Daemon {
  let said = ''
  const waiting = new Set<() => void>()
  const listen = (text: Buffer) => {
    said = (said + text).slice(-saidMax)
    for (const look of waiting) look()
  }
  child.stdout?.on('data', listen)
  child.stderr?.on('data', listen)
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve()).once('error', () => resolve())
  })
  const daemon: Daemon = {
    pid: child.pid ?? 0,
    said: () => said,
    async says(pattern) {
      const seen = new Promise<void>((resolve) => {
        const look = () => pattern.test(said) && waiting.delete(look) && resolve()
        waiting.add(look)
        look()
      })
      const over = ended.then(() => {
        throw new Error(`${name} has ended, and not said ${pattern}:\n${said}`)
      })
      await Promise.race([seen, over])
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
      running.delete(daemon)
    },
  }
  return daemon
}
