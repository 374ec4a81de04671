/**
 * The signatures that bearers may have: those with a key pair, of the JWA table and no other. With
 * a shared secret the issuer's published key would be the secret, and `none` is none.
 *
 * `node:crypto` on this thread: RS256 with 2048 bits takes 40 us, an ES256 about 90.
 *
 * @source RFC 7518 sections 3.1 to 3.5, RFC 8037 section 3.1, RFC 9864 section 2.2.
 */
import { constants, createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto'
import type { JsonObject } from '@parley/verifier/json'

/** How a bearer may be signed. */
export type BearerAlgorithm = keyof typeof algorithms

const pkcs1 = { kty: 'RSA', padding: constants.RSA_PKCS1_PADDING } as const
const pss = {
  kty: 'RSA',
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
} as const

/** What a signature takes of a key, and how it is verified. */
interface Manner {
  readonly kty: string
  readonly crv?: string
  readonly hash: string | undefined
  readonly padding?: number
  readonly saltLength?: number
}

const algorithms = {
  RS256: { ...pkcs1, hash: 'sha256' },
  RS384: { ...pkcs1, hash: 'sha384' },
  RS512: { ...pkcs1, hash: 'sha512' },
  PS256: { ...pss, hash: 'sha256' },
  PS384: { ...pss, hash: 'sha384' },
  PS512: { ...pss, hash: 'sha512' },
  ES256: { kty: 'EC', crv: 'P-256', hash: 'sha256' },
  ES384: { kty: 'EC', crv: 'P-384', hash: 'sha384' },
  ES512: { kty: 'EC', crv: 'P-521', hash: 'sha512' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', hash: undefined },
  Ed25519: { kty: 'OKP', crv: 'Ed25519', hash: undefined },
} as const satisfies Readonly<Record<string, Manner>>

/** Says whether a header names an algorithm that is taken. */
export function isBearerAlgorithm(alg: unknown): alg is BearerAlgorithm {
  return typeof alg === 'string' && Object.hasOwn(algorithms, alg)
}

/** A key that an issuer has published. */
export interface IssuerKey {
  readonly kid: string | undefined
  /** The one algorithm that it is for; `undefined`: every one that its kind allows. */
  readonly alg: BearerAlgorithm | undefined
  readonly kty: string
  readonly crv: string | undefined
  readonly publicKey: KeyObject
}

const rsaBitsMin = 2048
const rsaBitsMax = 8192

/**
 * Reads a key of a JWKS.
 *
 * @returns `undefined` for one that signs no bearers: of another kind, for another use, too weak.
 */
export function importIssuerKey(jwk: JsonObject): IssuerKey | undefined {
  const { kty, crv, kid, use, alg, key_ops: operations } = jwk
  if (use !== undefined && use !== 'sig') return undefined
  if (Array.isArray(operations) && !operations.includes('verify')) return undefined
  if (alg !== undefined && !isBearerAlgorithm(alg)) return undefined
  if (typeof kty !== 'string' || (kid !== undefined && typeof kid !== 'string')) return undefined
  const publicKey = publicKeyOf(jwk)
  if (publicKey === undefined) return undefined
  const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? rsaBitsMin
  if (bits < rsaBitsMin || bits > rsaBitsMax) return undefined
  return { kid, alg, kty, crv: typeof crv === 'string' ? crv : undefined, publicKey }
}

function publicKeyOf({ kty, crv, x, y, n, e }: JsonObject): KeyObject | undefined {
  // A private key that an issuer published by mistake is read as the public one that it contains.
  const key = (kty === 'RSA' ? { kty, n, e } : { kty, crv, x, y }) as JsonWebKey
  try {
    return createPublicKey({ key, format: 'jwk' })
  } catch (error) {
    // What Node throws for members that make no key, each kind with a type of its own.
    if (error instanceof Error) return undefined
    throw error
  }
}

/** A signature and what it is about. */
export interface Signed {
  readonly alg: BearerAlgorithm
  readonly signingInput: Buffer
  readonly signature: Buffer
}

/** Says whether a signature of the algorithm can be one with the key. */
export function isKeyFor(key: IssuerKey, alg: BearerAlgorithm): boolean {
  const { kty, crv }: Manner = algorithms[alg]
  if (key.kty !== kty || (crv !== undefined && key.crv !== crv)) return false
  return key.alg === undefined || key.alg === alg || (kty === 'OKP' && key.crv === crv)
}

/**
 * Verifies a signature.
 *
 * @param key - one for which `isKeyFor` holds.
 */
export function isSignedWith(key: IssuerKey, signed: Signed): boolean {
  const { hash, padding, saltLength }: Manner = algorithms[signed.alg]
  const { signingInput, signature } = signed
  const how = {
    key: key.publicKey,
    dsaEncoding: 'ieee-p1363' as const,
    ...(padding === undefined ? {} : { padding }),
    ...(saltLength === undefined ? {} : { saltLength }),
  }
  return verify(hash, signingInput, how, signature)
}
