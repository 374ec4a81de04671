import type { Endpoint } from './connection.ts'
import type { Bench } from './harness.ts'
import type { Sample } from './load.ts'
import { signedRequest } from './requests.ts'
import type { ParleyServer } from './servers.ts'

const path = '/introspect'

/** The form that asks about one token. @source RFC 7662 section 2.1. */
export function introspectionForm(token: string): string {
  return `token=${token}`
}

/** The request that asks about one token. */
export function introspectRequest(endpoint: Endpoint, accessKey: Buffer, token: string): Buffer {
  const contentType = 'application/x-www-form-urlencoded'
  const body = introspectionForm(token)
  return signedRequest(endpoint, accessKey, { method: 'POST', path, contentType, body })
}

/** The request that asks about many tokens, up to 1,000. */
export function introspectBatchRequest(
  endpoint: Endpoint,
  accessKey: Buffer,
  tokens: readonly string[],
): Buffer {
  const body = JSON.stringify({ tokens })
  return signedRequest(endpoint, accessKey, { method: 'POST', path, body })
}

/** Checks that every answer calls exactly `count` tokens active. */
export function checkActive(samples: readonly Sample[], count: number): void {
  for (const { body } of samples) {
    const text = body.toString()
    const active = text.match(/"active":true/g)?.length ?? 0
    if (active !== count) throw new Error(`${active} of ${count} active: ${text.slice(0, 200)}`)
  }
}

/** Asks about tokens in batches and throws unless all of them are active. */
export async function assertActive(
  bench: Bench,
  parley: ParleyServer,
  tokens: readonly string[],
): Promise<void> {
  for (let start = 0; start < tokens.length; start += 1000) {
    const batch = tokens.slice(start, start + 1000)
    const { samples } = await bench.load.run({
      server: { pid: parley.pid },
      endpoint: parley.http,
      connections: 1,
      requests: [introspectBatchRequest(parley.http, parley.accessKey, batch)],
      expectedStatus: 200,
      warmUpMs: 0,
      measureMs: 'once',
      sampleEvery: 1,
    })
    checkActive(samples, batch.length)
  }
}
