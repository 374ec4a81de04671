import { createHash, createHmac } from 'node:crypto'
import {
  type ConnectionString,
  fail,
  ok,
  printSignedRequestHeader,
  type Result,
  stringToSign,
} from '@parley/protocol'
import type { AdminAccess } from './environment.ts'
import type { CliFault } from './faults.ts'
import type { CliWorld, Received } from './world.ts'

/** A request as a command makes it. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path and query, or the whole of a `nextLink`. */
  readonly path: string
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
}

/** The server's answer: JSON, `undefined` where it has no body. */
export type ApiResult = Promise<Result<unknown, CliFault>>

/** Asks a server. */
export type Ask = (request: ApiRequest) => ApiResult

interface Credentials {
  readonly endpoint: string
  readonly caFile: string | undefined
  readonly headersFor: (sent: { method: string; url: URL; body: string }) => Record<string, string>
}

/**
 * Asks as the owner of a resource, signing with its access key.
 *
 * @source Azure Communication Services, HMAC-SHA256 authentication.
 */
export function askAsOwner(
  world: Pick<CliWorld, 'send' | 'now'>,
  { endpoint, accessKey }: ConnectionString,
  caFile: string | undefined,
): Ask {
  const key = Buffer.from(accessKey, 'base64')
  const headersFor: Credentials['headersFor'] = ({ method, url, body }) => {
    const date = new Date(world.now()).toUTCString()
    const hash = createHash('sha256').update(body).digest('base64')
    const pathAndQuery = `${url.pathname}${url.search}`
    const text = stringToSign({ method, pathAndQuery, signedValues: [date, url.host, hash] })
    const signature = createHmac('sha256', key).update(text).digest('base64')
    const signedHeaders = ['x-ms-date', 'host', 'x-ms-content-sha256']
    return {
      'x-ms-date': date,
      'x-ms-content-sha256': hash,
      authorization: printSignedRequestHeader({ signedHeaders, signature }),
    }
  }
  return asker(world, { endpoint, caFile, headersFor })
}

/** Asks as the administrator. */
export function askAsAdmin(
  world: Pick<CliWorld, 'send'>,
  { endpoint, token }: AdminAccess,
  caFile: string | undefined,
): Ask {
  const headersFor = () => ({ authorization: `Bearer ${token}` })
  return asker(world, { endpoint, caFile, headersFor })
}

function asker(world: Pick<CliWorld, 'send'>, known: Credentials): Ask {
  return async ({ method, path, body, headers = {} }) => {
    const url = new URL(path, known.endpoint)
    // A link that leads elsewhere would be given the credential.
    if (url.origin !== new URL(known.endpoint).origin) {
      return fail({
        kind: 'unreachable',
        message: `the server points to another one: ${url.origin}`,
      })
    }
    const text = body === undefined ? '' : JSON.stringify(body)
    const sent = { method, url, body: text }
    const all = { ...headers, ...contentType(body), ...known.headersFor(sent) }
    try {
      return read(await world.send({ ...sent, headers: all, caFile: known.caFile }))
    } catch (error) {
      return fail(unreachable(url, error))
    }
  }
}

function contentType(body: object | undefined): Record<string, string> {
  return body === undefined ? {} : { 'content-type': 'application/json' }
}

function read({ status, headers, text }: Received): Result<unknown, CliFault> {
  const json = text === '' ? undefined : parse(text)
  if (status >= 200 && status < 300) return ok(json)
  const { error } = (json ?? {}) as { error?: { code?: string; message?: string } }
  const requestId = headers['x-ms-request-id']
  return fail({
    kind: status >= 500 || status === 429 ? 'unreachable' : 'refused',
    message: error?.message ?? `the server answered ${status}`,
    ...(error?.code === undefined ? {} : { code: error.code }),
    ...(typeof requestId === 'string' ? { requestId } : {}),
    ...hintFor(status, headers['retry-after']),
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function hintFor(status: number, retryAfter: unknown): { readonly hint?: string } {
  if (status === 401) {
    return {
      hint: 'Is the key of this resource, and not one that was regenerated? Is the clock right?',
    }
  }
  if (typeof retryAfter === 'string') return { hint: `Try again in ${retryAfter} s.` }
  return {}
}

function unreachable(url: URL, error: unknown): CliFault {
  const { code, message } = error as NodeJS.ErrnoException
  const where = `${url.protocol}//${url.host}`
  const said = code ?? message
  return { kind: 'unreachable', message: `${where} does not answer: ${said}`, ...reachHint(code) }
}

function reachHint(code: string | undefined): { readonly hint?: string } {
  if (code === 'ECONNREFUSED')
    return { hint: 'Is the server running? Start one with: parley start' }
  if (code !== undefined && /CERT|SELF_SIGNED|VERIFY|ISSUER/.test(code)) {
    return { hint: 'Set NODE_EXTRA_CA_CERTS to the CA of the server, or use its parley.env.' }
  }
  return {}
}

/** A page of a list. */
interface Page<Item> {
  readonly value: readonly Item[]
  readonly nextLink?: string
}

/** Walks a list to its end, or to `max` items; `onPage` hears how many there are so far. */
export async function listAll<Item>(
  ask: Ask,
  path: string,
  {
    max = Number.POSITIVE_INFINITY,
    onPage = () => {},
  }: {
    readonly max?: number
    readonly onPage?: (count: number) => void
  } = {},
): Promise<Result<{ readonly items: readonly Item[]; readonly isWhole: boolean }, CliFault>> {
  const items: Item[] = []
  let next: string | undefined = path
  while (next !== undefined && items.length < max) {
    const answer = await ask({ method: 'GET', path: next })
    if (!answer.ok) return answer
    const page = answer.value as Page<Item>
    items.push(...page.value)
    next = page.nextLink
    onPage(items.length)
  }
  return ok({ items: items.slice(0, max), isWhole: next === undefined && items.length <= max })
}
