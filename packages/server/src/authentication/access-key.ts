/**
 * Finds out which resource's access key signed a request.
 *
 * The `Authorization` header names neither key nor resource, so the candidates are tried. What is
 * signed is the method, path with query, date, host and body hash; the hash is computed here from
 * the bytes that arrived, never believed. Equal signatures within the window are legitimate: the
 * date has whole seconds and retries repeat it, so there is no replay cache.
 *
 * @source ACS HMAC-SHA256 authentication; RFC 9110 section 5.6.7 (date).
 */
import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import {
  fail,
  limits,
  ok,
  parseSignedRequestHeader,
  type Result,
  stringToSign,
} from '@parley/protocol'
import type { RefusalReason } from '../contract/faults.ts'
import type { ActiveAccessKey } from '../keys/model.ts'
import { signedHosts, signedPaths } from './signed-forms.ts'

/** A request as far as its signature covers it. */
export interface SignedRequest {
  readonly method: string
  /** Path and query exactly as they arrived. */
  readonly pathAndQuery: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** What a signature is judged by. */
export interface AccessKeyCheck {
  /** The keys that may have signed, the likeliest first; gone through once for each form. */
  readonly candidates: Iterable<ActiveAccessKey>
  /** Host names under which a proxy shows the server, lower case, with port if any. */
  readonly publicHosts: readonly string[]
  readonly nowMs: number
}

const bodyHashHeader = 'x-ms-content-sha256'
const dateHeaders = ['x-ms-date', 'date'] as const

/**
 * Decides which key signed a request.
 *
 * @faults the reason, for the log. A wrong host or resource is `signature-differs` as well.
 */
export function authenticateAccessKey(
  request: SignedRequest,
  check: AccessKeyCheck,
): Result<ActiveAccessKey, RefusalReason> {
  const { authorization } = request.headers
  if (authorization === undefined) return fail('authorization-missing')
  const signed = parseSignedRequestHeader(authorization)
  if (signed === undefined) return fail('authorization-malformed')
  const { signedHeaders, signature } = signed
  const dateHeader = dateHeaders.find((name) => signedHeaders.includes(name))
  const coversAll = signedHeaders.includes('host') && signedHeaders.includes(bodyHashHeader)
  if (dateHeader === undefined || !coversAll) return fail('headers-not-signed')
  const refusal = judgeDate(textOf(request.headers[dateHeader]), check.nowMs)
  if (refusal !== undefined) return fail(refusal)
  if (!isHashOf(request.headers[bodyHashHeader], request.body)) return fail('content-hash-differs')
  const signer = findSigner(textsThatMayBeSigned(request, signedHeaders, check), signature, check)
  return signer === undefined ? fail('signature-differs') : ok(signer)
}

const datePattern =
  /^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/

function judgeDate(text: string, nowMs: number): RefusalReason | undefined {
  const dateMs = datePattern.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(dateMs)) return 'date-malformed'
  return Math.abs(nowMs - dateMs) > limits.signedDateSkewMsMax ? 'date-out-of-window' : undefined
}

function isHashOf(claimed: string | readonly string[] | undefined, body: Buffer): boolean {
  return claimed === hash('sha256', body, 'base64')
}

/**
 * Every text that a correct client may have signed for this request, the likeliest first: hosts
 * with and without port, paths as they arrived and as some SDKs rewrite them.
 */
function* textsThatMayBeSigned(
  request: SignedRequest,
  signedHeaders: readonly string[],
  check: AccessKeyCheck,
): Generator<string> {
  const { method, headers } = request
  const textFor = (pathAndQuery: string, host: string) => {
    const signedValues = signedHeaders.map((name) =>
      name === 'host' ? host : textOf(headers[name]),
    )
    return stringToSign({ method, pathAndQuery, signedValues })
  }
  const arrived = headers.host ?? ''
  // Nearly every request matches as it arrived; the other forms are made when they are needed.
  yield textFor(request.pathAndQuery, arrived)
  const hosts = signedHosts(arrived, check.publicHosts)
  for (const pathAndQuery of signedPaths(request.pathAndQuery)) {
    for (const host of hosts) yield textFor(pathAndQuery, host)
  }
}

/**
 * Each comparison takes the same time however much of the signature is right, and whoever is
 * refused was compared with every candidate. Only a caller that holds a key is answered sooner.
 */
function findSigner(
  texts: Iterable<string>,
  signature: string,
  check: AccessKeyCheck,
): ActiveAccessKey | undefined {
  const expected = Buffer.from(signature, 'base64')
  for (const text of texts) {
    for (const key of check.candidates) {
      if (isSignature(text, key.hmacKey, expected) && isInForce(key, check.nowMs)) return key
    }
  }
  return undefined
}

/** A key that was replaced goes on until its overlap is over, to the millisecond. */
function isInForce(key: ActiveAccessKey, nowMs: number): boolean {
  return key.validUntilMs === undefined || nowMs < key.validUntilMs
}

function isSignature(text: string, key: KeyObject, expected: Buffer): boolean {
  return timingSafeEqual(createHmac('sha256', key).update(text).digest(), expected)
}

function textOf(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' ? header : (header?.[0] ?? '')
}
