/**
 * Takes a compact token apart, up to the point where its signature can be verified.
 *
 * Nothing a token says is followed: its header may only *name* a key that is known already, and
 * must then agree with it about the algorithm. A header that brings a key along, points to one,
 * or asks for anything that changes what is signed is refused, whether or not we would have
 * looked at it. The payload is decoded but not read; it is hearsay until the signature holds.
 */
import { limits } from '@parley/protocol'
import { decodeBase64url } from './base64url.ts'
import { decodeUtf8, type JsonObject, parseJsonObject } from './json.ts'
import type { KeyRing, RingKey } from './key-ring.ts'
import { type Refused, refuse } from './verdicts.ts'

/** A token whose form is right and whose key is known; nothing is known of its signature yet. */
export interface OpenedToken<Imported> {
  readonly ok: true
  readonly token: string
  readonly ringKey: RingKey<Imported>
  /** The first segment, base64url. */
  readonly header: string
  /** What the signature is about, the first two segments; valid until the next token is opened. */
  readonly signingInput: Uint8Array
  /** As long as signatures under the key are. */
  readonly signature: Uint8Array<ArrayBuffer>
  /** The second segment, decoded. */
  readonly payload: string
}

// Tokens are opened one at a time and hold nothing back, so they share these. New arrays for each
// token would take longer than filling them.
const characters = new Uint8Array(limits.tokenCharactersMax)
const decoded = new Uint8Array(limits.tokenCharactersMax)
const encoder = new TextEncoder()

// A header with one of these wants another key, other bytes or other rules than ours.
const refusedMembers = ['crit', 'b64', 'zip', 'enc', 'jwk', 'jku', 'x5u', 'x5c'] as const

/**
 * Opens a token for the verification of its signature.
 *
 * @source RFC 7515 section 5.2, RFC 7519 section 7.2, RFC 8725 sections 3.1, 3.10 and 3.11.
 */
export function openToken<Imported>(
  ring: KeyRing<Imported>,
  token: string,
): OpenedToken<Imported> | Refused {
  const { length } = token
  if (length > limits.tokenCharactersMax) return refuse('too-long')
  const firstDot = token.indexOf('.')
  const secondDot = token.indexOf('.', firstDot + 1)
  if (secondDot === -1) return refuse('malformed')
  // A character beyond ASCII takes several bytes, none of which is base64url, or has no room, and
  // then what an earlier token left there must not take its place.
  if (encoder.encodeInto(token, characters).written !== length) return refuse('malformed')
  // A third dot is in this segment, where it is no character of base64url.
  const signatureBytes = decodeBase64url(characters.subarray(secondDot + 1, length), decoded)
  if (signatureBytes === -1) return refuse('malformed')
  const signature = decoded.slice(0, signatureBytes)
  const payload = decodeText(firstDot + 1, secondDot)
  if (payload === undefined) return refuse('malformed')
  const header = token.slice(0, firstDot)
  const ringKey = ring.byHeader.get(header) ?? keyNamedBy(ring, decodeText(0, firstDot))
  if ('reason' in ringKey) return ringKey
  if (signatureBytes !== ringKey.key.signatureBytes) return refuse('bad-signature')
  const signingInput = characters.subarray(0, secondDot)
  return { ok: true, token, ringKey, header, signingInput, signature, payload }
}

/** The text in one segment of the token in `characters`. */
function decodeText(from: number, to: number): string | undefined {
  const length = decodeBase64url(characters.subarray(from, to), decoded)
  return length === -1 ? undefined : decodeUtf8(decoded.subarray(0, length))
}

function keyNamedBy<Imported>(
  ring: KeyRing<Imported>,
  text: string | undefined,
): RingKey<Imported> | Refused {
  const header = text && parseJsonObject(text)
  if (!header) return refuse('malformed')
  if (refusedMembers.some((name) => Object.hasOwn(header, name))) {
    return refuse('header-not-allowed')
  }
  return keyFor(ring, header)
}

function keyFor<Imported>(
  ring: KeyRing<Imported>,
  { alg, typ, kid }: JsonObject,
): RingKey<Imported> | Refused {
  if (alg !== 'ES256' && alg !== 'RS256') return refuse('algorithm-not-allowed')
  // Media types have no case, yet this server writes one spelling, and the RFC asks for it.
  if (typ !== 'JWT') return refuse('wrong-type')
  const ringKey = typeof kid === 'string' ? ring.byKid.get(kid) : undefined
  if (ringKey === undefined) return refuse('unknown-key')
  return alg === ringKey.key.alg ? ringKey : refuse('algorithm-not-allowed')
}
