import type { SubjectKind, VoidingSubject } from '@parley/protocol'

/** 64 bits that stand for a subject in a table of cut-offs, as two unsigned 32-bit numbers. */
export interface Fingerprint {
  readonly high: number
  readonly low: number
}

const kinds: Readonly<Record<SubjectKind, number>> = {
  identity: 1,
  resource: 2,
  token: 3,
  'access-key': 4,
}

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
  // The two access keys of a resource are told apart as if they were kinds.
  const id = kind === 'access-key' ? resourceId : subject
  let salt = subject === 'secondary' ? 5 : kinds[kind]
  salt = scramble(salt ^ readWord(resourceId, 0, 4))
  salt = scramble(salt ^ readWord(resourceId, 9, 14))
  salt = scramble(salt ^ readWord(resourceId, 19, 24))
  salt = scramble(salt ^ readWord(resourceId, 28, 32))
  salt = scramble(salt ^ readWord(id, 0, 4))
  salt = scramble(salt ^ readWord(id, 9, 14))
  return mix(readWord(id, 19, 24), readWord(id, 28, 32), salt)
}

/** Three rounds of a Feistel network: a permutation of the 64 bits for each salt. */
function mix(left: number, right: number, salt: number): Fingerprint {
  const first = left ^ scramble(right ^ salt)
  const second = right ^ scramble(first + salt)
  const third = first ^ scramble(second - salt)
  return { high: third >>> 0, low: second >>> 0 }
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
