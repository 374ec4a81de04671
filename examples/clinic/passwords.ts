/** Passwords as they are kept: scrypt of node's own crypto, with a salt for each. */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'

// 64 MB and a tenth of a second for each attempt, ours as well as theirs.
const cost: ScryptOptions = { N: 2 ** 16, r: 8, p: 1, maxmem: 2 ** 27 }
const hashBytes = 32

/** A password as it is stored: salt and hash, base64url, with a dot between them. */
export async function sealPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password, salt)
  return `${salt.toString('base64url')}.${hash.toString('base64url')}`
}

/**
 * Whether a password is the one that was sealed. For somebody who is not there it takes as long,
 * so that the time does not tell who has an account.
 */
export async function isPassword(password: string, sealed: string | undefined): Promise<boolean> {
  const [salt = '', hash = ''] = (sealed ?? '').split('.')
  const derived = await derive(password, Buffer.from(salt, 'base64url'))
  const stored = Buffer.from(hash, 'base64url')
  return stored.length === hashBytes && timingSafeEqual(derived, stored)
}

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, hashBytes, cost, (error, hash) => {
      if (error === null) resolve(hash)
      else reject(error)
    })
  })
}
