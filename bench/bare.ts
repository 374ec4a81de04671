import {
  createHash,
  createHmac,
  generateKeyPairSync,
  randomUUID,
  sign,
  timingSafeEqual,
} from 'node:crypto'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import {
  type AccessTokenClaims,
  limits,
  parseSignedRequestHeader,
  stringToSign,
} from '@parley/protocol'
import { createCertificate } from './certificate.ts'

/**
 * The yardstick: a `node:http` handler that does the least that an answer can cost.
 *
 * It checks the same request signature (SHA-256 of the body, HMAC over the text to sign, window of
 * the date, comparison in constant time) and, to issue, signs the same claims with ES256: for each
 * request as it comes, with no queue, no router, no validation, no log and no database.
 */

/** How the parent starts it. */
export interface BareOptions {
  /** Whether it only checks the request's signature or also signs a token. */
  readonly work: 'check' | 'check-and-sign'
  readonly protocol: 'http:' | 'https:'
  /** Base64. */
  readonly accessKey: string
}

const options = JSON.parse(process.argv[2] ?? '') as BareOptions
const accessKey = Buffer.from(options.accessKey, 'base64')
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const kid = randomUUID()
const header = base64Url({ alg: 'ES256', kid, typ: 'JWT' })
const publicKeys = { keys: [{ ...publicKey.export({ format: 'jwk' }), alg: 'ES256', kid }] }

const listener: RequestListener = (request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => answer(request, Buffer.concat(parts), response))
}

function answer(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
  const { url = '' } = request
  if (url === '/.well-known/jwks.json') {
    reply(response, 200, publicKeys)
  } else if (!isSigned(request, body)) {
    reply(response, 401, { error: { code: 'Denied' } })
  } else if (options.work === 'check') {
    reply(response, 200, { active: true })
  } else {
    reply(response, 200, issue(url, body))
  }
}

function reply(response: ServerResponse, status: number, value: object): void {
  const text = JSON.stringify(value)
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

function isSigned({ method = '', url = '', headers }: IncomingMessage, body: Buffer): boolean {
  const parsed = parseSignedRequestHeader(headers.authorization ?? '')
  if (parsed === undefined) return false
  const skewMs = Math.abs(Date.now() - Date.parse(String(headers['x-ms-date'])))
  if (!(skewMs <= limits.signedDateSkewMsMax)) return false
  const contentHash = createHash('sha256').update(body).digest('base64')
  if (headers['x-ms-content-sha256'] !== contentHash) return false
  const signedValues = parsed.signedHeaders.map((name) => String(headers[name]))
  const text = stringToSign({ method, pathAndQuery: url, signedValues })
  const expected = createHmac('sha256', accessKey).update(text).digest()
  return timingSafeEqual(expected, Buffer.from(parsed.signature, 'base64'))
}

function issue(url: string, body: Buffer): { token: string; expiresOn: string } {
  const identity = decodeURIComponent(url.slice('/identities/'.length, url.indexOf('/:issue')))
  const { scopes } = JSON.parse(body.toString()) as { scopes: string[] }
  const resourceId = identity.slice('8:acs:'.length, identity.indexOf('_'))
  const issuedAtSeconds = Math.floor(Date.now() / 1000)
  const expiresAtSeconds = issuedAtSeconds + limits.lifetimeMinutesMax * 60
  const claims: AccessTokenClaims = {
    skypeid: identity.slice(2),
    scp: 1792,
    csi: String(issuedAtSeconds),
    exp: expiresAtSeconds,
    rgn: 'amer',
    acsScope: scopes.join(','),
    resourceId,
    resourceLocation: 'unitedstates',
    iat: issuedAtSeconds,
    iss: 'https://127.0.0.1:4430',
    aud: resourceId,
    sub: identity,
    jti: randomUUID(),
    gen: 1,
    akg: 'primary.1',
  }
  const input = `${header}.${base64Url(claims)}`
  const signature = joseSignature(sign('sha256', Buffer.from(input), privateKey))
  const token = `${input}.${signature.toString('base64url')}`
  return { token, expiresOn: new Date(expiresAtSeconds * 1000).toISOString() }
}

function base64Url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/**
 * The two numbers of a signature in the 64 bytes that a JWT wants.
 *
 * Node could hand them out so (`dsaEncoding`), but on Node 24 that form costs 45 us more than the
 * signature; a yardstick must not be slow by accident.
 */
function joseSignature(der: Buffer): Buffer {
  const joined = Buffer.alloc(64)
  const rLength = der[3] ?? 0
  const r = der.subarray(4, 4 + rLength).subarray(-32)
  const s = der.subarray(6 + rLength).subarray(-32)
  r.copy(joined, 32 - r.length)
  s.copy(joined, 64 - s.length)
  return joined
}

const server =
  options.protocol === 'http:'
    ? createServer(listener)
    : createTlsServer(createCertificate(), listener)
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.once('disconnect', () => process.exit())
