import type { SubjectKind, VoidingSubject } from '@parley/protocol'

/**
 * 64 bits that stand for a subject in a table of cut-offs, as two signed 32-bit numbers: V8 keeps
 * those in place, where half of the unsigned ones would be objects on the heap.
 */
export interface Fingerprint {
  readonly high: number
  readonly low: number
}

const kinds: Readonly<Record<SubjectKind, number>> = {
  identity: 1,
  resource: 2,
  token: 3,
  'access-key': 4,
  'identity-scope': 6,
}

// The digit that names the scope in the subject of one: after the id and a hyphen.
const scopeDigitAt = 37

/**
 * The fingerprint of a subject: its kind, its resource and its id in 64 bits.
 *
 * The second half of an id, where the random bits of a GUID are, goes through mixing that can be
 * undone: two ids of one kind and resource that differ there never meet. All the rest is mixed in
 * on top, so that ids made by hand, such as those of tests, do not meet either. For ids made by a
 * server the chance that a subject meets another one's cut-off is 5e-13 at 10^7 cut-offs; nobody
 * outside chooses ids.
 */
export function fingerprintOf(of: VoidingSubject): Fingerprint {
  const { kind, resourceId, subject } = of
  const owner = wordsOf(resourceId)
  const salt = scramble(owner.salt + numberOf(kind, subject))
  if (kind === 'resource' || kind === 'access-key') return mix(owner.high, owner.low, salt)
  const { head, high, low } = readWords(subject)
  return mix(high, low, salt ^ head)
}

/** The two access keys of a resource and the scopes of an identity are told apart like kinds. */
function numberOf(kind: SubjectKind, subject: string): number {
  if (kind === 'identity-scope') return kinds[kind] + digit(subject.charCodeAt(scopeDigitAt))
  return subject === 'secondary' ? 5 : kinds[kind]
}

/** Cut-offs of one kind and resource that come as bytes. */
export interface PackedKind {
  readonly kind: 'identity' | 'token' | 'identity-scope'
  readonly resourceId: string
}

/** What goes into the fingerprints of all subjects of a kind, and of scopes of a place. */
export function saltOf({ kind, resourceId }: PackedKind, place: number): number {
  return scramble(wordsOf(resourceId).salt + kinds[kind] + place)
}

/**
 * The fingerprint of a subject whose id comes as 16 bytes: the same as that of its text, at a tenth
 * of the cost.
 *
 * @param salt - of its kind, from `saltOf`.
 * @param at - where the id begins in `bytes`.
 */
export function fingerprintOfBytes(salt: number, bytes: DataView, at: number): Fingerprint {
  const head = scramble(scramble(bytes.getInt32(at)) ^ bytes.getInt32(at + 4))
  return mix(bytes.getInt32(at + 8), bytes.getInt32(at + 12), salt ^ head)
}

/** A GUID in numbers: its random half and a hash of the other one. */
interface Words extends Fingerprint {
  readonly head: number
}

// The subjects of a token are all of one resource, and the next token is mostly of the same.
let owner: Words & { readonly id: string; readonly salt: number } = {
  id: '',
  head: 0,
  high: 0,
  low: 0,
  salt: 0,
}

function wordsOf(id: string): typeof owner {
  if (owner.id !== id) {
    const words = readWords(id)
    const { head, high, low } = words
    owner = { id, ...words, salt: scramble(scramble(head ^ high) ^ low) }
  }
  return owner
}

function readWords(guid: string): Words {
  return {
    head: scramble(scramble(readWord(guid, 0, 4)) ^ readWord(guid, 9, 14)),
    high: readWord(guid, 19, 24),
    low: readWord(guid, 28, 32),
  }
}

/** Three rounds of a Feistel network: a permutation of the 64 bits for each salt. */
function mix(left: number, right: number, salt: number): Fingerprint {
  const first = left ^ scramble(right ^ salt)
  const second = right ^ scramble(first + salt)
  const third = first ^ scramble(second - salt)
  return { high: third, low: second }
}

/** Spreads each bit over the whole word; the finalizer of MurmurHash3. */
function scramble(word: number): number {
  let spread = word
  spread = Math.imul(spread ^ (spread >>> 16), 0x85ebca6b)
  spread = Math.imul(spread ^ (spread >>> 13), 0xc2b2ae35)
  return spread ^ (spread >>> 16)
}

/** Eight hexadecimal digits, four at each of two places: hyphens cut the words of a GUID apart. */
function readWord(text: string, first: number, second: number): number {
  return (readDigits(text, first) << 16) | readDigits(text, second)
}

function readDigits(text: string, at: number): number {
  return (
    (digit(text.charCodeAt(at)) << 12) |
    (digit(text.charCodeAt(at + 1)) << 8) |
    (digit(text.charCodeAt(at + 2)) << 4) |
    digit(text.charCodeAt(at + 3))
  )
}

// 0x30..0x39 are the digits 0..9, 0x61..0x66 are a..f.
function digit(code: number): number {
  return (code & 15) + (code >> 6) * 9
}
