import type { RequestListener } from 'node:http'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { BrowserAudience } from '../contract/browser-audience.ts'
import { type Fault, replyToFault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import { createCanonicalPath } from './canonical-path.ts'
import type { Cors } from './cors.ts'
import type { Exchange } from './exchange.ts'
import { type Listener, serveOn } from './listener.ts'
import type { Pipeline } from './pipeline.ts'
import { printExchangeReply, writeReply } from './reply.ts'
import type { Route } from './routes.ts'

/** What is served on a listener. */
export interface AppOptions {
  readonly listener: Listener
  readonly routes: readonly Route[]
  readonly pipeline: Pipeline
  readonly cors: Cors
  /** Makes the id of a request that never reaches the pipeline. */
  readonly newRequestId: () => string
}

/**
 * Serves the routes on a listener.
 *
 * Fastify reads bodies within their limits and finds the route; what it found goes to the
 * pipeline, which answers. Bodies stay bytes, because a signature covers bytes.
 */
export async function serveApp(options: AppOptions): Promise<void> {
  const { server } = options.listener
  const canonicalPath = createCanonicalPath(options.routes)
  let handler: RequestListener | undefined
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    bodyLimit: serverLimits.bodyBytesMax,
    rewriteUrl: (request) => canonicalPath(request.url ?? ''),
    // The pipeline answers during a stop, with the envelope and a time to come again.
    return503OnClosing: false,
    routerOptions: { maxParamLength: serverLimits.pathSegmentCharactersMax },
    serverFactory: (listener) => {
      handler = listener
      return server
    },
    frameworkErrors: (_error, request, reply) => {
      refuse(options, { request: request as FastifyRequest, reply }, pathUnknown)
    },
    clientErrorHandler: (_error, socket) => {
      if (socket.writable) socket.end(malformedAnswer())
    },
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  mountRoutes(app, options)
  app.setNotFoundHandler((request, reply) => refuse(options, { request, reply }, pathUnknown))
  app.setErrorHandler((error, request, reply) => {
    refuse(options, { request, reply }, faultOfParser(error, request))
  })
  await app.ready()
  if (handler === undefined) throw new Error('fastify hands its request listener to the factory')
  serveOn(options.listener, handler)
}

const pathUnknown: Fault = { kind: 'path-unknown' }
const allMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** Where a path has an operation, its other methods answer 405 rather than 404. */
function mountRoutes(app: FastifyInstance, options: AppOptions): void {
  const methodsOf = new Map<string, Route['method'][]>()
  for (const route of options.routes) {
    const { method, url, bodyBytesMax: bodyLimit, browsers } = route
    methodsOf.set(url, [...(methodsOf.get(url) ?? []), method])
    app.route({
      method,
      url,
      bodyLimit,
      config: { browsers },
      handler: (request, reply) => {
        reply.hijack()
        const exchange = exchangeOf(options, { request, reply }, route)
        if (browsers !== undefined) options.cors.begin(exchange, browsers)
        options.pipeline.push(exchange)
      },
    })
  }
  for (const [url, allowed] of methodsOf) {
    const method = allMethods.filter((one) => !(allowed as readonly string[]).includes(one))
    const fault: Fault = { kind: 'method-unknown', allowed }
    const audiences = audiencesAt(options.routes, url)
    app.route({
      method,
      url,
      handler: (request, reply) => {
        const isAnswered = answerPreflight(options, { request, reply }, audiences)
        if (!isAnswered) refuse(options, { request, reply }, fault)
      },
    })
  }
}

function audiencesAt(routes: readonly Route[], url: string): ReadonlyMap<string, BrowserAudience> {
  return new Map(
    routes.flatMap(({ url: one, method, browsers }) =>
      one === url && browsers !== undefined ? [[method, browsers] as const] : [],
    ),
  )
}

function answerPreflight(
  options: AppOptions,
  { request, reply }: Arrived,
  audiences: ReadonlyMap<string, BrowserAudience>,
): boolean {
  if (request.method !== 'OPTIONS') return false
  const headers = options.cors.preflight(request.raw, audiences)
  if (headers === undefined) return false
  reply.hijack()
  reply.raw.writeHead(204, { ...headers, 'x-ms-request-id': options.newRequestId() }).end()
  return true
}

interface Arrived {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

function exchangeOf(options: AppOptions, arrived: Arrived, route: Route): Exchange {
  const { request, reply } = arrived
  return {
    request: request.raw,
    response: reply.raw,
    route,
    params: request.params as Readonly<Record<string, string>>,
    query: request.query as Readonly<Record<string, unknown>>,
    body: Buffer.isBuffer(request.body) ? request.body : noBytes,
    scheme: options.listener.scheme,
  }
}

const noBytes = Buffer.alloc(0)

/** Stands in for the route of a request that has none. */
const nowhere: Route = {
  method: 'GET',
  service: 'identity',
  url: '',
  unversioned: undefined,
  byVersion: new Map(),
  supportedVersions: '',
  bodyBytesMax: 0,
  browsers: undefined,
}

/** Answers a request that reached no operation. */
function refuse(options: AppOptions, arrived: Arrived, fault: Fault): void {
  arrived.reply.hijack()
  const exchange = exchangeOf(options, arrived, nowhere)
  const { browsers } = (arrived.request.routeOptions?.config ?? {}) as Partial<Route>
  if (browsers !== undefined) options.cors.begin(exchange, browsers)
  const reply = printExchangeReply(exchange, {
    ...replyToFault(fault),
    requestId: options.newRequestId(),
    contract: undefined,
    closesConnection: fault.kind === 'body-too-large',
    refusalReason: undefined,
  })
  writeReply(exchange.response, reply)
}

/** What the parser found wrong: a body over its limit, or HTTP that is none. */
function faultOfParser(error: unknown, request: FastifyRequest): Fault {
  const { statusCode } = error as { readonly statusCode?: number }
  const bytesMax = request.routeOptions.bodyLimit
  if (statusCode === 413) return { kind: 'body-too-large', bytesMax }
  if (statusCode === 415) return { kind: 'media-type-unknown', accepted: ['application/json'] }
  if (statusCode !== undefined && statusCode < 500) return { kind: 'request-malformed' }
  return { kind: 'server-broken' }
}

/** Written by hand: where the parser gave up there is no response object. */
function malformedAnswer(): string {
  const { status, body } = replyToFault({ kind: 'request-malformed' })
  const text = JSON.stringify(body)
  const head = [
    `HTTP/1.1 ${status} Bad Request`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${text}`
}
