import { createPrivateKey, type KeyObject, sign as signBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { AccessTokenClaims } from '@parley/protocol'

/** The resource of the tokens in the vectors. */
export const resourceId = '0199a6b2-7c00-7000-8000-00000000000a'

/** The identity of the tokens in the vectors. */
export const identityId = '0199a6b2-7c00-7000-8000-00000000000b'

/** The `jti` of the tokens in the vectors. */
export const tokenId = '0199a6b2-7c00-7000-8000-00000000000c'

/** Who issues the tokens in the vectors. */
export const issuer = 'https://parley.example'

/** When the tokens in the vectors are issued, NumericDate: 2027-01-04T08:00:00Z. */
export const issuedAtSeconds = 1_799_049_600

/** A test key with its public half as a server publishes it. */
export interface TestKey {
  readonly kid: string
  readonly alg: 'ES256' | 'RS256'
  readonly privateKey: KeyObject
  readonly published: Readonly<Record<string, string>>
}

type KeyName = 'ec' | 'strangerEc' | 'unpublishedEc' | 'rsa'

/** The keys of `keys.json`. `strangerEc` claims the `kid` of `ec` and is not published either. */
export const testKeys: Readonly<Record<KeyName, TestKey>> = readKeys()

function readKeys(): Readonly<Record<KeyName, TestKey>> {
  const file = new URL('../../vectors/keys.json', import.meta.url)
  const { description: _, ...jwks } = JSON.parse(readFileSync(file, 'utf8'))
  const keys = Object.entries(jwks as Record<KeyName, Record<string, string>>).map(
    ([name, jwk]) => {
      const { kid, alg, use, kty, crv, x, y, n, e } = jwk
      const shown = kty === 'EC' ? { kty, kid, use, alg, crv, x, y } : { kty, kid, use, alg, n, e }
      const privateKey = createPrivateKey({ key: jwk, format: 'jwk' })
      return [name, { kid, alg, privateKey, published: shown }]
    },
  )
  return Object.fromEntries(keys) as Record<KeyName, TestKey>
}

/** Good claims, with changes: `undefined` takes a claim out. */
export function claimsWith(changes: Readonly<Record<string, unknown>> = {}): object {
  const claims: AccessTokenClaims = {
    skypeid: `acs:${resourceId}_${identityId}`,
    scp: 1792,
    csi: `${issuedAtSeconds}`,
    exp: issuedAtSeconds + 86_400,
    rgn: 'amer',
    acsScope: 'chat,voip',
    resourceId,
    resourceLocation: 'unitedstates',
    iat: issuedAtSeconds,
    iss: issuer,
    aud: resourceId,
    sub: `8:acs:${resourceId}_${identityId}`,
    jti: tokenId,
    gen: 3,
    akg: 'primary.2',
  }
  return { ...claims, ...changes }
}

/** What a token is pressed from; whatever is left out is good. */
export interface Blank {
  /** The header, or its text or bytes where it is no JSON object. */
  readonly header?: object | string | Uint8Array
  /** The claims, or their text or bytes where they are no JSON object. */
  readonly claims?: object | string | Uint8Array
  readonly key?: TestKey
  /** Makes another signature than the right one. */
  readonly sign?: (input: Buffer, key: TestKey) => Uint8Array
}

/** Makes a compact token; every part of it can be wrong, and the signature still fits it. */
export function press(blank: Blank = {}): string {
  const { key = testKeys.ec, claims = claimsWith(), sign = signWith } = blank
  const header = blank.header ?? headerOf(key)
  const input = `${segment(header)}.${segment(claims)}`
  return `${input}.${segment(sign(Buffer.from(input, 'latin1'), key))}`
}

/** The header that a server writes for a key, with changes. */
export function headerOf(key: TestKey, changes: Readonly<Record<string, unknown>> = {}): object {
  return { alg: key.alg, typ: 'JWT', kid: key.kid, ...changes }
}

/** The right signature: r and s side by side for ES256, PKCS #1 v1.5 for RS256. */
export function signWith(input: Buffer, { privateKey }: TestKey): Buffer {
  return signBytes('sha256', input, { key: privateKey, dsaEncoding: 'ieee-p1363' })
}

/** One segment of a compact token. */
export function segment(content: object | string | Uint8Array): string {
  if (content instanceof Uint8Array) return Buffer.from(content).toString('base64url')
  const text = typeof content === 'string' ? content : JSON.stringify(content)
  return Buffer.from(text).toString('base64url')
}
