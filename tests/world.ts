/**
 * One running server for all tests of a process, and a resource of its own for each test: tenancy
 * is the isolation. Requests go over a socket through the whole stack.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { parseConnectionString, printSignedRequestHeader, stringToSign } from '@parley/protocol'
import { type Parley, startParley } from '@parley/server'
import type { Reachable } from '@parley/server/admin/reachable'
import type { WireError } from '@parley/server/contract/faults'
import {
  connectDatabase,
  type Database,
  type DatabaseAddress,
} from '@parley/server/database/connect'
import { openLog } from '@parley/server/foundation/log'
import { createPlatform } from '@parley/server/foundation/platform'
import { readSettings, type Settings } from '@parley/server/foundation/settings'
import type { PublicSigningJwk } from '@parley/server/tokens/signing-keys'
import { createSleepingClock, type SleepingClock } from './sleeping-clock.ts'

/** A running server, with a clock that tests move. */
export interface World {
  readonly parley: Parley
  readonly dataDir: string
  /** How the server and its first resource were reached when it started. */
  readonly reachable: Reachable
  /** Plain http origin without a slash at its end. */
  readonly origin: string
  /** The server's database, for looking at rows and for calling functions that take one. */
  readonly db: Database
  /** What the server's clock shows, milliseconds since the Unix epoch. */
  readonly now: () => number
  /** Sets the server's clock to an instant, at which it stands still until the test is over. */
  readonly stopClock: (test: TestContext, atMs: number) => void
  /** Lets the server find, whenever it looks, that it has slept for a minute; until `wake`. */
  readonly sleep: SleepingClock['sleep']
  /** Makes a resource that no other test knows. */
  readonly createTenant: () => Promise<Tenant>
  /** A resource of another run on the same data, as this run reaches it. */
  readonly adoptTenant: (tenant: TenantSecrets) => Tenant
  /** Stops the server, once; its data stays. */
  readonly stop: () => Promise<void>
}

/** What the owner of a resource keeps of it. */
interface TenantSecrets {
  readonly resourceId: string
  readonly name: string
  readonly connectionString: string
  readonly primaryKey: Buffer
  readonly secondaryKey: Buffer
}

/** A resource as its owner holds it. */
export interface Tenant extends TenantSecrets {
  /** The host of its own, where the world has a domain, else that of the server. */
  readonly host: string
  /** Sends a request signed with the primary key. */
  readonly call: (request: TestRequest) => Promise<Answer>
}

/** A request before it is signed. */
export interface TestRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** Objects are sent as JSON. */
  readonly body?: object | string | Buffer
  /** An empty text leaves a header out that would be sent otherwise. */
  readonly headers?: Readonly<Record<string, string>>
  readonly accessKey?: Buffer
  /** Another `Host` than that of the connection. */
  readonly host?: string
}

/** An answer with its body read. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON; `undefined` when it is empty. */
  readonly body: AnswerBody
}

/** Everything that some answer or other has; what there is of it, a test asserts. */
export interface AnswerBody {
  readonly id: string
  readonly lastTokenIssuedAt: string
  readonly identity: { readonly id: string; readonly customId?: string }
  readonly accessToken: { readonly token: string; readonly expiresOn: string }
  readonly token: string
  readonly expiresOn: string
  readonly active: boolean
  readonly value: readonly { readonly active: boolean; readonly jti?: string }[]
  readonly keys: [PublicSigningJwk, PublicSigningJwk]
  readonly error: Required<WireError>
}

let shared: Promise<World> | undefined

/**
 * The world of this process; started at the first call, stopped after the last test. Its resources
 * have host names: there are more of them than a server looks through for a key.
 */
export function theWorld(): Promise<World> {
  shared ??= startWorld(newDataDir(), { PARLEY_DOMAIN: 'parley.test' })
  return shared
}

const dataDirs: string[] = []

/** Makes a data directory that is removed after the last test. */
export function newDataDir(): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-test-'))
  dataDirs.push(dataDir)
  return dataDir
}

const running: World[] = []

after(async () => {
  for (const world of running) await world.stop()
  for (const dataDir of dataDirs) rmSync(dataDir, { recursive: true, force: true })
})

/**
 * Starts a server of a test's own, stopped after the last test at the latest. It takes half a
 * second, so only for what the shared one cannot show.
 *
 * @param variables - settings by their names in the environment.
 */
export async function startWorld(
  dataDir: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<World> {
  const settings = settingsFor(dataDir, variables)
  let stoppedAtMs: number | undefined
  const now = () => stoppedAtMs ?? Date.now()
  const { monotonicNow, sleep } = createSleepingClock()
  const { platform, arch, env } = process
  const result = await startParley({
    settings,
    platform: createPlatform({ now, monotonicNow, randomBytes }),
    log: openLog({ level: 'silent', fileDescriptor: 2 }),
    fetch,
    host: { platform, arch, uid: process.getuid?.(), env },
  })
  if (!result.ok) throw new Error(result.fault.message)
  const parley = result.value
  const origin = (parley.httpEndpoint ?? '').slice(0, -1)
  const db = await openDatabase(dataDir, settings.databaseUrl)
  const adoptTenant: World['adoptTenant'] = (tenant) => {
    const { name, primaryKey: accessKey } = tenant
    const { domain } = settings
    const host = domain === undefined ? new URL(origin).host : `${name}.${domain}`
    return {
      ...tenant,
      host,
      call: (request) => send(origin, signed(origin, { accessKey, host, ...request }, now())),
    }
  }
  let stopped: Promise<void> | undefined
  const world: World = {
    parley,
    dataDir,
    reachable: await parley.openReachable(),
    origin,
    db,
    now,
    stopClock: (test, atMs) => {
      stoppedAtMs = atMs
      test.after(() => {
        stoppedAtMs = undefined
      })
    },
    sleep,
    createTenant: async () => adoptTenant(await createResource(parley)),
    adoptTenant,
    stop: () => {
      stopped ??= db.end({ timeout: 1 }).then(() => parley.stop())
      return stopped
    },
  }
  running.push(world)
  return world
}

function settingsFor(dataDir: string, variables: Readonly<Record<string, string>>): Settings {
  const databaseUrl = process.env['PARLEY_DATABASE_URL']
  const settings = readSettings({
    PARLEY_DATA_DIR: dataDir,
    PARLEY_HTTPS_PORT: '0',
    PARLEY_HTTP_PORT: '0',
    PARLEY_MANAGEMENT_PORT: '0',
    ...{ PARLEY_LOG_LEVEL: 'silent', PARLEY_CANARY: 'off', PARLEY_RATE_LIMITS: 'off' },
    ...(databaseUrl === undefined ? {} : { PARLEY_DATABASE_URL: databaseUrl }),
    ...variables,
  })
  if (!settings.ok) throw new Error(`${settings.fault.name}: ${settings.fault.expected}`)
  return settings.value
}

/** PostgreSQL says where its socket is in the fifth line of the file that marks it as running. */
async function openDatabase(dataDir: string, url: string | undefined): Promise<Database> {
  let address: DatabaseAddress
  if (url === undefined) {
    const marks = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')
    const [host = '', port] = [marks[4], Number(marks[3])]
    const connection = { host, port, username: 'parley', database: 'postgres' }
    address = { kind: 'embedded', connection }
  } else {
    address = { kind: 'url', url }
  }
  const connected = await connectDatabase({ address, connectionsMax: 2 })
  if (!connected.ok) throw new Error(connected.fault.message)
  return connected.value
}

async function createResource(parley: Parley): Promise<TenantSecrets> {
  const created = await parley.createResource(`tenant-${randomBytes(6).toString('hex')}`)
  return {
    resourceId: created.resource.resourceId,
    name: created.resource.name,
    connectionString: created.connectionString,
    primaryKey: keyOf(created.connectionString),
    secondaryKey: keyOf(created.secondaryConnectionString),
  }
}

function keyOf(connectionString: string): Buffer {
  const connection = parseConnectionString(connectionString)
  return Buffer.from(connection?.accessKey ?? '', 'base64')
}

/** Signs a request as the JavaScript SDK does; headers given win over those of the signature. */
export function signed(
  origin: string,
  request: TestRequest & { readonly accessKey: Buffer },
  nowMs: number,
): TestRequest {
  const date = new Date(nowMs).toUTCString()
  const contentHash = createHash('sha256').update(bytesOf(request.body)).digest('base64')
  const signedHeaders = ['x-ms-date', 'host', 'x-ms-content-sha256']
  const text = stringToSign({
    method: request.method,
    pathAndQuery: request.path,
    signedValues: [date, request.host ?? new URL(origin).host, contentHash],
  })
  const signature = createHmac('sha256', request.accessKey).update(text).digest('base64')
  return {
    ...request,
    headers: {
      'x-ms-date': date,
      'x-ms-content-sha256': contentHash,
      authorization: printSignedRequestHeader({ signedHeaders, signature }),
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...request.headers,
    },
  }
}

function bytesOf(body: TestRequest['body']): Buffer {
  if (body === undefined) return Buffer.alloc(0)
  if (Buffer.isBuffer(body)) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

/** Sends a request as it is and reads the whole answer. */
export function send(origin: string, request: TestRequest): Promise<Answer> {
  const body = bytesOf(request.body)
  const host = request.host === undefined ? {} : { host: request.host }
  const given = { 'content-length': String(body.length), ...host, ...request.headers }
  const headers = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ''))
  return new Promise((resolve, reject) => {
    const url = `${origin}${request.path}`
    const sent = httpRequest(url, { method: request.method, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const { statusCode = 0, headers: answered } = response
        const isJson = answered['content-type']?.startsWith('application/json') === true
        resolve({
          status: statusCode,
          headers: answered,
          text,
          body: isJson ? JSON.parse(text) : undefined,
        })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
