/**
 * Relays: servers that pass media on where two clients do not reach each other, or are not to see
 * each other's addresses. The relay is coturn; ours is who may use it, and for how long.
 *
 * A *relay user* is a name and a password that coturn accepts. It is for a leg of a call, and lives
 * as long as that; or somebody asked for it, and it lives until it expires, and no longer than what
 * it was asked for with: the identity, the access key, the token. It dies in two steps. What voids
 * it is read by coturn itself, from a view over the rows that it depends on, so with the commit of
 * the cause nobody can allocate with it any more. coturn asks once for each session, however, and
 * those that it has let in go on: whichever node is first takes the row and ends them.
 *
 * Passwords are not stored. They are a keyed hash of the name, which every node can make again, so
 * a leg that comes back after a lost socket is told the same user.
 *
 * Rejected: the credentials that coturn checks by a shared secret (`use-auth-secret`). They need no
 * row and cannot be taken back before they expire; a client that was cut off allocates again.
 * Rejected too: rows that the server writes for coturn at each voiding. A server that dies between
 * the two leaves users behind that live; a view cannot.
 */
import { createHash, createHmac, hkdfSync, type KeyObject } from 'node:crypto'
import type { IceServer } from '@parley/protocol'
import type { TurnPlace } from '../foundation/turn-place.ts'

/** Seconds for which relays are issued at most, and where nothing is asked for. */
export const relaySecondsMax = 172_800

/**
 * For how long a relay is issued. What is longer than allowed is as if nothing were asked for.
 *
 * @source ACS Network Traversal 2022-03-01-preview, `ttl`.
 */
export function relaySecondsFor(asked: number | undefined): number {
  return asked === undefined || asked > relaySecondsMax ? relaySecondsMax : asked
}

/** How media are led to a relay, as the wire names it. */
export const routeTypes = ['any', 'nearest'] as const

/** A relay user with its password. */
export interface RelayCredential {
  readonly userName: string
  readonly password: string
  /** What coturn compares: MD5 of user, realm and password. @source RFC 8489 section 9.2.2. */
  readonly hmacKey: string
}

/** Derives the key under which passwords are made, from another one of the installation. */
export function relayKeyOf(installationKey: KeyObject): Buffer {
  return Buffer.from(hkdfSync('sha256', installationKey, '', 'parley relay users', 32))
}

/** The credential of a user, the same on every node. */
export function credentialOf(
  key: Buffer,
  { userName, realm }: { readonly userName: string; readonly realm: string },
): RelayCredential {
  const password = hashOf(key, `password\n${userName}`)
  const hmacKey = createHash('md5').update(`${userName}:${realm}:${password}`).digest('hex')
  return { userName, password, hmacKey }
}

/** The name of the user of a leg, which tells nobody which leg it is. */
export function userNameOfLeg(
  key: Buffer,
  leg: { readonly resourceId: string; readonly callId: string; readonly legId: string },
): string {
  return hashOf(key, `leg\n${leg.resourceId}/${leg.callId}/${leg.legId}`)
}

function hashOf(key: Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url').slice(0, 32)
}

/** What a browser is told of the relays. */
export function iceServerOf(
  { urls }: Pick<TurnPlace, 'urls'>,
  { userName: username, password: credential }: RelayCredential,
): IceServer & { readonly username: string; readonly credential: string } {
  return { urls, username, credential }
}
