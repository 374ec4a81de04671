import type { Scope } from '@parley/protocol'
import type { TokenSource } from '../cache/source.ts'
import type { Mapping } from '../mapping/mapping.ts'
import { systemNow } from '../platform.ts'
import { type Answer, printAnswer, type RefusalReason, refuse } from './answers.ts'
import {
  type Caller,
  countedAddress,
  judgeOrigin,
  leastPolicy,
  type OriginVerdict,
  type TokenPolicy,
} from './model.ts'
import { createRateLimit, type RateLimit } from './rate.ts'
import { routes } from './routes.ts'

/** What is known of a request besides its text. */
export interface Connection {
  /** The address of who asks; behind a proxy that of the client, not of the proxy. */
  readonly address?: string | undefined
}

/** Answers requests of browsers. */
export type TokenEndpoint = (request: Request, connection?: Connection) => Promise<Response>

/** What has happened at the endpoint. It has no token and no address of a user's. */
export interface EndpointRecord {
  readonly atMs: number
  readonly method: string
  readonly route: 'token' | 'user' | 'none'
  readonly status: number
  /** Absent when the request was answered as asked. */
  readonly reason?: RefusalReason | undefined
  readonly caller?: Caller | undefined
  readonly identity?: string | undefined
  readonly scopes?: readonly Scope[] | undefined
  readonly lifetimeMinutes?: number | undefined
  readonly address?: string | undefined
}

/** What an endpoint needs to know. */
export interface TokenEndpointOptions {
  readonly mapping: Mapping
  /** The cache, or `uncachedTokens(service)`. */
  readonly tokens: TokenSource
  /** The app's own session: who asks? `undefined` is answered 401. */
  readonly authenticate: (request: Request) => Promise<Caller | undefined>
  /** What a caller is given; `undefined` is nothing, answered 403. Default `leastPolicy`. */
  readonly policy?: (
    caller: Caller,
    request: Request,
  ) => TokenPolicy | undefined | Promise<TokenPolicy | undefined>
  /** Under which path the routes are. Default `/api`. */
  readonly basePath?: string
  /** The origin that the app's pages have, where a proxy hides it. Default: as in the request. */
  readonly publicOrigin?: string
  /** Origins of other pages that may ask, with cookies, exactly as `https://app.example`. */
  readonly allowedOrigins?: readonly string[]
  /** Requests a minute, of one user and of one address. Default 30 and 120. */
  readonly requestsPerMinute?: { readonly user?: number; readonly address?: number }
  /** Whether a user without an identity gets one when he asks for a token. Default true. */
  readonly createsIdentities?: boolean
  /** Told of every answer before it is given. If it fails nothing is given. */
  readonly audit?: (record: EndpointRecord) => void | Promise<void>
  /** Told of what ended in 500 or 503. */
  readonly onFault?: (error: unknown) => void
  /** The wall clock, milliseconds since the Unix epoch. Default: that of the platform. */
  readonly now?: () => number
}

/** Options with every default in its place. */
export interface Endpoint {
  readonly mapping: Mapping
  readonly tokens: TokenSource
  readonly authenticate: TokenEndpointOptions['authenticate']
  readonly policy: NonNullable<TokenEndpointOptions['policy']>
  readonly basePath: string
  readonly publicOrigin: string | undefined
  readonly named: readonly string[]
  readonly userRate: RateLimit
  readonly addressRate: RateLimit
  readonly createsIdentities: boolean
  readonly audit: (record: EndpointRecord) => void | Promise<void>
  readonly onFault: (error: unknown) => void
  readonly now: () => number
}

/** What a route has found out on its way, for the audit. */
export interface Findings {
  caller?: Caller
  identity?: string
  scopes?: readonly Scope[]
  lifetimeMinutes?: number
}

/**
 * Makes the endpoint: `GET`, `POST` and `DELETE` of `/api/user`, `GET` of `/api/token`.
 *
 * @throws TypeError for options that no correct program passes.
 * @source Azure-Samples/communication-services-authentication-hero-nodejs: routes, statuses and
 * bodies.
 */
export function createTokenEndpoint(options: TokenEndpointOptions): TokenEndpoint {
  const endpoint = endpointOf(options)
  return async (request, connection = {}) => {
    const findings: Findings = {}
    const origin = originOf(endpoint, request)
    let answer: Answer
    try {
      answer = await answerTo(endpoint, { request, connection, origin, findings })
    } catch (error) {
      endpoint.onFault(error)
      answer = refuse('internal')
    }
    answer = await audited(endpoint, { request, connection, answer, findings })
    return printAnswer(answer, corsFor(origin))
  }
}

function endpointOf(options: TokenEndpointOptions): Endpoint {
  const { publicOrigin, allowedOrigins = [], basePath = '/api', now = systemNow } = options
  const origins = [...allowedOrigins, ...(publicOrigin === undefined ? [] : [publicOrigin])]
  for (const origin of origins) {
    // '*' and 'null' are what everybody has.
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new TypeError('allowedOrigins, publicOrigin: expected such as https://app.example')
    }
  }
  if (!/^(?:\/[\w.-]+)*$/.test(basePath)) throw new TypeError('basePath: expected such as /api')
  const { user = 30, address = 120 } = options.requestsPerMinute ?? {}
  return {
    mapping: options.mapping,
    tokens: options.tokens,
    authenticate: options.authenticate,
    policy: options.policy ?? (() => leastPolicy),
    basePath,
    publicOrigin,
    named: allowedOrigins,
    userRate: createRateLimit({ perMinute: user, now }),
    addressRate: createRateLimit({ perMinute: address, now }),
    createsIdentities: options.createsIdentities ?? true,
    audit: options.audit ?? (() => undefined),
    onFault: options.onFault ?? (() => undefined),
    now,
  }
}

interface Exchange {
  readonly request: Request
  readonly connection: Connection
  readonly origin: OriginVerdict
  readonly findings: Findings
}

async function answerTo(endpoint: Endpoint, exchange: Exchange): Promise<Answer> {
  const { request, connection, origin, findings } = exchange
  const route = routes[routeOf(endpoint, request)]
  if (route === undefined) return refuse('not-found')
  if (origin.kind === 'foreign') return refuse('foreign-origin')
  if (request.method === 'OPTIONS') return preflight(Object.keys(route))
  const handle = route[request.method]
  if (handle === undefined) {
    return refuse('method-not-allowed', { allow: Object.keys(route).join(', ') })
  }
  const { address } = connection
  const addressWait = address === undefined ? 0 : endpoint.addressRate.take(countedAddress(address))
  if (addressWait > 0) return waitFor(addressWait)
  const caller = await endpoint.authenticate(request)
  if (caller === undefined) return refuse('not-authenticated')
  findings.caller = caller
  const name = caller.kind === 'user' ? `u/${caller.user}` : `v/${caller.identity}`
  const userWait = endpoint.userRate.take(name)
  if (userWait > 0) return waitFor(userWait)
  return handle(endpoint, { caller, request, findings })
}

function routeOf({ basePath }: Endpoint, request: Request): EndpointRecord['route'] {
  const { pathname } = new URL(request.url)
  if (pathname === `${basePath}/token`) return 'token'
  return pathname === `${basePath}/user` ? 'user' : 'none'
}

function waitFor(seconds: number): Answer {
  return refuse('too-many-requests', { 'retry-after': String(seconds) })
}

function originOf(endpoint: Endpoint, request: Request): OriginVerdict {
  const { headers, url, method } = request
  const facts = {
    origin: headers.get('origin') ?? undefined,
    fetchSite: headers.get('sec-fetch-site') ?? undefined,
    // A preflight only asks whether it may; it carries nothing of its own.
    hasBearer: method !== 'OPTIONS' && /^bearer \S/i.test(headers.get('authorization') ?? ''),
    hasOwnHeader: method !== 'OPTIONS' && headers.has('x-parley-request'),
  }
  const own = endpoint.publicOrigin ?? new URL(url).origin
  return judgeOrigin(facts, { own, named: endpoint.named })
}

function corsFor(origin: OriginVerdict): Readonly<Record<string, string>> {
  if (origin.kind !== 'named') return {}
  return {
    'access-control-allow-origin': origin.origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'retry-after',
  }
}

function preflight(methods: readonly string[]): Answer {
  return {
    status: 204,
    headers: {
      'access-control-allow-methods': methods.join(', '),
      'access-control-allow-headers': 'authorization, content-type, x-parley-request',
      'access-control-max-age': '600',
    },
  }
}

/** Tells the audit. A token that nobody could account for is not given. */
async function audited(
  endpoint: Endpoint,
  done: Omit<Exchange, 'origin'> & { readonly answer: Answer },
): Promise<Answer> {
  const { request, connection, answer, findings } = done
  try {
    await endpoint.audit({
      atMs: endpoint.now(),
      method: request.method,
      route: routeOf(endpoint, request),
      status: answer.status,
      reason: answer.reason,
      address: connection.address,
      ...findings,
    })
    return answer
  } catch (error) {
    endpoint.onFault(error)
    return refuse('internal')
  }
}
