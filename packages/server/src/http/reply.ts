import type { ServerResponse } from 'node:http'
import { serverLimits } from '../contract/limits.ts'
import { PrintedJson, type ReplyContract } from '../contract/operation.ts'
import { PrintedBytes, PrintedCsv, PrintedText } from '../contract/printed-text.ts'
import type { Exchange } from './exchange.ts'

/** A reply as it goes out. */
export interface Reply {
  readonly status: number
  /** Printed as JSON; `undefined` for an empty body. */
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly requestId: string
  readonly contract: ReplyContract | undefined
  readonly closesConnection: boolean
  readonly refusalReason: string | undefined
}

/** A reply that is ready to be written. */
export interface PrintedReply {
  readonly status: number
  /** Names and values in turn. */
  readonly headers: string[]
  readonly text: string | Buffer | undefined
  /** The body where it is in pieces, instead of `text`. */
  readonly pieces?: readonly Buffer[]
  /** Whether each character is one byte, which spares the encoder a look at them. */
  readonly isAscii: boolean
}

/**
 * Prints a reply.
 *
 * Every reply has our request id and echoes the client's; all but refusals of the caller list the
 * versions of the route, as the service does.
 *
 * @source ACS response headers; RFC 9111 section 5.2.2.5 (`no-store`).
 */
export function printExchangeReply(exchange: Exchange, reply: Reply): PrintedReply {
  const { request, route } = exchange
  const { status, contract, body } = reply
  const headers = ['x-ms-request-id', reply.requestId]
  const clientRequestId = echoed(request.headers['x-ms-client-request-id'])
  if (clientRequestId !== undefined) headers.push('x-ms-client-request-id', clientRequestId)
  if (route.supportedVersions !== '' && status !== 401) {
    headers.push('api-supported-versions', route.supportedVersions)
  }
  if (contract?.isSecret === true) headers.push('cache-control', 'no-store')
  if (status < 300) addAll(headers, contract?.headers)
  addAll(headers, reply.headers)
  if (reply.refusalReason !== undefined) headers.push('x-parley-reason', reply.refusalReason)
  if (reply.closesConnection) headers.push('connection', 'close')
  if (body === undefined) return { status, headers, text: undefined, isAscii: true }
  if (body instanceof PrintedBytes) {
    const bytes = body.pieces.reduce((sum, { length }) => sum + length, 0)
    headers.push('content-type', 'application/octet-stream', 'content-length', String(bytes))
    return { status, headers, text: undefined, pieces: body.pieces, isAscii: true }
  }
  const isText = body instanceof PrintedText || body instanceof PrintedCsv
  const text = isText || body instanceof PrintedJson ? body.text : JSON.stringify(body)
  const length = typeof text === 'string' ? Buffer.byteLength(text) : text.length
  headers.push('content-type', mediaTypeOf(body), 'content-length', String(length))
  return { status, headers, text, isAscii: length === text.length }
}

/** @source RFC 7111 and RFC 4180 section 3, for CSV. */
function mediaTypeOf(body: unknown): string {
  if (body instanceof PrintedText) return 'text/plain; charset=utf-8'
  if (body instanceof PrintedCsv) return 'text/csv; charset=utf-8; header=present'
  return 'application/json; charset=utf-8'
}

/** Writes a printed reply; the response is over then. */
export function writeReply(response: ServerResponse, reply: PrintedReply): void {
  const encoding = reply.isAscii ? 'latin1' : 'utf8'
  response.writeHead(reply.status, reply.headers)
  for (const piece of reply.pieces ?? []) response.write(piece)
  response.end(reply.text, encoding)
}

function addAll(headers: string[], more: Readonly<Record<string, string>> | undefined): void {
  if (more === undefined) return
  for (const name in more) headers.push(name, more[name] ?? '')
}

const echoablePattern = /^[\x21-\x7e]+$/

/** Echoes only what is short and printable: the value comes from outside. */
function echoed(value: string | readonly string[] | undefined): string | undefined {
  if (typeof value !== 'string') return undefined
  const isShort = value.length <= serverLimits.clientRequestIdCharactersMax
  return isShort && echoablePattern.test(value) ? value : undefined
}
