import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { isSameKey, type Jwk, readKeySet, type VerificationKey } from './keys.ts'

const file = new URL('../../../tests/vectors/tokens.json', import.meta.url)
const [ec, rsa] = JSON.parse(readFileSync(file, 'utf8')).keys.keys as [Jwk, Jwk]

const kidsOf = (...keys: readonly unknown[]) => {
  const read = readKeySet({ keys })
  return read.ok ? read.value.map(({ kid }) => kid) : read.fault.kind
}

/** The big-endian bytes of a member, changed, as base64url. */
function changed(member: unknown, change: (bytes: Buffer) => Uint8Array): string {
  return Buffer.from(change(Buffer.from(member as string, 'base64url'))).toString('base64url')
}

/** No modulus of a real key, but nothing that reading it could know better. */
function rsaOf(bits: number): Jwk {
  return { ...rsa, kid: `rsa-${bits}`, n: Buffer.alloc(bits / 8, 0xff).toString('base64url') }
}

const inHex = (hex: string) => Buffer.from(hex, 'hex').toString('base64url')
const withZero = (bytes: Buffer) => Buffer.concat([Buffer.of(0), bytes])

// Adding the prime to an x of zero gives the same point in another spelling.
const p256Prime = 'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff'
const atZero = {
  x: inHex('00'.repeat(32)),
  y: inHex('66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4'),
}

describe('a key set', () => {
  test('gives its keys for ES256 and RS256, reduced to what makes them', () => {
    const read = readKeySet({ keys: [ec, rsa] })
    assert.deepEqual(read.ok && read.value, [
      {
        kid: 'test-ec-1',
        alg: 'ES256',
        jwk: { kty: 'EC', crv: 'P-256', x: ec.x, y: ec.y },
        signatureBytes: 64,
      },
      {
        kid: 'test-rsa-1',
        alg: 'RS256',
        jwk: { kty: 'RSA', n: rsa.n, e: 'AQAB' },
        signatureBytes: 256,
      },
    ])
  })

  test('leaves aside the keys that it cannot use', () => {
    const other = { kty: 'OKP', crv: 'Ed25519', x: 'AAAA', kid: 'other' }
    assert.deepEqual(kidsOf(other, ec, { kty: 'oct', k: 'AAAA', kid: 'secret' }), ['test-ec-1'])
  })

  test('needs neither alg nor use, which the kind of the key says already', () => {
    const { alg: _, use: __, ...bare } = ec
    assert.deepEqual(kidsOf(bare), ['test-ec-1'])
    assert.deepEqual(kidsOf({ ...bare, key_ops: ['verify'] }), ['test-ec-1'])
  })

  const useless: readonly (readonly [string, Jwk])[] = [
    ['without a kid', { ...ec, kid: undefined }],
    ['with an empty kid', { ...ec, kid: '' }],
    ['with a kid that is no text', { ...ec, kid: 1 }],
    ['that shows its private half', { ...ec, d: 'AAAA' }],
    ['for encryption', { ...ec, use: 'enc' }],
    ['for signing only', { ...ec, key_ops: ['sign'] }],
    ['with key_ops that are no list', { ...ec, key_ops: 'verify' }],
    ['of another curve', { ...ec, crv: 'P-384' }],
    ['for another algorithm', { ...ec, alg: 'ES256K' }],
    ['of RSA for PSS', { ...rsa, alg: 'PS256' }],
    ['of RSA for encryption', { ...rsa, alg: 'RSA-OAEP' }],
    ['without y', { ...ec, y: undefined }],
    ['with x in numbers', { ...ec, x: [1, 2] }],
    ['with a zero before x', { ...ec, x: changed(ec.x, withZero) }],
    ['with a byte less of x', { ...ec, x: changed(ec.x, (x) => x.subarray(1)) }],
    ['with padding after x', { ...ec, x: `${ec.x}=` }],
    ['beside the curve', { ...ec, y: changed(ec.y, (y) => y.fill(1, 31)) }],
    ['at the origin', { ...ec, x: 'A'.repeat(43), y: 'A'.repeat(43) }],
    ['with x beyond the prime', { ...ec, ...atZero, x: inHex(p256Prime) }],
    ['of RSA with 2,047 bits', { ...rsa, n: changed(rsa.n, (n) => setFirst(n, 0x7f)) }],
    ['of RSA with a zero before n', { ...rsa, n: changed(rsa.n, withZero) }],
    ['of RSA with a zero before e', { ...rsa, e: changed(rsa.e, withZero) }],
    ['of RSA with an even modulus', { ...rsa, n: changed(rsa.n, (n) => n.fill(2, 255)) }],
    ['of RSA with the exponent 1', { ...rsa, e: 'AQ' }],
    ['of RSA with an even exponent', { ...rsa, e: 'AQAA' }],
    ['of RSA with an exponent of 5 bytes', { ...rsa, e: 'AQAAAAE' }],
    ['of RSA without an exponent', { ...rsa, e: '' }],
  ]
  for (const [what, key] of useless) {
    test(`has no use for a key ${what}`, () => {
      assert.equal(kidsOf(key), 'no-usable-key')
      assert.equal(kidsOf({ ...(key.kty === 'EC' ? rsa : ec), kid: 'other' }, key).length, 1)
    })
  }

  test('takes RSA of 2,048 to 8,192 bits', () => {
    const keys = [1024, 2040, 2048, 3072, 8192, 8200].map(rsaOf)
    assert.deepEqual(kidsOf(...keys), ['rsa-2048', 'rsa-3072', 'rsa-8192'])
  })

  test('takes the point of the curve whose x is zero', () => {
    assert.deepEqual(kidsOf({ ...ec, ...atZero }), ['test-ec-1'])
  })

  test('takes the exponent 3', () => {
    assert.deepEqual(kidsOf({ ...rsa, e: 'Aw' }), ['test-rsa-1'])
  })

  test('may not use one kid for two keys', () => {
    assert.deepEqual(readKeySet({ keys: [ec, { ...rsa, kid: ec.kid }] }), {
      ok: false,
      fault: { kind: 'kid-used-twice', kid: 'test-ec-1' },
    })
  })

  test('holds 64 keys at most', () => {
    const keys = Array.from({ length: 65 }, (_, number) => ({ ...ec, kid: `${number}` }))
    assert.equal(kidsOf(...keys), 'too-many-keys')
    assert.equal(kidsOf(...keys.slice(1)).length, 64)
  })

  for (const set of [
    undefined,
    null,
    'keys',
    [],
    {},
    { keys: {} },
    { keys: [null] },
    { keys: [1] },
  ]) {
    test(`is not ${JSON.stringify(set)}`, () => {
      assert.deepEqual(readKeySet(set), { ok: false, fault: { kind: 'not-a-key-set' } })
    })
  }

  test('without keys is of no use', () => {
    assert.equal(kidsOf(), 'no-usable-key')
  })
})

describe('a key', () => {
  const read = (...keys: readonly Jwk[]) => {
    const set = readKeySet({ keys })
    return (set.ok ? set.value[0] : undefined) as VerificationKey
  }

  test('is the same key whatever else is published about it', () => {
    assert.equal(isSameKey(read(ec), read({ ...ec, use: undefined })), true)
  })

  test('is another key when its name stays and its numbers change', () => {
    assert.equal(isSameKey(read(rsa), read({ ...rsa, e: 'Aw' })), false)
  })
})

function setFirst(bytes: Buffer, first: number): Buffer {
  bytes[0] = first
  return bytes
}
