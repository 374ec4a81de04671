/**
 * The browser's half: what an `AzureCommunicationTokenCredential` asks for a new token.
 *
 * It knows an address and no secret. Nothing of this module comes from Node.
 */
import { systemFetch, systemSleep } from './platform.ts'

/** Where and how a token is asked for. */
export interface TokenRefresherOptions {
  /** The endpoint's route. Default `/api/token`, of the page's own origin. */
  readonly url?: string
  /** Headers of the app's own, such as `authorization`, asked for each time. */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Record<string, string>>
  /**
   * Whether cookies go along: `same-origin` (default), `include` for an endpoint of another
   * origin that allows this page, `omit`.
   */
  readonly credentials?: 'same-origin' | 'include' | 'omit'
  /** Longest wait for one answer, milliseconds. Default 10,000. */
  readonly timeoutMs?: number
  /** Longest wait that the endpoint may ask for before it is asked again, ms. Default 10,000. */
  readonly patienceMs?: number
  /** Default: that of the platform. */
  readonly fetch?: typeof globalThis.fetch
  /** Default: a timer of the platform. */
  readonly sleep?: (ms: number) => Promise<void>
}

/** An `AbortSignal`, or what Azure's libraries take for one. */
export interface AbortSignalLike {
  readonly aborted: boolean
  readonly reason?: unknown
  addEventListener(type: 'abort', listener: () => void): void
}

/** What a credential calls when its token is about to end. */
export type TokenRefresher = (abortSignal?: AbortSignalLike) => Promise<string>

/** Why the endpoint gave no token; a credential hands it on to whoever asked for one. */
export class TokenRefreshError extends Error {
  override readonly name = 'TokenRefreshError'
  /** The status of the answer. */
  readonly status: number
  /** The endpoint's reason, such as `not-authenticated`: the user has to sign in again. */
  readonly reason: string

  constructor(answer: { readonly status: number; readonly reason: string }) {
    super(`the token endpoint answered ${answer.status}: ${answer.reason}`)
    this.status = answer.status
    this.reason = answer.reason
  }
}

const attemptsMax = 3

/**
 * Makes the `tokenRefresher` of an `AzureCommunicationTokenCredential`.
 *
 * Waits and asks again, three times in all, when the endpoint says when (429, 503); any other
 * refusal rejects with a `TokenRefreshError`, and what `fetch` throws is passed on.
 */
export function createTokenRefresher(options: TokenRefresherOptions = {}): TokenRefresher {
  const { patienceMs = 10_000, sleep = systemSleep } = options
  return async (abortSignal) => {
    for (let attempt = 1; ; attempt += 1) {
      const response = await ask(options, abortSignal)
      if (response.ok) return tokenIn(response)
      const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
      const isWorthWaiting = [429, 503].includes(response.status) && seconds * 1000 <= patienceMs
      if (!isWorthWaiting || attempt === attemptsMax) {
        throw new TokenRefreshError({ status: response.status, reason: await reasonIn(response) })
      }
      await response.body?.cancel()
      await sleep(seconds * 1000)
      if (abortSignal?.aborted === true) throw abortSignal.reason ?? new Error('aborted')
    }
  }
}

async function ask(
  options: TokenRefresherOptions,
  abortSignal: AbortSignalLike | undefined,
): Promise<Response> {
  const { url = '/api/token', credentials = 'same-origin', timeoutMs = 10_000 } = options
  const { fetch = systemFetch, headers = () => ({}) } = options
  const given = await headers()
  const init: RequestInit & { readonly cache: 'no-store' } = {
    method: 'GET',
    headers: { accept: 'application/json', 'x-parley-request': '1', ...given },
    credentials,
    cache: 'no-store',
    redirect: 'error',
    signal: endOf(timeoutMs, abortSignal),
  }
  return fetch(url, init)
}

function endOf(timeoutMs: number, abortSignal: AbortSignalLike | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(timeoutMs)
  if (abortSignal === undefined) return timeout
  const told = new AbortController()
  if (abortSignal.aborted) told.abort(abortSignal.reason)
  else abortSignal.addEventListener('abort', () => told.abort(abortSignal.reason))
  return AbortSignal.any([timeout, told.signal])
}

async function tokenIn(response: Response): Promise<string> {
  const answer = await jsonOf(response)
  if (typeof answer['token'] === 'string' && answer['token'] !== '') return answer['token']
  throw new TokenRefreshError({ status: response.status, reason: 'no-token' })
}

async function reasonIn(response: Response): Promise<string> {
  const { reason } = (await jsonOf(response)) as { readonly reason?: unknown }
  return typeof reason === 'string' ? reason : 'unknown'
}

/** The answer as an object; an empty one for what is none, such as the page of a proxy. */
async function jsonOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  try {
    const answer: unknown = JSON.parse(await response.text())
    return typeof answer === 'object' && answer !== null ? { ...answer } : {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}
