import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** What the app derives from its one secret. */
export interface Secrets {
  /** Signs a text for a session cookie. */
  readonly sign: (text: string) => string
  /** Seals what the token cache keeps. */
  readonly cacheSecret: Uint8Array
}

/**
 * Reads the secret of the app, or makes one at the first start. It lies beside the database here;
 * a real app keeps it where its other secrets are, so that who steals the one lacks the other.
 */
export function openSecrets(path: string): Secrets {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(path, randomBytes(32), { mode: 0o600, flag: 'wx' })
  }
  const secret = readFileSync(path)
  const derived = (purpose: string) => new Uint8Array(hkdfSync('sha256', secret, '', purpose, 32))
  const sessionKey = derived('session')
  return {
    sign: (text) => createHmac('sha256', sessionKey).update(text).digest('base64url'),
    cacheSecret: derived('token-cache'),
  }
}
