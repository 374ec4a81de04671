import { fail, ok, type Result } from '@parley/protocol'
import { bytesOfBase64url } from './base64url.ts'

/** A key of a set as it was published; what we cannot use of it is left aside. */
export interface Jwk {
  readonly kty?: unknown
  readonly kid?: unknown
  readonly alg?: unknown
  readonly use?: unknown
  readonly key_ops?: unknown
  readonly crv?: unknown
  readonly x?: unknown
  readonly y?: unknown
  readonly n?: unknown
  readonly e?: unknown
  readonly d?: unknown
}

/**
 * A set of public keys, as a server publishes it at `/.well-known/jwks.json`.
 *
 * @source RFC 7517 section 5.
 */
export interface Jwks {
  readonly keys: readonly Jwk[]
}

/** The members that make a public key, and no others: importers stumble over some of the rest. */
export type PublicJwk =
  | { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string }
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }

/** A key that can verify tokens. Its algorithm is decided here, never by a token. */
export interface VerificationKey {
  readonly kid: string
  readonly alg: 'ES256' | 'RS256'
  readonly jwk: PublicJwk
  /** Length of every signature under this key, in bytes. */
  readonly signatureBytes: number
}

/** Why a key set cannot be used. */
export type KeySetFault =
  | { readonly kind: 'not-a-key-set' }
  | { readonly kind: 'too-many-keys' }
  | { readonly kind: 'kid-used-twice'; readonly kid: string }
  | { readonly kind: 'no-usable-key' }

/** Keys looked at in one set. */
const keysMax = 64

const modulusBitsMin = 2048
const modulusBitsMax = 8192

/**
 * Picks the keys of a set that can verify tokens: P-256 for ES256, RSA of 2048..8192 bits for
 * RS256, with a `kid`, meant for signatures.
 *
 * Other keys are left aside, as the standard asks, and so is a key that shows its private half:
 * anybody could sign with it, so its tokens prove nothing.
 *
 * Points are checked to lie on the curve here and not left to the importers, so that a set is
 * refused at once and alike on every platform.
 *
 * @faults `not-a-key-set`, `too-many-keys` (more than 64), `kid-used-twice`, `no-usable-key`.
 * @source RFC 7517 section 5, RFC 7518 section 6, RFC 8725 section 3.4.
 */
export function readKeySet(set: unknown): Result<readonly VerificationKey[], KeySetFault> {
  const listed = typeof set === 'object' && set !== null ? (set as Partial<Jwks>).keys : undefined
  if (!Array.isArray(listed)) return fail({ kind: 'not-a-key-set' })
  if (listed.length > keysMax) return fail({ kind: 'too-many-keys' })
  const usable = new Map<string, VerificationKey>()
  for (const jwk of listed as readonly unknown[]) {
    if (typeof jwk !== 'object' || jwk === null) return fail({ kind: 'not-a-key-set' })
    const key = readKey(jwk)
    if (key === undefined) continue
    if (usable.has(key.kid)) return fail({ kind: 'kid-used-twice', kid: key.kid })
    usable.set(key.kid, key)
  }
  return usable.size === 0 ? fail({ kind: 'no-usable-key' }) : ok([...usable.values()])
}

/** Says whether two keys of one `kid` are the same key. */
export function isSameKey(one: VerificationKey, other: VerificationKey): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function readKey(jwk: Jwk): VerificationKey | undefined {
  const { kty, kid, alg, use, key_ops: uses, d } = jwk
  if (typeof kid !== 'string' || kid === '' || d !== undefined) return undefined
  if (use !== undefined && use !== 'sig') return undefined
  if (uses !== undefined && !(Array.isArray(uses) && uses.includes('verify'))) return undefined
  if (kty === 'EC' && (alg === undefined || alg === 'ES256')) return readP256(kid, jwk)
  if (kty === 'RSA' && (alg === undefined || alg === 'RS256')) return readRsa(kid, jwk)
  return undefined
}

function readP256(kid: string, { crv, x, y }: Jwk): VerificationKey | undefined {
  if (crv !== 'P-256' || typeof x !== 'string' || typeof y !== 'string') return undefined
  const abscissa = bytesOfBase64url(x)
  const ordinate = bytesOfBase64url(y)
  if (abscissa?.length !== 32 || ordinate?.length !== 32) return undefined
  if (!isOnP256(numberOf(abscissa), numberOf(ordinate))) return undefined
  return { kid, alg: 'ES256', jwk: { kty: 'EC', crv, x, y }, signatureBytes: 64 }
}

function readRsa(kid: string, { n, e }: Jwk): VerificationKey | undefined {
  if (typeof n !== 'string' || typeof e !== 'string') return undefined
  const modulus = bytesOfBase64url(n)
  const exponent = bytesOfBase64url(e)
  if (modulus === undefined || exponent === undefined) return undefined
  const bits = bitLength(modulus)
  if (bits < modulusBitsMin || bits > modulusBitsMax || isEven(modulus)) return undefined
  if (bitLength(exponent) < 2 || exponent.length > 4 || isEven(exponent)) return undefined
  return { kid, alg: 'RS256', jwk: { kty: 'RSA', n, e }, signatureBytes: modulus.length }
}

/** 0 where the first byte is 0: the standard allows no leading zeros. */
function bitLength(bytes: Uint8Array): number {
  const [first = 0] = bytes
  return first === 0 ? 0 : bytes.length * 8 - (Math.clz32(first) - 24)
}

function isEven(bytes: Uint8Array): boolean {
  return ((bytes.at(-1) ?? 0) & 1) === 0
}

function numberOf(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return value
}

const p256Prime = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn
const p256Constant = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn

// y^2 = x^3 - 3x + b, FIPS 186-4 section D.1.2.3. The curve has no point (0, 0) and no subgroup.
function isOnP256(x: bigint, y: bigint): boolean {
  if (x >= p256Prime || y >= p256Prime) return false
  return (y * y - x * x * x + 3n * x - p256Constant) % p256Prime === 0n
}
