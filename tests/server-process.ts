/**
 * A server as its users have it: `main.js` as a process of its own, known by its banner.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseConnectionString } from '@parley/protocol'
import { type Answer, send, signed, type TestRequest } from './world.ts'

/** The repository's folder. */
export const repositoryRoot = join(import.meta.dirname, '..', '..')

const mainFile = join(repositoryRoot, 'packages', 'server', 'dist', 'main.js')

/** Longest time from the start of a process to its banner; recovery syncs every file. */
const bannerTimeoutMs = 60_000

/** How a process ended: one of the two is `null`. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** What a person reads off the start of a server. */
export interface Banner {
  readonly text: string
  readonly connectionString: string
  /** Line that trusts the development CA, and the path in it. */
  readonly caLine: string
  readonly caFile: string
  readonly program: string
  readonly environmentFile: string
  /** Plain http origin without a slash at its end. */
  readonly httpOrigin: string
}

/** A process of the server that may not be up, or not any more. */
export interface Launched {
  readonly child: ChildProcess
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  readonly ended: Promise<ProcessEnd>
}

/** A server that has printed its banner. */
export interface ServerProcess extends Launched {
  readonly banner: Banner
  /** The https endpoint with a slash at its end. */
  readonly endpoint: string
  readonly accessKey: Buffer
  /** From the start of the process to the banner, milliseconds. */
  readonly startedInMs: number
  /** Sends a signed request over plain http. */
  readonly call: (request: TestRequest) => Promise<Answer>
  /** Asks it to end and waits for that. */
  readonly stop: () => Promise<ProcessEnd>
}

/** What a server is started with; ports are free ones unless `settings` says otherwise. */
export interface LaunchOptions {
  readonly dataDir: string
  readonly settings?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Options of Node itself. */
  readonly nodeOptions?: readonly string[]
}

/** Starts the process and waits for nothing. */
export function launchServer(options: LaunchOptions): Launched {
  return launch([process.execPath, ...(options.nodeOptions ?? []), mainFile], options)
}

/**
 * Starts a command that becomes a server.
 *
 * @param isGroup - gives it a process group of its own, as a terminal would.
 */
export function launch(
  words: readonly string[],
  options: LaunchOptions,
  isGroup = false,
): Launched {
  const [command = '', ...rest] = words
  const child = spawn(command, rest, {
    cwd: options.cwd ?? repositoryRoot,
    env: { ...inheritedEnvironment(), ...settingsOf(options) },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: isGroup,
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  const ended = once(child, 'close').then(([code, signal]): ProcessEnd => ({ code, signal }))
  if (child.pid === undefined) throw new Error(`${command} cannot be started`)
  return { child, pid: child.pid, stdout: () => stdout, stderr: () => stderr, ended }
}

/** What a server inherits here: nothing that is a setting of Parley. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:PARLEY_|NODE_EXTRA_CA)/.test(name)),
  )
}

function settingsOf({ dataDir, settings }: LaunchOptions): Record<string, string> {
  return {
    PARLEY_DATA_DIR: dataDir,
    PARLEY_HTTPS_PORT: '0',
    PARLEY_HTTP_PORT: '0',
    PARLEY_MANAGEMENT_PORT: '0',
    PARLEY_LOG_LEVEL: 'warn',
    PARLEY_RATE_LIMITS: 'off',
    ...settings,
  }
}

/** Starts a server and waits until it says that it runs. */
export function startServer(options: LaunchOptions): Promise<ServerProcess> {
  return whenRunning(launchServer(options))
}

/** Waits for the banner of what was launched; throws what it printed when none comes. */
export async function whenRunning(launched: Launched): Promise<ServerProcess> {
  const startedAtMs = performance.now()
  const banner = await bannerOf(launched)
  const startedInMs = performance.now() - startedAtMs
  const connection = parseConnectionString(banner.connectionString)
  if (connection === undefined) throw new Error('the banner has no connection string')
  const accessKey = Buffer.from(connection.accessKey, 'base64')
  const { httpOrigin } = banner
  return {
    ...launched,
    banner,
    endpoint: connection.endpoint,
    accessKey,
    startedInMs,
    call: (request) => send(httpOrigin, signed(httpOrigin, { accessKey, ...request }, Date.now())),
    stop: () => {
      launched.child.kill('SIGTERM')
      return launched.ended
    },
  }
}

async function bannerOf({ child, stdout, stderr, ended }: Launched): Promise<Banner> {
  const limit = AbortSignal.timeout(bannerTimeoutMs)
  const gone = ended.then(() => 'gone' as const)
  for (;;) {
    const banner = parseBanner(stdout())
    if (banner !== undefined) return banner
    const next = await Promise.race([once(child.stdout ?? child, 'data', { signal: limit }), gone])
    if (next === 'gone') throw new Error(`no banner\n${stdout()}${stderr()}`)
  }
}

/** Reads a banner; `undefined` while it is not complete. */
export function parseBanner(text: string): Banner | undefined {
  const find = (pattern: RegExp) => pattern.exec(text)?.[1]
  if (!/^Stop with Ctrl\+C\.\n/m.test(text)) return undefined
  const caLine = find(/^(export NODE_EXTRA_CA_CERTS=.+)$/m) ?? ''
  const program = find(/program\.mjs:\n\n((?: {4}.*\n)+)/) ?? ''
  return {
    text,
    connectionString: find(/^(endpoint=\S+)$/m) ?? '',
    caLine,
    caFile: caLine.replace(/^.*?=/, '').replace(/^'(.*)'$/, '$1'),
    program: program.replaceAll(/^ {4}/gm, ''),
    environmentFile: find(/for scripts: (.+)$/m) ?? '',
    httpOrigin: find(/on loopback only: (\S+)\/$/m) ?? '',
  }
}
