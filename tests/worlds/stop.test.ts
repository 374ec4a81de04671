/**
 * How a server ends when it is asked to.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdirSync } from 'node:fs'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import {
  launch,
  repositoryRoot,
  type ServerProcess,
  startServer,
  whenRunning,
} from '../server-process.ts'
import { type Answer, signed } from '../world.ts'
import { assertNothingIsLeft, newDataDir, untilNobodyIsLeft } from './place.ts'

const create = { method: 'POST', path: '/identities?api-version=2025-03-02-preview' }
const clean = { code: 0, signal: null }

/** A stop that waits for nothing takes some tenths of a second; its limit is ten seconds. */
const promptMs = 5000

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  describe(`a server that is sent ${signal}`, () => {
    test('answers everything that has arrived, and keeps what it acknowledged', async () => {
      const dataDir = newDataDir()
      const server = await startServer({ dataDir })
      const arriving = Array.from({ length: 300 }, () => server.call(create))
      await Promise.any(arriving)
      server.child.kill(signal)
      const answers = await Promise.all(arriving)
      assert.deepEqual(await server.ended, clean)
      assertNothingIsLeft(dataDir)
      const created = answers.filter(({ status }) => status === 201)
      assert.ok(created.length > 0)
      for (const answer of answers) if (answer.status !== 201) assertComeAgain(answer)
      const next = await startServer({ dataDir })
      const found = await Promise.all(
        created.map(({ body: { identity } }) => next.call(getOf(identity.id))),
      )
      assert.deepEqual(new Set(found.map(({ status }) => status)), new Set([200]))
      assert.deepEqual(await next.stop(), clean)
    })

    test('tells those who come late to come again, as long as one is heard out', async () => {
      const dataDir = newDataDir()
      const server = await startServer({ dataDir })
      const { upload, answered } = await startUpload(server)
      server.child.kill(signal)
      let late = await server.call(create)
      while (late.status === 201) late = await server.call(create)
      assertComeAgain(late)
      upload.end('}')
      assert.equal((await answered).statusCode, 503)
      assert.deepEqual(await server.ended, clean)
      assertNothingIsLeft(dataDir)
    })
  })
}

function assertComeAgain({ status, headers, body }: Answer): void {
  const { 'retry-after': retryAfter, connection } = headers
  assert.deepEqual({ status, retryAfter, connection }, comeAgain)
  assert.equal(body.error.code, 'ServiceUnavailable')
}

const comeAgain = { status: 503, retryAfter: '1', connection: 'close' }

function getOf(id: string): { readonly method: string; readonly path: string } {
  const path = `/identities/${encodeURIComponent(id)}?api-version=2025-03-02-preview`
  return { method: 'GET', path }
}

interface Upload {
  readonly upload: ClientRequest
  readonly answered: Promise<IncomingMessage>
}

/** Sends a request but for the end of its body. */
async function startUpload(server: ServerProcess): Promise<Upload> {
  const { httpOrigin } = server.banner
  const asked = { ...create, body: '{}', accessKey: server.accessKey }
  const { headers } = signed(httpOrigin, asked, Date.now())
  const upload = request(`${httpOrigin}${create.path}`, {
    method: 'POST',
    headers: { ...headers, 'content-length': '2' },
  })
  const answered = once(upload, 'response').then(([response]) => {
    response.resume()
    return response as IncomingMessage
  })
  upload.write('{')
  const [socket] = await once(upload, 'socket')
  if (socket.connecting) await once(socket, 'connect')
  // The answer to a later request says that the server has read this one.
  await server.call(create)
  return { upload, answered }
}

describe('a stop', () => {
  const limit = { timeout: 6 * promptMs }
  test('does not wait for connections on which nothing was asked', limit, async () => {
    const server = await startServer({ dataDir: newDataDir() })
    const httpPort = Number(new URL(server.banner.httpOrigin).port)
    const httpsPort = Number(new URL(server.endpoint).port)
    const sockets = await Promise.all([
      opened(connect(httpPort, '127.0.0.1'), 'connect'),
      opened(connect(httpsPort, '127.0.0.1'), 'connect'),
      opened(
        connectTls({ port: httpsPort, host: '127.0.0.1', rejectUnauthorized: false }),
        'secureConnect',
      ),
    ])
    await server.call(create)
    const startedAtMs = performance.now()
    assert.deepEqual(await server.stop(), clean)
    assert.ok(performance.now() - startedAtMs < promptMs)
    for (const socket of sockets) socket.destroy()
  })

  test('ends at its limit, whoever is still sending', async () => {
    const dataDir = newDataDir()
    const server = await startServer({ dataDir, settings: { PARLEY_STOP_TIMEOUT_MS: '300' } })
    const { answered } = await startUpload(server)
    const cut = assert.rejects(answered, { code: 'ECONNRESET' })
    assert.deepEqual(await server.stop(), clean)
    await cut
    assertNothingIsLeft(dataDir)
  })

  test('is over at once when it is asked for again', async () => {
    const dataDir = newDataDir()
    const server = await startServer({ dataDir })
    const { answered } = await startUpload(server)
    const cut = assert.rejects(answered, { code: 'ECONNRESET' })
    server.child.kill('SIGTERM')
    // A signal right behind the first belongs to the same wish.
    await delay(500)
    assert.equal(server.child.exitCode, null)
    const startedAtMs = performance.now()
    assert.deepEqual(await server.stop(), { code: 1, signal: null })
    assert.ok(performance.now() - startedAtMs < promptMs)
    await cut
    await untilNobodyIsLeft(dataDir)
    assert.deepEqual(await (await startServer({ dataDir })).stop(), clean)
  })

  // npm passes on what the terminal has already sent to everybody.
  test('by Ctrl+C under npm start is a clean one', async () => {
    const dataDir = newDataDir()
    const launched = launch(['npm', 'start'], { dataDir, cwd: repositoryRoot }, true)
    const server = await whenRunning(launched)
    process.kill(-server.pid, 'SIGINT')
    assert.deepEqual(await server.ended, clean)
    assertNothingIsLeft(dataDir)
  })
})

async function opened(socket: Socket, sign: string): Promise<Socket> {
  socket.on('error', () => undefined)
  await once(socket, sign)
  return socket
}

describe('a data directory', () => {
  test('is found below a folder that only its owner enters', async () => {
    const folder = newDataDir()
    mkdirSync(folder)
    chmodSync(folder, 0o700)
    const dataDir = join(folder, 'a data directory')
    const server = await startServer({ dataDir })
    assert.equal((await server.call(create)).status, 201)
    assert.equal(server.banner.caLine, `export NODE_EXTRA_CA_CERTS='${dataDir}/tls/ca.pem'`)
    assert.deepEqual(await server.stop(), clean)
    assertNothingIsLeft(dataDir)
  })
})
