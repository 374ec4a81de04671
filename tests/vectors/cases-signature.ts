import { sign as signBytes } from 'node:crypto'
import { accepted, allRefused, type TokenCase } from './cases.ts'
import { claimsWith, headerOf, press, signWith, type TestKey, testKeys } from './press.ts'

const { ec, rsa, strangerEc } = testKeys
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** What is wrong or odd with a signature. */
export function signatureCases(): readonly TokenCase[] {
  const [header = '', , signature = ''] = press().split('.')
  const [, otherClaims = ''] = press({ claims: claimsWith({ gen: 4 }) }).split('.')
  return [
    ...ecdsaCases(),
    ...rsaCases(),
    ...allRefused('bad-signature', [
      ['a signature of another key under our name', { key: strangerEc }],
      ['no signature', { sign: () => new Uint8Array(0) }],
      ['the claims of another token', [header, otherClaims, signature].join('.')],
      ['claims that the signature is not about', [header, 'e30', signature].join('.')],
      ['claims that are no JSON under a bad signature', [header, 'AAAA', signature].join('.')],
    ]),
  ]
}

/** Signatures as project Wycheproof makes them: edges of the range, other encodings. */
function ecdsaCases(): readonly TokenCase[] {
  const pair = (r: bigint, s: bigint) => ({ sign: () => raw(r, s) })
  const changed = (change: (r: bigint, s: bigint) => Uint8Array) => ({
    sign: (input: Buffer, key: TestKey) => {
      const signature = signWith(input, key)
      return change(numberOf(signature.subarray(0, 32)), numberOf(signature.subarray(32)))
    },
  })
  return [
    accepted(
      's in the upper half',
      press(changed((r, s) => raw(r, s > order / 2n ? s : order - s))),
    ),
    accepted(
      's in the lower half',
      press(changed((r, s) => raw(r, s < order / 2n ? s : order - s))),
    ),
    accepted(
      'r with a leading zero',
      pressUntil((signature) => signature[0] === 0),
    ),
    accepted(
      's with a leading zero',
      pressUntil((signature) => signature[32] === 0),
    ),
    ...allRefused('bad-signature', [
      ['r and s of zero', pair(0n, 0n)],
      ['r of zero', changed((_, s) => raw(0n, s))],
      ['s of zero', changed((r) => raw(r, 0n))],
      ['r and s of one', pair(1n, 1n)],
      ['r of the order', changed((_, s) => raw(order, s))],
      ['s of the order', changed((r) => raw(r, order))],
      ['r and s of the order', pair(order, order)],
      ['s of one less than the order', changed((r) => raw(r, order - 1n))],
      ['every bit set', pair(2n ** 256n - 1n, 2n ** 256n - 1n)],
      ['r and s swapped', changed((r, s) => raw(s, r))],
      ['r beyond the order that means the same', changed((r, s) => raw(wrap(r), s))],
      ['a signature in DER', { sign: signDer }],
      ['63 bytes', { sign: (input, key) => signWith(input, key).subarray(1) }],
      ['65 bytes, a zero before', { sign: (input, key) => join([0], signWith(input, key)) }],
      ['65 bytes, a zero after', { sign: (input, key) => join(signWith(input, key), [0]) }],
      ['66 bytes, each number with its zero', changed(padded)],
      ['96 bytes, as P-384 has', { sign: () => new Uint8Array(96).fill(1) }],
      ['a signature with SHA-512', { sign: signSha512 }],
    ]),
  ]
}

function rsaCases(): readonly TokenCase[] {
  const withRsa = (sign: (input: Buffer, key: TestKey) => Uint8Array) => ({ key: rsa, sign })
  const header = headerOf(rsa)
  return [
    ...allRefused('bad-signature', [
      ['RS256: an EC signature', { header, key: ec }],
      ['RS256: one bit flipped', withRsa((input, key) => flipped(signWith(input, key)))],
      ['RS256: a byte too few', withRsa((input, key) => signWith(input, key).subarray(1))],
      ['RS256: a zero before', withRsa((input, key) => join([0], signWith(input, key)))],
      ['RS256: a zero after', withRsa((input, key) => join(signWith(input, key), [0]))],
      ['RS256: zeros', withRsa(() => new Uint8Array(256))],
      ['RS256: one', withRsa(() => join(new Uint8Array(255), [1]))],
      ['RS256: more than the modulus', withRsa(() => new Uint8Array(256).fill(0xff))],
      ['RS256: PSS padding', withRsa(signPss)],
      ['RS256: SHA-512', withRsa(signSha512)],
    ]),
  ]
}

function signPss(input: Buffer, { privateKey: key }: TestKey): Buffer {
  // 6 is RSA_PKCS1_PSS_PADDING.
  return signBytes('sha256', input, { key, padding: 6, saltLength: 32 })
}

function signSha512(input: Buffer, { privateKey: key }: TestKey): Buffer {
  return signBytes('sha512', input, { key, dsaEncoding: 'ieee-p1363' })
}

function signDer(input: Buffer, { privateKey }: TestKey): Buffer {
  return signBytes('sha256', input, privateKey)
}

function pressUntil(isFit: (signature: Buffer) => boolean): string {
  for (;;) {
    const token = press()
    if (isFit(Buffer.from(token.split('.')[2] ?? '', 'base64url'))) return token
  }
}

function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`)
}

function raw(r: bigint, s: bigint): Uint8Array {
  return Buffer.from([r, s].map((part) => part.toString(16).padStart(64, '0')).join(''), 'hex')
}

/** r + n where 256 bits hold it, which is rare; else the next odd thing, r + 1. */
function wrap(r: bigint): bigint {
  return r + order < 2n ** 256n ? r + order : r + 1n
}

function padded(r: bigint, s: bigint): Uint8Array {
  const both = raw(r, s)
  return join(join([0], both.subarray(0, 32)), join([0], both.subarray(32)))
}

function join(first: ArrayLike<number>, second: ArrayLike<number>): Uint8Array {
  return Uint8Array.from([...Array.from(first), ...Array.from(second)])
}

function flipped(bytes: Buffer): Uint8Array {
  const copy = Buffer.from(bytes)
  copy[100] = (copy[100] ?? 0) ^ 1
  return copy
}
