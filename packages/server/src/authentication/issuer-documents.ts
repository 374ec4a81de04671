/**
 * What a trusted issuer publishes, fetched with a limit on everything: time, bytes, redirects,
 * where it points to.
 *
 * The discovery document is asked for with the keys each time. It is one request in ten minutes,
 * and an issuer that moves its keys is followed.
 *
 * @source OpenID Connect Discovery 1.0 section 4; RFC 7517 section 5.
 */
import { fail, ok, type Result } from '@parley/protocol'
import { decodeUtf8, type JsonObject, parseJsonObject } from '@parley/verifier/json'
import { serverLimits } from '../contract/limits.ts'
import { isLoopbackHost } from '../foundation/trusted-issuer.ts'

/** The network. */
export type Fetch = typeof globalThis.fetch

/** Why no keys came back; for the log. */
export interface IssuerFault {
  readonly kind:
    | 'unreachable'
    | 'timed-out'
    | 'wrong-status'
    | 'too-large'
    | 'not-json'
    | 'issuer-differs'
    | 'keys-url-refused'
    | 'no-keys'
  /** Which of the two documents it is about. */
  readonly document: 'discovery' | 'keys'
  readonly cause?: unknown
}

/**
 * Fetches the keys of an issuer as it publishes them.
 *
 * @param issuer - as in `iss`.
 * @returns the members of `keys` that are objects, at most `issuerKeysMax`.
 */
export async function fetchIssuerKeys(
  fetch: Fetch,
  issuer: string,
): Promise<Result<readonly JsonObject[], IssuerFault>> {
  const discoveryUrl = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const discovery = await fetchJson(fetch, discoveryUrl)
  if (!discovery.ok) return fail({ ...discovery.fault, document: 'discovery' })
  const { issuer: named, jwks_uri: keysUrl } = discovery.value
  if (named !== issuer) return fail({ kind: 'issuer-differs', document: 'discovery' })
  if (typeof keysUrl !== 'string' || !isSafeUrl(keysUrl, issuer)) {
    return fail({ kind: 'keys-url-refused', document: 'discovery' })
  }
  const set = await fetchJson(fetch, keysUrl)
  if (!set.ok) return fail({ ...set.fault, document: 'keys' })
  const { keys } = set.value
  if (!Array.isArray(keys) || keys.length > serverLimits.issuerKeysMax) {
    return fail({ kind: 'no-keys', document: 'keys' })
  }
  return ok(keys.filter((key) => typeof key === 'object' && key !== null))
}

/** Plain http only to this machine, and only where the issuer itself is asked that way. */
function isSafeUrl(text: string, issuer: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  if (protocol === 'https:') return true
  return protocol === 'http:' && issuer.startsWith('http:') && isLoopbackHost(hostname)
}

type AnswerFault = Omit<IssuerFault, 'document'>

async function fetchJson(fetch: Fetch, url: string): Promise<Result<JsonObject, AnswerFault>> {
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(), serverLimits.issuerTimeoutMs)
  const timedOut = new Promise<Result<never, AnswerFault>>((resolve) => {
    deadline.signal.onabort = () => resolve(fail({ kind: 'timed-out' }))
  })
  try {
    // The race is for a `fetch` that takes no notice of its signal.
    return await Promise.race([readJson(fetch, url, deadline.signal), timedOut])
  } catch (cause) {
    // Whatever a `fetch` throws: a redirect, a broken connection, a certificate of nobody.
    return fail({ kind: deadline.signal.aborted ? 'timed-out' : 'unreachable', cause })
  } finally {
    clearTimeout(timer)
  }
}

async function readJson(
  fetch: Fetch,
  url: string,
  signal: AbortSignal,
): Promise<Result<JsonObject, AnswerFault>> {
  const headers = { accept: 'application/json' }
  const answer = await fetch(url, { headers, redirect: 'error', signal })
  if (answer.status !== 200) {
    await answer.body?.cancel()
    return fail({ kind: 'wrong-status', cause: answer.status })
  }
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = answer.body?.getReader()
  for (;;) {
    const chunk = await reader?.read()
    if (chunk === undefined || chunk.done) break
    length += chunk.value.length
    if (length > serverLimits.issuerAnswerBytesMax) {
      await reader?.cancel()
      return fail({ kind: 'too-large' })
    }
    chunks.push(chunk.value)
  }
  const value = parseJsonObject(decodeUtf8(Buffer.concat(chunks)) ?? '')
  return value === undefined ? fail({ kind: 'not-json' }) : ok(value)
}
