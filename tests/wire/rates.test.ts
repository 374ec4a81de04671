/**
 * What the official client does where it asks more often than it may.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { startServer } from '../server-process.ts'
import { tierFolder } from './the-server.ts'

test('a client that asks too often comes again as it is told, and gets everything', async () => {
  const dataDir = join(tierFolder(), 'rates')
  mkdirSync(dataDir, { mode: 0o711 })
  const rates = { 'identity-create': [{ per: 'resource', max: 2, seconds: 1 }] }
  const settings = { PARLEY_RATE_LIMITS: JSON.stringify(rates) }
  const server = await startServer({ dataDir, settings })
  const refusals: (string | undefined)[] = []
  const client = new CommunicationIdentityClient(server.banner.connectionString, {
    tlsOptions: { ca: readFileSync(server.banner.caFile, 'utf8') },
    additionalPolicies: [
      {
        position: 'perRetry',
        policy: {
          name: 'watch',
          sendRequest: async (asked, next) => {
            const answer = await next(asked)
            if (answer.status === 429) refusals.push(answer.headers.get('retry-after'))
            return answer
          },
        },
      },
    ],
  })
  const ids = new Set<string>()
  for (let count = 0; count < 5; count++) ids.add((await client.createUser()).communicationUserId)
  assert.equal(ids.size, 5)
  assert.ok(refusals.length >= 1)
  for (const seconds of refusals) assert.match(seconds ?? '', /^[12]$/)
  assert.deepEqual(await server.stop(), { code: 0, signal: null })
})
