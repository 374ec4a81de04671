import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { Sealer } from '../foundation/seal.ts'
import type { SigningAlgorithm } from '../foundation/settings.ts'

/** A key for tokens as stored: its public half in the clear, its private half sealed. */
export interface StoredSigningKey {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  readonly publicJwk: PublicSigningJwk
  readonly sealedPrivateKey: Buffer
}

/** The public half as the JWKS shows it. @source RFC 7517 section 4; RFC 7518 section 6. */
export interface PublicSigningJwk {
  readonly kty: string
  readonly use: 'sig'
  readonly alg: SigningAlgorithm
  readonly kid: string
  readonly crv?: string
  readonly x?: string
  readonly y?: string
  readonly n?: string
  readonly e?: string
}

/**
 * Makes a signing key.
 *
 * Its `kid` is the JWK thumbprint, so that the same key has the same name wherever it is read.
 *
 * @param algorithm - ES256 makes P-256; RS256 makes RSA with 2048 bits.
 * @source RFC 7638 (thumbprint).
 */
export function newSigningKey(algorithm: SigningAlgorithm, sealer: Sealer): StoredSigningKey {
  const { privateKey, publicKey } =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { kty = '', crv, x, y, n, e } = publicKey.export({ format: 'jwk' }) as PublicParts
  const members = kty === 'EC' ? { crv, x, y } : { e, n }
  const kid = thumbprint({ ...members, kty })
  const shown = Object.fromEntries(Object.entries(members).filter(([, part]) => part !== undefined))
  return {
    kid,
    algorithm,
    publicJwk: { kty, use: 'sig', alg: algorithm, kid, ...shown },
    sealedPrivateKey: sealer.seal(
      privateKey.export({ format: 'der', type: 'pkcs8' }),
      signingKeyPurpose(kid),
    ),
  }
}

/** Opens the private half; `undefined` when the master key is another one. */
export function openSigningKey(stored: StoredSigningKey, sealer: Sealer): KeyObject | undefined {
  const der = sealer.open(stored.sealedPrivateKey, signingKeyPurpose(stored.kid))
  if (der === undefined) return undefined
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

interface PublicParts {
  readonly kty?: string
  readonly crv?: string
  readonly x?: string
  readonly y?: string
  readonly n?: string
  readonly e?: string
}

/** SHA-256 over the required members in the order of their names, base64url. */
function thumbprint(members: Readonly<Record<string, string | undefined>>): string {
  const ordered = Object.entries(members).sort(([one], [other]) => (one < other ? -1 : 1))
  return createHash('sha256')
    .update(JSON.stringify(Object.fromEntries(ordered)))
    .digest('base64url')
}

/** Binds the sealed private half to its name. */
export function signingKeyPurpose(kid: string): string {
  return `signing-key/${kid}`
}
