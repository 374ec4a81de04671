/**
 * Exchanges by unmodified clients: the credential for people of `@azure/communication-common`,
 * which exchanges Entra tokens by itself, and the identity client, which hands in those of Teams
 * users.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { AzureCommunicationTokenCredential } from '@azure/communication-common'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import type { TokenCredential } from '@azure/core-auth'
import { fetchJwks } from '@parley/verifier'
import { createVerifier, type SyncVerifier } from '@parley/verifier/node'
import { type Issuer, startIssuer } from '../issuer.ts'
import { type ServerProcess, startServer } from '../server-process.ts'
import { serverFolder } from './environment.ts'
import { areLive, refusalOf, tierFolder } from './the-server.ts'

interface Served {
  readonly issuer: Issuer
  readonly server: ServerProcess
  readonly verifier: SyncVerifier
}

let started: Promise<Served> | undefined

/** A server that trusts an issuer, under the authority that this process trusts. */
function served(): Promise<Served> {
  started ??= start()
  return started
}

async function start(): Promise<Served> {
  const dataDir = join(tierFolder(), 'exchanging')
  mkdirSync(dataDir, { mode: 0o711 })
  cpSync(join(tierFolder(), serverFolder, 'tls'), join(dataDir, 'tls'), { recursive: true })
  const issuer = await startIssuer()
  const trusted = [{ issuer: issuer.issuer, audience: 'https://communication.azure.com' }]
  const settings = { PARLEY_TRUSTED_ISSUERS: JSON.stringify(trusted) }
  const server = await startServer({ dataDir, settings })
  const url = `${server.endpoint}.well-known/jwks.json`
  const keys = await fetchJwks({ url })
  assert.ok(keys.ok)
  const verifier = createVerifier({ keys: keys.value, issuer: server.endpoint.slice(0, -1) })
  return { issuer, server, verifier }
}

after(async () => {
  if (started === undefined) return
  const { issuer, server } = await started
  await issuer.stop()
  assert.deepEqual(await server.stop(), { code: 0, signal: null })
})

const person = { tid: randomUUID(), oid: randomUUID(), azp: randomUUID() }

const families = [
  {
    name: 'clients',
    scopes: [
      'https://communication.azure.com/clients/VoIP',
      'https://communication.azure.com/clients/Chat',
    ],
    scp: 'VoIP Chat',
    granted: ['chat', 'voip'],
    path: `/access/entra/assignments/${person.oid}?api-version=2025-03-02-preview`,
    assignment: { tenantId: person.tid, principalType: 'user', clientIds: [person.azp] },
  },
  {
    name: 'the Teams extension',
    scopes: ['https://auth.msft.communication.azure.com/TeamsExtension.ManageCalls'],
    scp: 'TeamsExtension.ManageCalls',
    granted: ['voip'],
    path:
      `/access/teamsExtension/tenants/${person.tid}/assignments/${person.oid}` +
      '?api-version=2025-06-30',
    assignment: { principalType: 'user', clientIds: [person.azp] },
  },
] as const

/** Hands out the Entra tokens it is given, one after the other, and the last one for ever. */
function credentialOf(tokens: readonly string[]): TokenCredential & { readonly asked: string[][] } {
  const asked: string[][] = []
  return {
    asked,
    async getToken(scopes) {
      const token = tokens[Math.min(asked.length, tokens.length - 1)] ?? ''
      asked.push([scopes].flat())
      return { token, expiresOnTimestamp: Date.now() + 3_600_000 }
    },
  }
}

describe('the credential for people of communication-common 2.4.2', () => {
  for (const { name, scopes, scp, granted, path, assignment } of families) {
    const assigned = async () => {
      const { server } = await served()
      const { status } = await server.call({ method: 'PUT', path, body: assignment })
      assert.ok(status === 200 || status === 201)
    }

    test(`obtains a token that the verifier accepts, for ${name}`, async () => {
      const { issuer, server, verifier } = await served()
      await assigned()
      const exp = Math.floor(Date.now() / 1000) + 2000
      const tokenCredential = credentialOf([await issuer.token({ ...person, scp, exp })])
      const resourceEndpoint = server.endpoint.slice(0, -1)
      const options = { resourceEndpoint, tokenCredential, scopes: [...scopes] }
      const credential = new AzureCommunicationTokenCredential(options)
      const { token, expiresOnTimestamp } = await credential.getToken()
      credential.dispose()
      assert.deepEqual(tokenCredential.asked[0], scopes)
      assert.equal(expiresOnTimestamp, exp * 1000)
      const verdict = verifier.verify(token)
      assert.ok(verdict.ok)
      assert.deepEqual([verdict.scopes, verdict.expiresAtMs], [granted, exp * 1000])
    })

    test(`keeps its token while the Entra token is the same, for ${name}`, async () => {
      const { issuer, server } = await served()
      await assigned()
      const tokenCredential = credentialOf([await issuer.token({ ...person, scp })])
      const resourceEndpoint = server.endpoint.slice(0, -1)
      const options = { resourceEndpoint, tokenCredential, scopes: [...scopes] }
      const credential = new AzureCommunicationTokenCredential(options)
      const [first, again] = [await credential.getToken(), await credential.getToken()]
      credential.dispose()
      assert.equal(again.token, first.token)
    })

    test(`refreshes it with the next Entra token, for the same identity, for ${name}`, async () => {
      const { issuer, server, verifier } = await served()
      await assigned()
      const next = await issuer.token({ ...person, scp })
      const tokenCredential = credentialOf([await issuer.token({ ...person, scp }), next])
      const resourceEndpoint = server.endpoint.slice(0, -1)
      const options = { resourceEndpoint, tokenCredential, scopes: [...scopes] }
      const credential = new AzureCommunicationTokenCredential(options)
      const [first, second] = [await credential.getToken(), await credential.getToken()]
      credential.dispose()
      assert.notEqual(second.token, first.token)
      const [one, other] = [first, second].map(({ token }) => verifier.verify(token))
      assert.ok(one?.ok && other?.ok)
      assert.equal(other.identity, one.identity)
    })
  }

  test('takes the endpoint with the slash that every connection string has', async () => {
    const { issuer, server, verifier } = await served()
    const [{ path, assignment, scp, scopes }] = families
    await server.call({ method: 'PUT', path, body: assignment })
    const tokenCredential = credentialOf([await issuer.token({ ...person, scp })])
    const options = { resourceEndpoint: server.endpoint, tokenCredential, scopes: [...scopes] }
    const credential = new AzureCommunicationTokenCredential(options)
    assert.ok(verifier.verify((await credential.getToken()).token).ok)
    credential.dispose()
  })

  test('learns that nobody assigned the person', async () => {
    const { issuer, server } = await served()
    const [{ scp, scopes }] = families
    const tokenCredential = credentialOf([
      await issuer.token({ ...person, oid: randomUUID(), scp }),
    ])
    const resourceEndpoint = server.endpoint.slice(0, -1)
    const options = { resourceEndpoint, tokenCredential, scopes: [...scopes] }
    const credential = new AzureCommunicationTokenCredential(options)
    await assert.rejects(credential.getToken(), /Status: 401, Body: \{"error":\{"code":"Denied"/)
    credential.dispose()
  })
})

describe('the identity client 1.3.1, with the token of a Teams user,', () => {
  const ids = { clientId: person.azp, userObjectId: person.oid }

  test('is given one of ours, until the same moment', async () => {
    const { issuer, server } = await served()
    const exp = Math.floor(Date.now() / 1000) + 1500
    const claims = { ...person, scp: 'Teams.ManageCalls Teams.ManageChats', exp }
    const teamsUserAadToken = await issuer.token(claims)
    const client = new CommunicationIdentityClient(server.banner.connectionString)
    const { token, expiresOn } = await client.getTokenForTeamsUser({ teamsUserAadToken, ...ids })
    assert.equal(expiresOn.getTime(), exp * 1000)
    assert.deepEqual(await areLive(server, [token]), [true])
  })

  const refusals = [
    ['of another application', { clientId: person.oid }, 400, 'ValidationError'],
    ['of another person', { userObjectId: person.azp }, 400, 'ValidationError'],
    ['that is expired', { exp: 1_700_000_000 }, 401, 'InvalidAccessToken'],
  ] as const
  for (const [what, changes, statusCode, code] of refusals) {
    test(`is refused one ${what}`, async () => {
      const { issuer, server } = await served()
      const claims = { ...person, scp: 'Teams.ManageCalls', ...changes }
      const teamsUserAadToken = await issuer.token(claims)
      const client = new CommunicationIdentityClient(server.banner.connectionString)
      const asked = { teamsUserAadToken, ...ids, ...changes }
      const refusal = await refusalOf(client.getTokenForTeamsUser(asked))
      assert.deepEqual(refusal, { name: 'RestError', statusCode, code })
    })
  }
})
