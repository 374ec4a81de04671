import type { JSONWebKeySet } from 'jose'
import { exchangeOnce } from './connection.ts'
import type { Bench } from './harness.ts'
import { plainRequest, signedRequest } from './requests.ts'
import type { ParleyServer } from './servers.ts'
import { issueRequest, tokenOf } from './tokens.ts'

/** The request that creates an identity. */
export function createRequest({ http, accessKey }: ParleyServer): Buffer {
  const path = '/identities?api-version=2023-10-01'
  return signedRequest(http, accessKey, { method: 'POST', path, body: '{}' })
}

/** The identity in the answer to a create request. */
export function identityOf(body: Buffer): string {
  const { identity } = JSON.parse(body.toString()) as { identity?: { id?: unknown } }
  if (typeof identity?.id !== 'string') throw new Error(`no identity in ${body}`)
  return identity.id
}

/** Creates identities that the requests of a round then name. */
export async function createIdentities(
  bench: Bench,
  parley: ParleyServer,
  count: number,
): Promise<string[]> {
  const request = createRequest(parley)
  const bodies = await sendOnce(bench, parley, {
    requests: Array.from({ length: count }, () => request),
    expectedStatus: 201,
  })
  return bodies.map(identityOf)
}

/** Issues `count` tokens, for the identities in turn. */
export async function issueTokens(
  bench: Bench,
  parley: ParleyServer,
  { identities, count }: { readonly identities: readonly string[]; readonly count: number },
): Promise<string[]> {
  const once = identities.map((id) => issueRequest(parley.http, parley.accessKey, id))
  const requests = Array.from({ length: count }, (_, index) => once[index % once.length] as Buffer)
  const bodies = await sendOnce(bench, parley, { requests, expectedStatus: 200 })
  return bodies.map(tokenOf)
}

async function sendOnce(
  bench: Bench,
  parley: ParleyServer,
  work: { readonly requests: readonly Buffer[]; readonly expectedStatus: number },
): Promise<Buffer[]> {
  const { samples } = await bench.load.run({
    server: { pid: parley.pid },
    endpoint: parley.http,
    connections: 32,
    ...work,
    warmUpMs: 0,
    measureMs: 'once',
    sampleEvery: 1,
  })
  return samples.map(({ body }) => body)
}

/** The keys that Parley publishes. */
export async function fetchKeys({ http, jwksUrl }: ParleyServer): Promise<JSONWebKeySet> {
  const { pathname } = new URL(jwksUrl)
  const reply = await exchangeOnce(http, plainRequest(http, { method: 'GET', path: pathname }))
  if (reply.status !== 200) throw new Error(`${pathname} answers ${reply.status}`)
  return JSON.parse(reply.body.toString()) as JSONWebKeySet
}
