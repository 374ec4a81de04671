import { type ChildProcess, fork, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ConnectionString, parseConnectionString } from '@parley/protocol'
import type { BareOptions } from './bare.ts'
import { type Endpoint, parseEndpoint } from './connection.ts'
import type { PeerOptions } from './oidc-peer.ts'
import { type AccountedServer, listProcesses } from './processes.ts'

/** A server that the bench has started and stops again. */
export interface RunningServer extends AccountedServer {
  /** Ends it and waits until it is gone. */
  readonly stop: () => Promise<void>
}

/** A yardstick: the bare handler or the peer. */
export interface Yardstick extends RunningServer {
  readonly endpoint: Endpoint
  readonly accessKey: Buffer
}

/** A Parley server on a data directory. */
export interface ParleyServer extends RunningServer {
  readonly http: Endpoint
  readonly https: Endpoint
  readonly accessKey: Buffer
  readonly jwksUrl: string
  /** Kills it and its database at once, as a power cut of the processes would. */
  readonly crash: () => Promise<void>
}

/** How long a server may take to get ready or to end, before the bench gives up. */
const patienceMs = 30_000

const { PATH } = process.env

/** What the servers see of the environment: no setting of ours may leak into Parley. */
const environment = { PATH, NODE_ENV: 'production' }

/** Starts the bare handler. */
export async function startBare(options: Omit<BareOptions, 'accessKey'>): Promise<Yardstick> {
  const accessKey = randomBytes(64)
  const bare: BareOptions = { ...options, accessKey: accessKey.toString('base64') }
  return startYardstick('./bare.js', bare, { protocol: options.protocol, accessKey })
}

/** Starts `oidc-provider`. */
export async function startPeer(options: PeerOptions): Promise<Yardstick> {
  return startYardstick('./oidc-peer.js', options, {
    protocol: 'http:',
    accessKey: Buffer.alloc(0),
  })
}

async function startYardstick(
  script: string,
  options: object,
  { protocol, accessKey }: { protocol: Endpoint['protocol']; accessKey: Buffer },
): Promise<Yardstick> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const child = fork(path, [JSON.stringify(options)], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const port = await signOf<number>(child, (ready) => child.once('message', ready))
  return {
    pid: pidOf(child),
    endpoint: { protocol, host: '127.0.0.1', port },
    accessKey,
    stop: () => end(child),
  }
}

/**
 * Makes a directory for data directories, gone when `remove` is called.
 *
 * It is open to be walked through: a server started as root runs its database under another
 * account.
 */
export function createWorkDirectory(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'parley-bench-'))
  chmodSync(path, 0o755)
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/**
 * Starts Parley as it is built, on an embedded database, as a user would with no setting but ports.
 *
 * Its log goes to a file, since a pipe would let the bench's reading slow down its writing.
 *
 * @param dataDirectory - made by the server when it is not there.
 * @returns when the banner has shown the connection string.
 */
export async function startParley(
  dataDirectory: string,
  given: {
    readonly workers?: number
    /** Other settings, by their variables. */
    readonly settings?: Readonly<Record<string, string>>
  } = {},
): Promise<ParleyServer> {
  const { workers = 1, settings: rest = {} } = given
  const main = fileURLToPath(new URL('../../packages/server/dist/main.js', import.meta.url))
  const logFile = `${dataDirectory}.log`
  const log = openSync(logFile, 'a')
  const child = spawn(process.execPath, [main], {
    env: {
      ...environment,
      PARLEY_DATA_DIR: dataDirectory,
      PARLEY_HTTPS_PORT: '0',
      PARLEY_HTTP_PORT: '0',
      PARLEY_MANAGEMENT_PORT: '0',
      PARLEY_LOG_LEVEL: 'info',
      PARLEY_WORKERS: String(workers),
      PARLEY_RATE_LIMITS: 'off',
      // Ports differ from start to start, and with them the issuer that would be the default.
      PARLEY_ISSUER: 'https://parley.example',
      ...rest,
    },
    stdio: ['ignore', 'pipe', log],
  })
  closeSync(log)
  let banner = ''
  const connection = await signOf<ConnectionString | undefined>(child, (ready) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      banner += text
      const line = /^\s*(endpoint=\S+)\s*$/m.exec(banner)?.[1]
      if (line !== undefined) ready(parseConnectionString(line))
    })
  }).catch((error: unknown) => {
    const lastLines = readFileSync(logFile, 'utf8').split('\n').slice(-10).join('\n')
    throw new Error(`Parley did not start; its log ends with\n${lastLines}`, { cause: error })
  })
  if (connection === undefined) throw new Error(`no connection string in the banner:\n${banner}`)
  const settings = readSettings(join(dataDirectory, 'parley.env'))
  const server = {
    pid: pidOf(child),
    postmasterPidFile: join(dataDirectory, 'postgres', 'postmaster.pid'),
  }
  return {
    ...server,
    http: parseEndpoint(settings('PARLEY_HTTP_ENDPOINT')),
    https: parseEndpoint(connection.endpoint),
    accessKey: Buffer.from(connection.accessKey, 'base64'),
    jwksUrl: settings('PARLEY_JWKS_URL'),
    stop: () => end(child),
    crash: async () => {
      for (const pid of listProcesses(server)) kill(pid)
      await end(child)
    },
  }
}

function readSettings(file: string): (name: string) => string {
  const lines = readFileSync(file, 'utf8').split('\n')
  return (name) => {
    const line = lines.find((text) => text.startsWith(`${name}=`))
    if (line === undefined) throw new Error(`${file} has no ${name}`)
    return line.slice(name.length + 1).replace(/^(["'])(.*)\1$/, '$2')
  }
}

/** Waits for a sign of life, refusing when the process ends or takes too long instead. */
function signOf<Sign>(
  child: ChildProcess,
  wait: (ready: (sign: Sign) => void) => void,
): Promise<Sign> {
  return new Promise((resolve, reject) => {
    let complaint = ''
    child.stderr?.on('data', (text: Buffer) => {
      complaint = `${complaint}${text}`.slice(-2000)
    })
    const timer = setTimeout(() => fail('is not ready'), patienceMs)
    const fail = (what: string) => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      reject(new Error(`${child.spawnargs[1]} ${what}\n${complaint}`))
    }
    child.once('error', (error) => fail(`did not start: ${error.message}`))
    child.once('exit', (code) => fail(`ended with ${code}`))
    wait((sign) => {
      clearTimeout(timer)
      child.removeAllListeners('exit')
      resolve(sign)
    })
  })
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGTERM')
  })
}

/** Kills a process; one that is gone already is fine. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('the process did not start')
  return pid
}
