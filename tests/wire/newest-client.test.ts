/**
 * What only the newest identity client can do, or is asked by those who configure it.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { describe, test } from 'node:test'
import {
  CommunicationIdentityClient,
  type CommunicationIdentityClientOptions,
} from '@azure/communication-identity'
import { AzureKeyCredential } from '@azure/core-auth'
import type { FullOperationResponse } from '@azure/core-client'
import { identityVersions } from '@parley/server/contract/versions'
import { decodeJwt } from 'jose'
import { areLive, refusalOf, theServer } from './the-server.ts'

/** A client of the server of this tier. */
async function connect(options?: object): Promise<CommunicationIdentityClient> {
  const { banner } = await theServer()
  return new CommunicationIdentityClient(banner.connectionString, options)
}

type AdditionalPolicy = NonNullable<
  CommunicationIdentityClientOptions['additionalPolicies']
>[number]
type SendRequest = AdditionalPolicy['policy']['sendRequest']

/** Runs before the request is signed. */
function policy(sendRequest: SendRequest): CommunicationIdentityClientOptions {
  const named = { name: 'test', sendRequest }
  return { additionalPolicies: [{ policy: named, position: 'perCall' }] }
}

describe('the identity client 1.3.1, configured,', () => {
  test('takes endpoint and key apart', async () => {
    const { endpoint, accessKey } = await theServer()
    const credential = new AzureKeyCredential(accessKey.toString('base64'))
    const client = new CommunicationIdentityClient(endpoint, credential)
    assert.match((await client.createUser()).communicationUserId, /^8:acs:/)
  })

  test('is served over plain http when it allows that', async () => {
    const { banner, accessKey } = await theServer()
    const plain = `endpoint=${banner.httpOrigin}/;accesskey=${accessKey.toString('base64')}`
    const client = new CommunicationIdentityClient(plain, { allowInsecureConnection: true })
    const { token } = await client.createUserAndToken(['chat'])
    assert.deepEqual(await areLive(await theServer(), [token]), [true])
  })

  test('trusts the CA by its options', async () => {
    const { banner } = await theServer()
    const ca = readFileSync(banner.caFile, 'utf8')
    const client = await connect({ tlsOptions: { ca } })
    assert.match((await client.createUser()).communicationUserId, /^8:acs:/)
  })

  test('trusts no other CA than the one that it is given', async () => {
    const client = await connect({ tlsOptions: { ca: [] }, retryOptions: { maxRetries: 0 } })
    const { code } = await refusalOf(client.createUser())
    assert.equal(code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  })

  test('learns that the token of a Teams user is not valid, at once', async () => {
    let requestCount = 0
    const counting = policy((request, next) => {
      requestCount += 1
      return next(request)
    })
    const [{ policy: counted }] = counting.additionalPolicies as [AdditionalPolicy]
    // This position is within the retries.
    const client = await connect({
      additionalPolicies: [{ policy: counted, position: 'perRetry' }],
    })
    const asked = { teamsUserAadToken: 'token', clientId: 'client', userObjectId: 'object' }
    const refusal = await refusalOf(client.getTokenForTeamsUser(asked))
    assert.deepEqual(refusal, { name: 'RestError', statusCode: 401, code: 'InvalidAccessToken' })
    assert.equal(requestCount, 1)
  })

  test('finds its request id in the answer', async () => {
    const client = await connect()
    const answers: FullOperationResponse[] = []
    const onResponse = (answer: FullOperationResponse) => {
      answers.push(answer)
    }
    await client.createUser({ onResponse })
    const [{ request, headers, status }] = answers as [FullOperationResponse]
    assert.equal(status, 201)
    assert.match(request.requestId, /^[0-9a-f-]{36}$/)
    assert.equal(headers.get('x-ms-client-request-id'), request.requestId)
  })

  test('sends ten requests over one connection', async () => {
    const { banner } = await theServer()
    const agent = new CountingAgent({ keepAlive: true, ca: readFileSync(banner.caFile, 'utf8') })
    const client = await connect({ agent })
    for (let count = 0; count < 10; count++) await client.createUser()
    assert.equal(agent.connectionCount, 1)
    agent.destroy()
  })
})

class CountingAgent extends Agent {
  connectionCount = 0
  override createConnection(...words: Parameters<Agent['createConnection']>) {
    this.connectionCount += 1
    return super.createConnection(...words)
  }
}

/** In the first preview a new identity is answered 200 and `{id}`, which no client here reads. */
const readVersions = identityVersions.filter((version) => version !== '2020-07-20-preview2')

describe('the identity client 1.3.1, told another version,', () => {
  for (const apiVersion of readVersions) {
    test(`is served ${apiVersion}`, async () => {
      const client = await connect({ apiVersion })
      const versions: (string | undefined)[] = []
      const onResponse = (answer: FullOperationResponse) => {
        versions.push(new URL(answer.request.url).searchParams.get('api-version') ?? undefined)
        versions.push(answer.headers.get('api-supported-versions'))
      }
      const { user, token } = await client.createUserAndToken(['voip'], { onResponse })
      await client.revokeTokens(user)
      const { token: next } = await client.getToken(user, ['chat'])
      assert.deepEqual(await areLive(await theServer(), [token, next]), [false, true])
      await client.deleteUser(user)
      const [sent, supported = ''] = versions
      assert.equal(sent, apiVersion)
      assert.ok(supported.split(', ').includes(apiVersion), supported)
    })
  }

  test('learns that the server does not know it', async () => {
    const client = await connect({ apiVersion: '2024-02-30' })
    const refusal = await refusalOf(client.createUser())
    const expected = { name: 'RestError', statusCode: 400, code: 'UnsupportedApiVersion' }
    assert.deepEqual(refusal, expected)
  })

  const scopes = ['chat.join', 'chat.join.limited', 'voip.join'] as const
  for (const scope of scopes) {
    test(`is given ${scope} since 2023-10-01 and refused it before`, async () => {
      const { token } = await (await connect()).createUserAndToken([scope])
      assert.equal(decodeJwt(token)['acsScope'], scope)
      const older = await connect({ apiVersion: '2022-10-01' })
      const refusal = await refusalOf(older.createUserAndToken([scope]))
      assert.deepEqual(refusal, { name: 'RestError', statusCode: 400, code: 'ValidationError' })
    })
  }
})

describe('a custom id, through the pipeline of the identity client 1.3.1,', () => {
  /** The client has no such option, so the body is written where a policy may. */
  const naming = (customId: string) => ({
    ...policy((request, next) => {
      if (request.method === 'POST') request.body = JSON.stringify({ customId })
      return next(request)
    }),
    apiVersion: '2025-03-02-preview',
  })

  test('gives the same identity again, and another value another', async () => {
    const [first, again, other] = await Promise.all(
      ['ann@example.org', 'ann@example.org', 'bob@example.org'].map(async (customId) =>
        (await connect(naming(customId))).createUser(),
      ),
    )
    assert.deepEqual(again, first)
    assert.notDeepEqual(other, first)
  })

  test('is refused when it is empty', async () => {
    const refusal = await refusalOf((await connect(naming(''))).createUser())
    assert.deepEqual(refusal, { name: 'RestError', statusCode: 400, code: 'ValidationError' })
  })
})
