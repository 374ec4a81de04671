/**
 * The printed connection string of a server with a domain, in the hands of the official client.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { type ServerProcess, startServer } from '../server-process.ts'
import { areLive, refusalOf, tierFolder } from './the-server.ts'

const domain = 'parley.test'

/** A server whose connection string names a host of its own, at the port that it listens on. */
async function startNamed(folder: string): Promise<ServerProcess> {
  const dataDir = join(tierFolder(), folder)
  mkdirSync(dataDir, { mode: 0o711 })
  const unnamed = await startServer({ dataDir })
  const { port } = new URL(unnamed.endpoint)
  assert.deepEqual(await unnamed.stop(), { code: 0, signal: null })
  const settings = { PARLEY_HTTPS_PORT: port, PARLEY_DOMAIN: `${domain}:${port}` }
  return startServer({ dataDir, settings })
}

/** What a name server would do for the domain: every name below it leads to loopback. */
function clientOf(connectionString: string, ca: string): CommunicationIdentityClient {
  const agent = new Agent({
    ca,
    lookup: (_name, { all }, answer) => {
      if (all === true) answer(null, [{ address: '127.0.0.1', family: 4 }])
      else answer(null, '127.0.0.1', 4)
    },
  })
  const policy = {
    name: 'name-server',
    sendRequest: (request: { agent?: unknown }, next: (request: never) => never) => {
      request.agent = agent
      return next(request as never)
    },
  }
  return new CommunicationIdentityClient(connectionString, {
    retryOptions: { maxRetries: 0 },
    additionalPolicies: [{ position: 'perRetry', policy: policy as never }],
  })
}

describe('where a domain is configured', () => {
  test('the official client does everything at the host name that was printed', async () => {
    const server = await startNamed('named')
    const { connectionString, caFile } = server.banner
    const { port } = new URL(server.endpoint)
    assert.equal(server.endpoint, `https://parley.${domain}:${port}/`)
    const ca = readFileSync(caFile, 'utf8')
    const client = clientOf(connectionString, ca)
    const { user, token } = await client.createUserAndToken(['chat', 'voip'])
    assert.deepEqual(await areLive(server, [token]), [true])
    const { token: second } = await client.getToken(user, ['chat'])
    await client.revokeTokens(user)
    assert.deepEqual(await areLive(server, [token, second]), [false, false])
    await client.deleteUser(user)
    const elsewhere = clientOf(connectionString.replace('//parley.', '//other.'), ca)
    const denied = { name: 'RestError', statusCode: 401, code: 'Denied' }
    assert.deepEqual(await refusalOf(elsewhere.createUser()), denied)
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
  })
})
