/**
 * Keys of issuers, and JWTs signed with them by hand: also those that no provider would sign.
 */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { CompactSign } from 'jose'

/** Header or claims of a JWT. */
export type JwtPart = Readonly<Record<string, unknown>>

/** A private key with what a JWT says of it. */
export interface SigningKey {
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** How tokens are signed. */
export type SigningAlgorithm = 'RS256' | 'PS256' | 'ES256' | 'ES384' | 'ES512' | 'EdDSA'

/** Makes a key that no issuer has published. */
export function newSigningKey(alg: SigningAlgorithm): SigningKey {
  return { kid: randomBytes(8).toString('hex'), alg, ...keyPairFor(alg) }
}

const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const

function keyPairFor(alg: SigningAlgorithm) {
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519')
  if (alg === 'RS256' || alg === 'PS256') return generateKeyPairSync('rsa', { modulusLength: 2048 })
  return generateKeyPairSync('ec', { namedCurve: curves[alg] })
}

/** The private key as a provider is configured with it. */
export function privateJwk({ kid, alg, privateKey }: SigningKey): object {
  return { ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }
}

/** The public key as an issuer publishes it. */
export function publicJwk({ kid, alg, publicKey }: SigningKey): object {
  return { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }
}

/**
 * Signs whatever it is given.
 *
 * @param token.key - RS256 and so on with it, as the header says.
 * @param token.claims - text is signed as it stands, be it JSON or not.
 */
export function signJwt(token: {
  readonly header: JwtPart & { readonly alg: string }
  readonly claims: JwtPart | string
  readonly key: KeyObject
}): Promise<string> {
  const { header, claims, key } = token
  const text = typeof claims === 'string' ? claims : JSON.stringify(claims)
  // The extensions that a header calls critical are taken as known here; the verifier knows none.
  const names = Array.isArray(header['crit']) ? header['crit'] : []
  const crit = Object.fromEntries(names.map((name: string) => [name, true]))
  return new CompactSign(Buffer.from(text)).setProtectedHeader(header).sign(key, { crit })
}
