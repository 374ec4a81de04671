const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

// The six bits that a byte stands for, at each of the four places in a group of 24 bits; every
// bit, so also the sign, for a byte that stands for none.
const [first, second, third, fourth] = [18, 12, 6, 0].map(digitsAt) as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
]

function digitsAt(shift: number): Int32Array {
  const digits = new Int32Array(256).fill(-1)
  for (let value = 0; value < 64; value++) digits[alphabet.charCodeAt(value)] = value << shift
  return digits
}

/**
 * Decodes base64url as a JWS writes it, and nothing that merely resembles it.
 *
 * Two texts never decode to the same bytes: padding, `+` and `/`, white space and unused bits
 * that are not zero are refused. So nobody can respell a token that was verified.
 *
 * Own code because every built-in decoder is lenient: `Buffer` skips what it does not know, `atob`
 * skips spaces. Measured for a payload of 683 characters, Node 20: 0.5 us from bytes to bytes as
 * here, 1.2 from the characters of a string, 0.96 for `Buffer` and encoding back to compare; and
 * 0.6 us more for a new array of that size, which is why the caller brings one.
 *
 * @param text - ASCII.
 * @param into - takes the bytes; 3/4 of the length of `text` must fit.
 * @returns how many bytes were written, -1 for any other text.
 * @source RFC 7515 section 2, RFC 4648 sections 3.5 and 5.
 */
export function decodeBase64url(text: Uint8Array, into: Uint8Array): number {
  const tail = text.length & 3
  const whole = text.length - tail
  let seen = 0
  let to = 0
  for (let at = 0; at < whole; at += 4) {
    const bits =
      bitsOf(first, text[at]) |
      bitsOf(second, text[at + 1]) |
      bitsOf(third, text[at + 2]) |
      bitsOf(fourth, text[at + 3])
    seen |= bits
    into[to] = bits >> 16
    into[to + 1] = bits >> 8
    into[to + 2] = bits
    to += 3
  }
  if (tail !== 0) {
    // One character alone is no byte, and of two or three some bits are unused: all must be zero.
    if (tail === 1) return -1
    const last = tail === 3 ? bitsOf(third, text[whole + 2]) : 0
    const bits = bitsOf(first, text[whole]) | bitsOf(second, text[whole + 1]) | last
    if ((bits & (tail === 3 ? 0xff : 0xffff)) !== 0) return -1
    into[to++] = bits >> 16
    if (tail === 3) into[to++] = bits >> 8
  }
  return seen < 0 ? -1 : to
}

/**
 * The bytes of a base64url text, in an array of their own.
 *
 * @returns `undefined` for anything that `decodeBase64url` refuses.
 */
export function bytesOfBase64url(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array((text.length * 3) >> 2)
  // A character beyond ASCII becomes several bytes, all of them foreign.
  const length = decodeBase64url(new TextEncoder().encode(text), bytes)
  return length === bytes.length ? bytes : undefined
}

function bitsOf(digits: Int32Array, byte: number | undefined): number {
  return digits[byte as number] as number
}
