/**
 * One running server for all tests of a process, and a resource of its own for each test: tenancy
 * is the isolation. Requests go over a socket through the whole stack.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { parseConnectionString, printSignedRequestHeader, stringToSign } from '@parley/protocol'
import { type Parley, startParley } from '@parley/server'
import { openLog } from '@parley/server/foundation/log'
import { createPlatform } from '@parley/server/foundation/platform'
import { readSettings } from '@parley/server/foundation/settings'

/** A running server, with a clock that tests move. */
export interface World {
  readonly parley: Parley
  readonly dataDir: string
  /** Plain http origin without a slash at its end. */
  readonly origin: string
  /** Moves the server's clock, in milliseconds, and back when the test is over. */
  readonly shiftClock: (byMs: number) => void
  /** Makes a resource that no other test knows. */
  readonly createTenant: () => Promise<Tenant>
}

/** A resource as its owner holds it. */
export interface Tenant {
  readonly resourceId: string
  readonly connectionString: string
  readonly primaryKey: Buffer
  readonly secondaryKey: Buffer
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
  readonly headers?: Readonly<Record<string, string>>
  readonly accessKey?: Buffer
}

/** An answer with its body read. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON; `undefined` when it is empty. */
  // biome-ignore lint/suspicious/noExplicitAny: tests assert the whole value.
  readonly body: any
}

let started: Promise<World> | undefined

/** The world of this process; started at the first call, stopped after the last test. */
export function theWorld(): Promise<World> {
  started ??= startWorld()
  return started
}

after(async () => {
  if (started === undefined) return
  const { parley, dataDir } = await started
  await parley.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

async function startWorld(): Promise<World> {
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-test-'))
  const settings = readSettings({
    PARLEY_DATA_DIR: dataDir,
    PARLEY_HTTPS_PORT: '0',
    PARLEY_HTTP_PORT: '0',
    PARLEY_MANAGEMENT_PORT: '0',
    PARLEY_LOG_LEVEL: 'silent',
    ...(process.env['PARLEY_DATABASE_URL'] === undefined
      ? {}
      : { PARLEY_DATABASE_URL: process.env['PARLEY_DATABASE_URL'] }),
  })
  if (!settings.ok) throw new Error(`${settings.fault.name}: ${settings.fault.expected}`)
  let shiftMs = 0
  const result = await startParley({
    settings: settings.value,
    platform: createPlatform({ now: () => Date.now() + shiftMs, randomBytes }),
    log: openLog({ level: 'silent', fileDescriptor: 2 }),
    host: {
      platform: process.platform,
      arch: process.arch,
      uid: process.getuid?.(),
      env: process.env,
    },
  })
  if (!result.ok) throw new Error(result.fault.message)
  const parley = result.value
  const origin = (parley.reachable.httpEndpoint ?? '').slice(0, -1)
  return {
    parley,
    dataDir,
    origin,
    shiftClock: (byMs) => {
      shiftMs = byMs
    },
    createTenant: async () => {
      const created = await parley.createResource(`tenant-${randomBytes(6).toString('hex')}`)
      const primaryKey = keyOf(created.connectionString)
      return {
        resourceId: created.resource.resourceId,
        connectionString: created.connectionString,
        primaryKey,
        secondaryKey: keyOf(created.secondaryConnectionString),
        call: (request) =>
          send(origin, signed(origin, { accessKey: primaryKey, ...request }, Date.now() + shiftMs)),
      }
    },
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
    signedValues: [date, new URL(origin).host, contentHash],
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
  const headers = { 'content-length': String(body.length), ...request.headers }
  return new Promise((resolve, reject) => {
    const url = `${origin}${request.path}`
    const sent = httpRequest(url, { method: request.method, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const { statusCode = 0, headers: answered } = response
        const isJson = answered['content-type']?.includes('json') === true
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
