/**
 * Looking for secrets where none may be: every secret in every form in which it could lie there.
 */
import { createPrivateKey } from 'node:crypto'
import type { Database } from '@parley/server/database/connect'
import type { Sealer } from '@parley/server/foundation/seal'

/** Secrets by what a failed test calls them. */
export type Secrets = Map<string, Buffer>

/** Notes a secret that is a text: as it stands, and the bytes that it is the base64 of. */
export function noteText(secrets: Secrets, name: string, text: string): void {
  secrets.set(`${name} as text`, Buffer.from(text))
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length >= secretBytesMin) secrets.set(name, bytes)
}

/** What is shorter would be found by accident. */
const secretBytesMin = 16

/** Finds secrets; what it gives names each with its form, and nothing of it. */
export function findSecrets(place: Buffer, secrets: Secrets): readonly string[] {
  const found: string[] = []
  for (const [name, secret] of secrets) {
    if (secret.length < secretBytesMin) throw new Error(`${name} is too short to look for`)
    for (const [form, needle] of formsOf(secret)) {
      if (place.includes(needle)) found.push(`${name}, ${form}`)
    }
  }
  return found
}

function formsOf(secret: Buffer): readonly (readonly [string, Buffer | string])[] {
  const hex = secret.toString('hex')
  return [
    ['raw', secret],
    ['hex', hex],
    ['HEX', hex.toUpperCase()],
    ['base64', secret.toString('base64').replace(/=+$/, '')],
    ['base64url', secret.toString('base64url')],
    ['UTF-16', Buffer.from(secret.toString('base64'), 'utf16le')],
  ]
}

/** Notes the private parts of every signing key that a database has now. */
export async function noteSigningKeys(
  secrets: Secrets,
  db: Database,
  sealer: Sealer,
): Promise<void> {
  const rows = await db<{ kid: string; sealed: Buffer }[]>`
    select kid, sealed_private_key as sealed
    from signing_key
    where octet_length(sealed_private_key) > 0`
  for (const { kid, sealed } of rows) {
    const der = sealer.open(sealed, `signing-key/${kid}`)
    if (der === undefined) throw new Error('a signing key does not open')
    const { d = '' } = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
      format: 'jwk',
    })
    noteText(secrets, `signing key ${kid}`, d)
  }
}

const jwtPattern = /eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/g
const accessKeyPattern = /[A-Za-z0-9+/]{86}==/g

/** Notes the tokens and the access keys that an answer handed out. */
export function noteAnswer(secrets: Secrets, text: string): void {
  for (const [token] of text.matchAll(jwtPattern)) {
    // Header and claims are no secret, and a bit of each is in every token.
    secrets.set(`signature ${secrets.size}`, Buffer.from(token.split('.')[2] ?? '', 'base64url'))
  }
  for (const [key] of text.matchAll(accessKeyPattern)) {
    noteText(secrets, `access key ${secrets.size}`, key)
  }
}
