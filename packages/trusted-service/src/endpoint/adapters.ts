/**
 * The endpoint as the frameworks take it. None of them is imported: what is needed of each is a
 * few fields, and those are what the types below name.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TokenEndpoint } from './endpoint.ts'

/** A request of `node:http`, or of Express, which knows the full path and the client's address. */
export type NodeRequest = IncomingMessage & {
  readonly originalUrl?: string
  readonly ip?: string | undefined
}

/** A handler for `node:http`, and middleware for Express and whatever else takes its like. */
export type NodeHandler = (
  request: NodeRequest,
  response: ServerResponse,
  next?: (error: unknown) => void,
) => Promise<void>

/**
 * For `node:http`: `createServer(nodeHandler(endpoint))`; for Express: `app.use(...)` without a
 * path, or with one, as the full path counts. Bodies are not read: no route has one.
 */
export function nodeHandler(endpoint: TokenEndpoint): NodeHandler {
  return async (request, response, next) => {
    try {
      const address = request.ip ?? request.socket.remoteAddress
      const answer = await endpoint(toRequest(request), { address })
      response.writeHead(answer.status, Object.fromEntries(answer.headers))
      response.end(await answer.text())
    } catch (error) {
      // Only what is no request at all gets here: a host or a path that cannot be part of a URL.
      if (next !== undefined) return next(error)
      response.writeHead(400).end()
    }
  }
}

function toRequest(request: NodeRequest): Request {
  const isEncrypted = 'encrypted' in request.socket && request.socket.encrypted === true
  const base = `${isEncrypted ? 'https' : 'http'}://${request.headers.host ?? 'localhost'}`
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || name.startsWith(':')) continue
    for (const one of [value].flat()) headers.append(name, one)
  }
  const path = request.originalUrl ?? request.url ?? '/'
  return new Request(`${base}${path}`, { method: request.method ?? 'GET', headers })
}

/** A request of Fastify. */
export interface FastifyRequestLike {
  readonly raw: IncomingMessage
  readonly ip: string
}

/** A reply of Fastify. */
export interface FastifyReplyLike {
  code(status: number): unknown
  headers(values: Record<string, string>): unknown
  send(payload: string): unknown
}

/** For Fastify: the handler of a route with all methods, its URL ending in an asterisk. */
export function fastifyHandler(
  endpoint: TokenEndpoint,
): (request: FastifyRequestLike, reply: FastifyReplyLike) => Promise<unknown> {
  return async ({ raw, ip }, reply) => {
    const answer = await endpoint(toRequest(raw), { address: ip })
    reply.code(answer.status)
    reply.headers(Object.fromEntries(answer.headers))
    return reply.send(await answer.text())
  }
}

/** A context of Hono. */
export interface HonoContextLike {
  readonly req: { readonly raw: Request }
}

/**
 * For Hono: the handler of all methods, the path ending in an asterisk.
 *
 * @param addressOf - the client's address, of which each of Hono's platforms knows in its own way
 * (`getConnInfo`). Without it addresses are not limited.
 */
export function honoHandler<Context extends HonoContextLike>(
  endpoint: TokenEndpoint,
  addressOf: (context: Context) => string | undefined = () => undefined,
): (context: Context) => Promise<Response> {
  return (context) => endpoint(context.req.raw, { address: addressOf(context) })
}

/** The handlers of a route of Next's app router. */
export interface NextHandlers {
  readonly GET: (request: Request) => Promise<Response>
  readonly POST: (request: Request) => Promise<Response>
  readonly DELETE: (request: Request) => Promise<Response>
  readonly OPTIONS: (request: Request) => Promise<Response>
}

/**
 * For Next: `export const { GET, POST, DELETE, OPTIONS } = nextHandlers(endpoint, addressOf)` in
 * `app/api/[...route]/route.js`.
 *
 * @param addressOf - the client's address, which Next's platform puts into a header that it
 * guards. Without it addresses are not limited.
 */
export function nextHandlers(
  endpoint: TokenEndpoint,
  addressOf: (request: Request) => string | undefined = () => undefined,
): NextHandlers {
  const handle = (request: Request) => endpoint(request, { address: addressOf(request) })
  return { GET: handle, POST: handle, DELETE: handle, OPTIONS: handle }
}
