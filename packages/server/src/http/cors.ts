/**
 * Calls from pages of other origins (CORS).
 *
 * What is open to access tokens is open to pages of every origin: a page proves nothing by its
 * origin, and a token must be sent on purpose, where a cookie would go along by itself. So no
 * credentials of the browser are taken, and `*` is said.
 *
 * @source Fetch, "HTTP CORS protocol".
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'

/** Says that pages may read the reply, whatever its status, and all of its headers. */
export function openToPages(response: ServerResponse): void {
  response.setHeader('access-control-allow-origin', '*')
  response.setHeader('access-control-expose-headers', '*')
}

/** Whether a browser asks if a page may call. */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
}

/** For how long a browser need not ask again, in seconds; none remembers for longer. */
const rememberedSeconds = 7200

const headerNamesPattern = /^[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1024}$/

/** Answers such a question; `*` stands for every header but `Authorization`. */
export function answerPreflight(reply: FastifyReply, methods: readonly string[]): void {
  const asked = reply.request.headers['access-control-request-headers'] ?? ''
  const names = headerNamesPattern.test(asked) ? asked : '*, authorization'
  reply.hijack()
  openToPages(reply.raw)
  reply.raw
    .writeHead(204, {
      'access-control-allow-methods': methods.join(', '),
      'access-control-allow-headers': names,
      'access-control-max-age': String(rememberedSeconds),
      vary: 'access-control-request-headers',
    })
    .end()
}
