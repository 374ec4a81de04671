/**
 * Credentials of verifiers: secrets that read the cut-offs of one resource, and nothing else.
 *
 *     parley_verifier_<base64url of: resource id, 16 | credential id, 16 | chance, 32 bytes>
 *
 * The text says whose it is, so that a server with a million resources looks one row up; its
 * beginning tells people and scanners of secrets what they have found. What is stored is a keyed
 * hash of the whole: who reads the database can neither follow nor guess.
 *
 * Whoever holds one learns ids: which identities and tokens of the resource were revoked, and when.
 * It learns no name, and can neither issue nor revoke. That is why it may lie where an access key
 * may not, and why one for browsers, which anybody can read there, still has to end by itself.
 *
 * Rejected: access tokens as the credential of verifiers (they name people, and die with what they
 * are to be judged by); signed credentials without a row (nothing could take them back).
 */
import { createHmac, hkdfSync, type KeyObject } from 'node:crypto'
import { isGuid } from '@parley/protocol'

/** What every secret of a verifier begins with. */
export const credentialPrefix = 'parley_verifier_'

const idBytes = 16
const chanceBytes = 32
const textPattern = /^parley_verifier_([A-Za-z0-9_-]{86})$/

/** Whose secret it is, as its text says. */
export interface CredentialName {
  readonly resourceId: string
  readonly credentialId: string
}

/** Makes the text of a secret. @param chance - 32 random bytes. */
export function printCredential(name: CredentialName, chance: Buffer): string {
  if (chance.length !== chanceBytes) throw new Error('a secret has 32 bytes of chance')
  const bytes = Buffer.concat([
    bytesOfGuid(name.resourceId),
    bytesOfGuid(name.credentialId),
    chance,
  ])
  return `${credentialPrefix}${bytes.toString('base64url')}`
}

/** Reads whose secret a text is; `undefined` for what no server printed. */
export function parseCredential(text: string): CredentialName | undefined {
  const bytes = Buffer.from(textPattern.exec(text)?.[1] ?? '', 'base64url')
  if (bytes.length !== idBytes + idBytes + chanceBytes) return undefined
  return { resourceId: guidAt(bytes, 0), credentialId: guidAt(bytes, idBytes) }
}

/** Derives the key under which secrets are hashed, from another one of the installation. */
export function credentialKeyOf(installationKey: KeyObject): Buffer {
  return Buffer.from(hkdfSync('sha256', installationKey, '', 'parley verifier credentials', 32))
}

/** The keyed hash of a secret, which is what the database has of it. */
export function hashCredential(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function bytesOfGuid(guid: string): Buffer {
  if (!isGuid(guid)) throw new Error('an id is a guid')
  return Buffer.from(guid.replaceAll('-', ''), 'hex')
}

function guidAt(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + idBytes)
  const [first, second, third] = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16)]
  return `${first}-${second}-${third}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
