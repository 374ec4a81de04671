import { createHash, createHmac } from 'node:crypto'
import { printSignedRequestHeader, stringToSign } from '@parley/protocol'
import { type Endpoint, printAuthority } from './connection.ts'

/** What a request says, before it is signed. */
export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Path and query as they go over the wire. */
  readonly path: string
  readonly contentType?: string
  readonly body?: string
}

/** The text that a request is made of when no access key signs it. */
export function plainRequest(endpoint: Endpoint, request: Request, headers: string[] = []): Buffer {
  const body = request.body ?? ''
  const lines = [
    `${request.method} ${request.path} HTTP/1.1`,
    `host: ${printAuthority(endpoint)}`,
    ...headers,
    ...(body === '' ? [] : [`content-type: ${request.contentType ?? 'application/json'}`]),
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`)
}

/**
 * The bytes of a request signed by an access key, good for five minutes from now.
 *
 * Signing is done ahead of a round: done within it, the generator would be dearer than the server.
 *
 * @source Azure Communication Services, HMAC-SHA256 authentication.
 */
export function signedRequest(endpoint: Endpoint, accessKey: Buffer, request: Request): Buffer {
  const date = new Date().toUTCString()
  const contentHash = createHash('sha256')
    .update(request.body ?? '')
    .digest('base64')
  const text = stringToSign({
    method: request.method,
    pathAndQuery: request.path,
    signedValues: [date, printAuthority(endpoint), contentHash],
  })
  const signature = createHmac('sha256', accessKey).update(text).digest('base64')
  const signedHeaders = ['x-ms-date', 'host', 'x-ms-content-sha256']
  return plainRequest(endpoint, request, [
    `x-ms-date: ${date}`,
    `x-ms-content-sha256: ${contentHash}`,
    `authorization: ${printSignedRequestHeader({ signedHeaders, signature })}`,
  ])
}
