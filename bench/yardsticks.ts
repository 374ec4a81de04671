import { randomUUID } from 'node:crypto'
import { decodeProtectedHeader, type JSONWebKeySet } from 'jose'
import { exchangeOnce } from './connection.ts'
import type { Contender } from './harness.ts'
import { plainRequest, signedRequest } from './requests.ts'
import { startPeer, type Yardstick } from './servers.ts'
import { checkIssued, issueRequest } from './tokens.ts'

/**
 * What Parley is held against: the bare handler, checking only or signing as well, and the grant of
 * `oidc-provider`.
 */

/** Distinct requests, and thus identities, in one round. */
export const requestsPerRound = 512

/** The bare handler issuing tokens for as many identities as Parley does. */
export async function bareIssuing(bare: Yardstick, connections: number): Promise<Contender> {
  const { endpoint, accessKey } = bare
  const resourceId = randomUUID()
  const identities = Array.from(
    { length: requestsPerRound },
    () => `8:acs:${resourceId}_${randomUUID()}`,
  )
  const jwksRequest = plainRequest(endpoint, { method: 'GET', path: '/.well-known/jwks.json' })
  const { body } = await exchangeOnce(endpoint, jwksRequest)
  const keys = JSON.parse(body.toString()) as JSONWebKeySet
  return {
    name: `bare ${endpoint.protocol.slice(0, -1)}: issue, ${connections} connections`,
    server: bare,
    endpoint,
    connections,
    expectedStatus: 200,
    prepare: () => identities.map((id) => issueRequest(endpoint, accessKey, id)),
    check: (samples) => checkIssued(samples, identities, keys),
  }
}

/** The bare handler checking signatures of requests with the body of an introspection. */
export function bareChecking(
  bare: Yardstick,
  connections: number,
  bodies: readonly string[],
): Contender {
  const { endpoint, accessKey } = bare
  const contentType = 'application/x-www-form-urlencoded'
  return {
    name: `bare http: check the signature, ${connections} connections`,
    server: bare,
    endpoint,
    connections,
    expectedStatus: 200,
    prepare: () =>
      bodies.map((body) =>
        signedRequest(endpoint, accessKey, {
          method: 'POST',
          path: '/introspect',
          contentType,
          body,
        }),
      ),
    check: (samples) => {
      for (const { body } of samples) {
        if (body.toString() !== '{"active":true}') throw new Error(`answered ${body}`)
      }
    },
  }
}

/** The client-credentials grant of `oidc-provider`, with the server that gives it. */
export async function peerGranting(
  connections: number,
): Promise<{ readonly peer: Yardstick; readonly contender: Contender }> {
  const client = { clientId: randomUUID(), clientSecret: randomUUID() }
  const resource = 'https://resource.example'
  const peer = await startPeer({ ...client, resource })
  const credentials = Buffer.from(`${client.clientId}:${client.clientSecret}`).toString('base64')
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    scope: 'chat voip',
    resource,
  })
  const request = plainRequest(
    peer.endpoint,
    {
      method: 'POST',
      path: '/token',
      contentType: 'application/x-www-form-urlencoded',
      body: form.toString(),
    },
    [`authorization: Basic ${credentials}`],
  )
  const contender: Contender = {
    name: `oidc-provider: grant a JWT, ${connections} connections`,
    server: peer,
    endpoint: peer.endpoint,
    connections,
    expectedStatus: 200,
    prepare: () => [request],
    check: (samples) => {
      for (const { body } of samples) {
        const answer = JSON.parse(body.toString()) as { access_token: string }
        const { alg, typ } = decodeProtectedHeader(answer.access_token)
        if (alg !== 'ES256' || typ !== 'at+jwt') throw new Error(`granted a ${alg} ${typ}`)
      }
    },
  }
  return { peer, contender }
}
