import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import type { Endpoint } from './connection.ts'
import type { Sample } from './load.ts'
import { signedRequest } from './requests.ts'

/** The request for a token of an identity; the bare handler understands it as well as Parley. */
export function issueRequest(endpoint: Endpoint, accessKey: Buffer, identity: string): Buffer {
  return signedRequest(endpoint, accessKey, {
    method: 'POST',
    path: `/identities/${encodeURIComponent(identity)}/:issueAccessToken?api-version=2023-10-01`,
    body: '{"scopes":["chat","voip"]}',
  })
}

/** The token in the answer to an issue request. */
export function tokenOf(body: Buffer): string {
  const { token } = JSON.parse(body.toString()) as { token?: unknown }
  if (typeof token !== 'string') throw new Error(`no token in ${body.toString().slice(0, 100)}`)
  return token
}

/**
 * Checks that issued tokens are what was asked for: signed by a published key with ES256, for the
 * identity of the request they answer, for both scopes, and each another one.
 *
 * `jose` verifies, because a second opinion finds what our own verifier would overlook.
 *
 * @param identities - by position of the request.
 */
export async function checkIssued(
  samples: readonly Sample[],
  identities: readonly string[],
  keys: JSONWebKeySet,
): Promise<void> {
  const keySet = createLocalJWKSet(keys)
  const tokenIds = new Set<unknown>()
  for (const { requestIndex, body } of samples) {
    const { payload } = await jwtVerify(tokenOf(body), keySet, { algorithms: ['ES256'] })
    const { sub, jti, acsScope } = payload
    if (sub !== identities[requestIndex]) throw new Error('a token of another identity')
    if (acsScope !== 'chat,voip') throw new Error('a token with other scopes')
    tokenIds.add(jti)
  }
  if (tokenIds.size !== samples.length) throw new Error('two tokens share a jti')
}
