/** The calls that most tests make, each in one line. */
import assert from 'node:assert/strict'
import type { AccessTokenClaims } from '@parley/protocol'
import type { Answer, Tenant } from './world.ts'

/** Whoever signs requests for a resource. */
type Signer = Pick<Tenant, 'call'>

/** The api-version of the current official SDK. */
export const version = '2023-10-01'

/** The first version with `customId` and with reading an identity. */
export const namedVersion = '2025-03-02-preview'

/** An identity's path, with its name as it stands or as the caller escaped it. */
export function identityPath(id: string, rest = '', apiVersion: string = version): string {
  return `/identities/${id}${rest}?api-version=${apiVersion}`
}

/** Sends `POST /identities`. */
export function postIdentity(
  tenant: Signer,
  body?: object,
  apiVersion: string = version,
): Promise<Answer> {
  const path = `/identities?api-version=${apiVersion}`
  return tenant.call(body === undefined ? { method: 'POST', path } : { method: 'POST', path, body })
}

/** Creates an identity and gives its name. */
export async function createIdentity(tenant: Signer): Promise<string> {
  const { status, body } = await postIdentity(tenant)
  assert.equal(status, 201)
  return body.identity.id
}

/** Asks for a token; the answer as it came. */
export function postToken(
  tenant: Signer,
  id: string,
  body: object = { scopes: ['chat'] },
): Promise<Answer> {
  return tenant.call({ method: 'POST', path: identityPath(id, '/:issueAccessToken'), body })
}

/** Issues a token and gives it. */
export async function issueToken(tenant: Signer, id: string): Promise<string> {
  const { status, body } = await postToken(tenant, id)
  assert.equal(status, 200)
  return body.token
}

/** Revokes the tokens of an identity; the answer as it came. */
export function postRevoke(tenant: Signer, id: string): Promise<Answer> {
  return tenant.call({ method: 'POST', path: identityPath(id, '/:revokeAccessTokens') })
}

/** Deletes an identity; the answer as it came. */
export function deleteIdentity(tenant: Signer, id: string): Promise<Answer> {
  return tenant.call({ method: 'DELETE', path: identityPath(id) })
}

/** Reads an identity; the answer as it came. */
export function getIdentity(tenant: Signer, id: string): Promise<Answer> {
  return tenant.call({ method: 'GET', path: identityPath(id, '', namedVersion) })
}

/** Asks which of some tokens are live, in their order. */
export async function liveness(
  tenant: Signer,
  tokens: readonly string[],
): Promise<readonly boolean[]> {
  const live: boolean[] = []
  for (let start = 0; start < tokens.length; start += 1000) {
    const asked = { tokens: tokens.slice(start, start + 1000) }
    const { status, body } = await tenant.call({ method: 'POST', path: '/introspect', body: asked })
    assert.equal(status, 200)
    for (const answer of body.value) live.push(answer.active)
  }
  return live
}

/** The payload of a token, unchecked. */
export function claimsOf(token: string): AccessTokenClaims {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
}

/** Status and body of an answer, and nothing that differs from call to call. */
export function told(answer: Answer): { readonly status: number; readonly body: unknown } {
  return { status: answer.status, body: answer.body }
}

/** What the answer to a bad body looks like. */
export function validationError(target: string, message: string): ReturnType<typeof told> {
  return { status: 400, body: { error: { code: 'ValidationError', message, target } } }
}

/** What the answer about an identity looks like that is none of the caller's. */
export const notOwned = {
  status: 401,
  body: { error: { code: 'IdentityNotOwned', message: "Provided identity doesn't exist." } },
} as const

/** Runs `act` for 0..count-1, all at once. */
export function atOnce<Value>(
  count: number,
  act: (index: number) => Promise<Value>,
): Promise<Value[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => act(index)))
}
