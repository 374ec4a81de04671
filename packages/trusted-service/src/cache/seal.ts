import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { type CachedToken, nameOf, type TokenRequest } from './model.ts'

/** A secret of the cache. */
export interface CacheSecret {
  /** Names the secret in what it sealed: 1..32 letters, digits, dashes. */
  readonly id: string
  /** At least 32 random bytes, kept where the app keeps its secrets. */
  readonly secret: Uint8Array
}

/** Under which keys a sealed token stands, and what it is. */
export interface SealedEntry {
  /** Keyed hash of the identity. */
  readonly identityHash: string
  /** Keyed hash of identity, scopes and lifetime. */
  readonly entryHash: string
  /** Keyed hash of the token's name: its `jti`, or the token itself where it has none. */
  readonly tokenHash: string
  readonly sealed: string
  readonly expiresAtMs: number
}

/** Where one secret puts an entry. */
export type EntryAddress = Pick<SealedEntry, 'identityHash' | 'entryHash'>

/** The secrets of a cache at work. */
export interface Sealer {
  /** Seals under the first secret. */
  readonly seal: (request: TokenRequest, token: CachedToken) => SealedEntry
  /** Opens what one of the secrets has sealed for this very request. */
  readonly open: (request: TokenRequest, sealed: string) => CachedToken | undefined
  /** Where an entry may stand: one address for each secret, the first one's first. */
  readonly addressesOf: (request: TokenRequest) => readonly EntryAddress[]
  readonly identityHashesOf: (identity: string) => readonly string[]
  readonly tokenHashesOf: (tokenName: string) => readonly string[]
}

const secretBytesMin = 32
const secretsMax = 8
const nonceBytes = 12
const tagBytes = 16
const keyBytes = 32
const version = 'v1'

interface Ring {
  readonly id: string
  readonly secret: Uint8Array
  readonly hash: (kind: 'identity' | 'entry' | 'token', text: string) => string
}

/**
 * Prepares the secrets of a cache.
 *
 * @param secrets - the first seals; the others only open, until nothing is left of them.
 * @param random - source of nonces; default that of the platform.
 * @throws TypeError for no secret, a short one, or an id that is used twice.
 */
export function createSealer(
  secrets: readonly CacheSecret[],
  random: (count: number) => Uint8Array = randomBytes,
): Sealer {
  const rings = checkSecrets(secrets).map(ringOf)
  const [first] = rings
  if (first === undefined) throw new TypeError('secrets: expected at least one')
  const addressOf = (ring: Ring, request: TokenRequest): EntryAddress => ({
    identityHash: ring.hash('identity', request.identity),
    entryHash: ring.hash('entry', nameOf(request)),
  })
  return {
    seal: (request, token) => ({
      ...addressOf(first, request),
      tokenHash: first.hash('token', tokenNameOf(token.token)),
      sealed: seal(first, request, { token, nonce: random(nonceBytes) }),
      expiresAtMs: token.expiresAtMs,
    }),
    open: (request, sealed) => {
      const ring = rings.find(({ id }) => sealed.startsWith(`${version}.${id}.`))
      return ring === undefined ? undefined : open(ring, request, sealed)
    },
    addressesOf: (request) => rings.map((ring) => addressOf(ring, request)),
    identityHashesOf: (identity) => rings.map((ring) => ring.hash('identity', identity)),
    tokenHashesOf: (tokenName) => rings.map((ring) => ring.hash('token', tokenName)),
  }
}

function checkSecrets(secrets: readonly CacheSecret[]): readonly CacheSecret[] {
  if (secrets.length === 0 || secrets.length > secretsMax) {
    throw new TypeError(`secrets: expected 1..${secretsMax}`)
  }
  for (const { id, secret } of secrets) {
    if (!/^[\w-]{1,32}$/.test(id))
      throw new TypeError('secrets: expected ids of letters and digits')
    if (!(secret instanceof Uint8Array) || secret.length < secretBytesMin) {
      throw new TypeError(`secrets: expected ${secretBytesMin} bytes or more`)
    }
  }
  if (new Set(secrets.map(({ id }) => id)).size !== secrets.length) {
    throw new TypeError('secrets: an id stands twice')
  }
  return secrets
}

function ringOf({ id, secret }: CacheSecret): Ring {
  const lookup = derive(secret, 'lookup', '')
  return {
    id,
    secret: Uint8Array.from(secret),
    hash: (kind, text) =>
      createHmac('sha256', lookup).update(`${kind}\n${text}`).digest('base64url'),
  }
}

/** HKDF-SHA256: one key for each purpose and identity. */
function derive(secret: Uint8Array, purpose: string, identity: string): Buffer {
  const info = `${purpose}\n${identity}`
  return Buffer.from(hkdfSync('sha256', secret, 'parley token cache v1', info, keyBytes))
}

function boundTo(ring: Ring, request: TokenRequest): Buffer {
  return Buffer.from(`${version}.${ring.id}.${nameOf(request)}`)
}

function seal(
  ring: Ring,
  request: TokenRequest,
  what: { readonly token: CachedToken; readonly nonce: Uint8Array },
): string {
  const key = derive(ring.secret, 'seal', request.identity)
  const cipher = createCipheriv('aes-256-gcm', key, what.nonce)
  cipher.setAAD(boundTo(ring, request))
  const { token, expiresAtMs, refreshAtMs } = what.token
  const text = JSON.stringify([token, expiresAtMs, refreshAtMs])
  const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  const bytes = Buffer.concat([what.nonce, cipher.getAuthTag(), ciphertext])
  return `${version}.${ring.id}.${bytes.toString('base64url')}`
}

function open(ring: Ring, request: TokenRequest, sealed: string): CachedToken | undefined {
  const bytes = Buffer.from(sealed.slice(version.length + ring.id.length + 2), 'base64url')
  if (bytes.length <= nonceBytes + tagBytes) return undefined
  const key = derive(ring.secret, 'seal', request.identity)
  const nonce = bytes.subarray(0, nonceBytes)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
  decipher.setAAD(boundTo(ring, request))
  decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
  const start = decipher.update(bytes.subarray(nonceBytes + tagBytes))
  let text: string
  try {
    text = Buffer.concat([start, decipher.final()]).toString('utf8')
  } catch {
    // The only error of `final` here is a tag that does not match.
    return undefined
  }
  const [token, expiresAtMs, refreshAtMs] = JSON.parse(text) as [string, number, number]
  return { token, expiresAtMs, refreshAtMs }
}

/**
 * The name by which a revocation would mean a token: its `jti`. Tokens of Azure have none; they
 * are named by their text.
 */
export function tokenNameOf(token: string): string {
  const [, payload = ''] = token.split('.')
  try {
    const { jti } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    return typeof jti === 'string' ? jti : token
  } catch (error) {
    // No JSON: the format of tokens is not promised to anybody.
    if (error instanceof SyntaxError || error instanceof TypeError) return token
    throw error
  }
}
