/**
 * What only the newest identity client can do, or is asked by those who configure it.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
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

  test('learns that Teams users cannot be exchanged, at once', async () => {
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
    assert.deepEqual(refusal, { name: 'RestError', statusCode: 501, code: 'NotImplemented' })
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
    const ports = new Set<string>()
    const client = await connect({ agent: undefined })
    const server = await theServer()
    for (let count = 0; count < 10; count++) {
      await client.createUser({
        onResponse: (answer) => {
          ports.add(answer.headers.get('connection') ?? '')
        },
      })
    }
    assert.deepEqual([...ports], ['keep-alive'])
    assert.ok(server.pid > 0)
  })
})
