/**
 * What a client sees of a server that is stopped and started again.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { type ServerProcess, startServer } from '../server-process.ts'
import { tierFolder } from './the-server.ts'

test('a client that is told to come again during a stop succeeds after the restart', async () => {
  const dataDir = join(tierFolder(), 'restarted')
  mkdirSync(dataDir, { mode: 0o711 })
  const first = await startServer({ dataDir })
  const upload = await startUpload(first)
  const ended = first.stop()
  const refusals: (string | undefined)[] = []
  let restarted: Promise<ServerProcess> | undefined
  const ca = readFileSync(first.banner.caFile, 'utf8')
  const client = new CommunicationIdentityClient(first.banner.connectionString, {
    tlsOptions: { ca },
    additionalPolicies: [
      {
        position: 'perRetry',
        policy: {
          name: 'watch',
          sendRequest: async (asked, next) => {
            const answer = await next(asked)
            if (answer.status !== 503) return answer
            refusals.push(answer.headers.get('retry-after'), answer.headers.get('connection'))
            // Now the first server may end, and the second take its place.
            upload.end('}')
            restarted ??= ended.then(() => startAgain(first, dataDir))
            return answer
          },
        },
      },
    ],
  })
  // What comes before the server has heard the signal is answered as ever.
  while (refusals.length === 0) await client.createUser()
  assert.deepEqual(refusals.slice(0, 2), ['1', 'close'])
  assert.deepEqual(await ended, { code: 0, signal: null })
  const second = await restarted
  assert.equal(second?.banner.connectionString, first.banner.connectionString)
  assert.deepEqual(await second?.stop(), { code: 0, signal: null })
})

/** Sends half a request: the server waits for its other half before it ends. */
async function startUpload(server: ServerProcess) {
  const upload = request(`${server.banner.httpOrigin}/identities?api-version=2023-10-01`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  })
  upload.on('error', () => undefined).on('response', (response) => response.resume())
  upload.write('{')
  const [socket] = await once(upload, 'socket')
  if (socket.connecting) await once(socket, 'connect')
  // The answer to a later request says that the server has read this one.
  await server.call({ method: 'POST', path: '/identities?api-version=2023-10-01' })
  return upload
}

function startAgain(first: ServerProcess, dataDir: string): Promise<ServerProcess> {
  const { port } = new URL(first.endpoint)
  return startServer({ dataDir, settings: { PARLEY_HTTPS_PORT: port } })
}
