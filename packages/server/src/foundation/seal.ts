import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import type { Platform } from './platform.ts'

/**
 * Secrets at rest: AES-256-GCM under the master key.
 *
 * A sealed secret is version (1 byte), nonce (12), tag (16), ciphertext. Its purpose is bound as
 * additional data, so that one sealed value cannot be put in the place of another.
 *
 * @source NIST SP 800-38D; 96-bit random nonces, far below 2^32 seals under one key.
 */
export interface Sealer {
  /** Seals `secret` for one purpose, for example `access-key/<resource>/primary/1`. */
  readonly seal: (secret: Uint8Array, purpose: string) => Buffer
  /** Opens what was sealed for the same purpose; `undefined` when key, purpose or bytes differ. */
  readonly open: (sealed: Uint8Array, purpose: string) => Buffer | undefined
}

const version = 1
const nonceBytes = 12
const tagBytes = 16

/** Number of bytes of a master key. */
export const masterKeyBytes = 32

/**
 * Creates the sealer of a master key.
 *
 * @param masterKey - exactly 32 bytes; they are copied, and the caller's can be wiped.
 */
export function createSealer(masterKey: Uint8Array, platform: Platform): Sealer {
  const key: KeyObject = createSecretKey(masterKey)
  return {
    seal(secret, purpose) {
      const nonce = platform.randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      cipher.setAAD(Buffer.from(purpose))
      const ciphertext = Buffer.concat([cipher.update(secret), cipher.final()])
      return Buffer.concat([Buffer.of(version), nonce, cipher.getAuthTag(), ciphertext])
    },
    open(sealed, purpose) {
      const bytes = Buffer.from(sealed)
      if (bytes.length < 1 + nonceBytes + tagBytes || bytes[0] !== version) return undefined
      const nonce = bytes.subarray(1, 1 + nonceBytes)
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
      decipher.setAAD(Buffer.from(purpose))
      decipher.setAuthTag(bytes.subarray(1 + nonceBytes, 1 + nonceBytes + tagBytes))
      const start = decipher.update(bytes.subarray(1 + nonceBytes + tagBytes))
      try {
        return Buffer.concat([start, decipher.final()])
      } catch {
        // The only error of `final` here is a tag that does not match.
        return undefined
      }
    },
  }
}

/**
 * Seals anew what a former master key has sealed.
 *
 * @returns the bytes to store in its place; `undefined` when the present key opens it already.
 */
export type Reseal = (sealed: Uint8Array, purpose: string) => Buffer | undefined

/** Thrown by a `Reseal` for what neither key opens. */
export class SecretUnopened extends Error {}

/** Creates the function that seals anew. */
export function createReseal(sealers: {
  readonly present: Sealer
  readonly former: Sealer
}): Reseal {
  const { present, former } = sealers
  return (sealed, purpose) => {
    if (present.open(sealed, purpose) !== undefined) return undefined
    const secret = former.open(sealed, purpose)
    if (secret === undefined) throw new SecretUnopened(purpose)
    return present.seal(secret, purpose)
  }
}
