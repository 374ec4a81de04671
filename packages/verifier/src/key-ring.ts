import { isSameKey, type VerificationKey } from './keys.ts'
import { ownCopy } from './seen-tokens.ts'

/** A key in use. */
export interface RingKey<Imported> {
  readonly key: VerificationKey
  /** The key as the platform's cryptography wants it. */
  readonly imported: Imported
  /** The first segment of the last token that was genuine under this key; empty before that. */
  header: string
}

/** The keys in use, by their names and by the token headers that are known to name them. */
export interface KeyRing<Imported> {
  readonly byKid: Map<string, RingKey<Imported>>
  readonly byHeader: Map<string, RingKey<Imported>>
  readonly importKey: (key: VerificationKey) => Imported
}

/** A ring of `keys`. */
export function createKeyRing<Imported>(
  keys: readonly VerificationKey[],
  importKey: (key: VerificationKey) => Imported,
): KeyRing<Imported> {
  const ring: KeyRing<Imported> = { byKid: new Map(), byHeader: new Map(), importKey }
  replaceRingKeys(ring, keys)
  return ring
}

/**
 * Puts `keys` in the place of those in use. A key that stays the same is not imported again.
 *
 * @returns the names of the keys that stayed.
 */
export function replaceRingKeys<Imported>(
  ring: KeyRing<Imported>,
  keys: readonly VerificationKey[],
): ReadonlySet<string> {
  const former = new Map(ring.byKid)
  const stayed = new Set<string>()
  // Imported first: should one fail, the ring is still whole.
  const next = keys.map((key): RingKey<Imported> => {
    const known = former.get(key.kid)
    if (known === undefined || !isSameKey(known.key, key)) {
      return { key, imported: ring.importKey(key), header: '' }
    }
    stayed.add(key.kid)
    return known
  })
  ring.byKid.clear()
  ring.byHeader.clear()
  for (const ringKey of next) {
    ring.byKid.set(ringKey.key.kid, ringKey)
    if (ringKey.header !== '') ring.byHeader.set(ringKey.header, ringKey)
  }
  return stayed
}

/** Says whether a key is still in use. */
export function isInRing<Imported>(ring: KeyRing<Imported>, ringKey: RingKey<Imported>): boolean {
  return ring.byKid.get(ringKey.key.kid) === ringKey
}

/**
 * Remembers the header of a genuine token, so that the next one like it is not parsed. One header
 * a key is kept: a server writes the same one every time.
 */
export function rememberHeader<Imported>(
  ring: KeyRing<Imported>,
  ringKey: RingKey<Imported>,
  header: string,
): void {
  if (ringKey.header === header) return
  ring.byHeader.delete(ringKey.header)
  ringKey.header = ownCopy(header)
  ring.byHeader.set(ringKey.header, ringKey)
}
