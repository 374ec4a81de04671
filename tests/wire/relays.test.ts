/**
 * The official client for relays, unmodified, where there is one and where there is none.
 */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { CommunicationRelayClient } from '@azure/communication-network-traversal'
import { startServer } from '../server-process.ts'
import { refusalOf, relayUrls, theServer, tierFolder } from './the-server.ts'

describe('the network traversal client 1.1.0-beta.1', () => {
  test('gets a configuration of every route, for 48 hours', async () => {
    const { banner } = await theServer()
    const client = new CommunicationRelayClient(banner.connectionString)
    const askedAtMs = Date.now()
    const { expiresOn, iceServers } = await client.getRelayConfiguration()
    const hours = (expiresOn.getTime() - askedAtMs) / 3_600_000
    assert.ok(hours > 47.9 && hours < 48.1, String(hours))
    assert.deepEqual(
      iceServers.map(({ routeType, urls }) => [routeType, urls]),
      [
        ['any', relayUrls],
        ['nearest', relayUrls],
      ],
    )
    assert.ok(iceServers.every(({ username, credential }) => username !== '' && credential !== ''))
  })

  test('gets one for an identity, of a route and a time', async () => {
    const { banner } = await theServer()
    const identities = new CommunicationIdentityClient(banner.connectionString)
    const { communicationUserId: id } = await identities.createUser()
    const client = new CommunicationRelayClient(banner.connectionString)
    const asked = { id, routeType: 'nearest', ttl: 60 } as const
    const { expiresOn, iceServers } = await client.getRelayConfiguration(asked)
    assert.ok(expiresOn.getTime() - Date.now() <= 60_000)
    assert.deepEqual(
      iceServers.map(({ routeType }) => routeType),
      ['nearest'],
    )
    const other = id.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
    const { statusCode, code } = await refusalOf(client.getRelayConfiguration({ id: other }))
    assert.deepEqual([statusCode, code], [401, 'IdentityNotOwned'])
  })

  test('is not needed by the user of a token, whose browser gets one without a key', async () => {
    const { banner, endpoint } = await theServer()
    const identities = new CommunicationIdentityClient(banner.connectionString)
    const { token } = await identities.createUserAndToken(['voip'])
    const path = 'networkTraversal/:issueRelayConfiguration?api-version=2022-03-01-preview'
    const headers = { authorization: `Bearer ${token}`, origin: 'https://app.example' }
    const answer = await fetch(new URL(path, endpoint), { method: 'POST', headers })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    assert.equal(answer.headers.get('access-control-allow-origin'), '*')
  })

  test('hears RelayNotConfigured from a server without a relay', async () => {
    const dataDir = join(tierFolder(), 'no-relay')
    mkdirSync(dataDir, { mode: 0o711 })
    const server = await startServer({ dataDir })
    const key = server.accessKey.toString('base64')
    const connection = `endpoint=${server.banner.httpOrigin}/;accesskey=${key}`
    const client = new CommunicationRelayClient(connection, { retryOptions: { maxRetries: 0 } })
    const { statusCode, code } = await refusalOf(client.getRelayConfiguration())
    assert.deepEqual([statusCode, code], [503, 'RelayNotConfigured'])
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
  })
})
