import { fail, ok, type Result } from '@parley/protocol'
import { decodeUtf8, parseJsonObject } from './json.ts'
import { type Jwks, type KeySetFault, readKeySet } from './keys.ts'
import { systemFetch } from './platform.ts'
import { safeUrl } from './safe-url.ts'

/** Where a key set is and how it is fetched. */
export interface FetchJwksOptions {
  /**
   * URL of the key set, for example `https://parley.example/.well-known/jwks.json`. Whoever can
   * change the answer can forge tokens, so plain http is for loopback hosts only.
   */
  readonly url: string
  /** How to fetch; default the platform's own. */
  readonly fetch?: typeof fetch
  /** Longest wait for the whole answer, in milliseconds, 1..60,000; default 5,000. */
  readonly timeoutMs?: number
}

/** Why no key set came back. */
export type FetchJwksFault =
  | { readonly kind: 'unreachable'; readonly cause: unknown }
  | { readonly kind: 'timed-out' }
  | { readonly kind: 'wrong-status'; readonly status: number }
  | { readonly kind: 'too-large' }
  | KeySetFault

const timeoutMsDefault = 5000
const timeoutMsMax = 60_000

/** Largest answer that is read: room for 64 RSA keys of 4096 bits. */
const bodyBytesMax = 64 * 1024

/**
 * Downloads a key set and makes sure that a verifier can use it. Redirects are not followed: keys
 * come from where the configuration says.
 *
 * @throws TypeError for a URL or a time that no correct program passes.
 * @faults `unreachable`, `timed-out`, `wrong-status` (not 200), `too-large` (over 64 KiB), and
 * those of the content: `not-a-key-set`, `too-many-keys`, `kid-used-twice`, `no-usable-key`.
 */
export async function fetchJwks(options: FetchJwksOptions): Promise<Result<Jwks, FetchJwksFault>> {
  const { fetch = systemFetch, timeoutMs = timeoutMsDefault } = options
  const url = safeUrl(options.url, 'url').href
  if (!(timeoutMs >= 1 && timeoutMs <= timeoutMsMax)) {
    throw new TypeError(`timeoutMs: expected 1..${timeoutMsMax}`)
  }
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(), timeoutMs)
  try {
    const download = downloadKeys(fetch, url, deadline.signal)
    // The race is for a `fetch` that takes no notice of its signal.
    return await Promise.race([download, timedOut(deadline.signal)])
  } catch (cause) {
    // Whatever a `fetch` throws: each platform has other errors for the same broken connection.
    return fail(deadline.signal.aborted ? { kind: 'timed-out' } : { kind: 'unreachable', cause })
  } finally {
    clearTimeout(timer)
  }
}

async function downloadKeys(
  fetch: typeof systemFetch,
  url: string,
  signal: AbortSignal,
): Promise<Result<Jwks, FetchJwksFault>> {
  const headers = { accept: 'application/jwk-set+json, application/json' }
  const answer = await fetch(url, { headers, redirect: 'error', credentials: 'omit', signal })
  if (answer.status !== 200) {
    await answer.body?.cancel()
    return fail({ kind: 'wrong-status', status: answer.status })
  }
  const bytes = await readBody(answer.body)
  if (bytes === undefined) return fail({ kind: 'too-large' })
  const set = parseJsonObject(decodeUtf8(bytes) ?? '')
  const keys = readKeySet(set)
  return keys.ok ? ok(set as unknown as Jwks) : keys
}

/** The whole body, `undefined` when it is longer than allowed. */
async function readBody(
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
): Promise<Uint8Array | undefined> {
  const whole = new Uint8Array(bodyBytesMax)
  let length = 0
  const reader = body?.getReader()
  for (;;) {
    const chunk = await reader?.read()
    if (chunk === undefined || chunk.done) return whole.subarray(0, length)
    if (length + chunk.value.length > bodyBytesMax) {
      await reader?.cancel()
      return undefined
    }
    whole.set(chunk.value, length)
    length += chunk.value.length
  }
}

function timedOut(signal: AbortSignal): Promise<Result<never, FetchJwksFault>> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(fail({ kind: 'timed-out' })), { once: true })
  })
}
