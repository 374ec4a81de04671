import assert from 'node:assert/strict'
import { generateKeyPairSync, verify } from 'node:crypto'
import { describe, test } from 'node:test'
import type { AccessTokenClaims } from '@parley/protocol'
import { jwtVerify } from 'jose'
import { createTokenSigner } from './sign.ts'

// Making an RSA key takes a quarter of a second: tokens of RS256 are judged where one is made
// anyway, in signing-keys.test.ts.
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const sign = createTokenSigner({ kid: 'k-1', algorithm: 'ES256', privateKey })

const claims: AccessTokenClaims = {
  skypeid: 'acs:11111111-1111-4111-8111-111111111111_22222222-2222-7222-8222-222222222222',
  scp: 1792,
  csi: '1700000000',
  exp: 1_700_003_600,
  rgn: 'amer',
  acsScope: 'chat',
  resourceId: '11111111-1111-4111-8111-111111111111',
  resourceLocation: 'unitedstates',
  iat: 1_700_000_000,
  iss: 'https://parley.example/ä',
  aud: '11111111-1111-4111-8111-111111111111',
  sub: '8:acs:11111111-1111-4111-8111-111111111111_22222222-2222-7222-8222-222222222222',
  jti: '44444444-4444-7444-8444-444444444444',
  gen: 1,
}

/** The three parts of a token as text, and its signature as bytes. */
function partsOf(token: string) {
  const [header = '', payload = '', signature = '', ...rest] = token.split('.')
  assert.equal(rest.length, 0)
  return { header, payload, signature, bytes: Buffer.from(signature, 'base64url') }
}

function decoded(part: string): string {
  return Buffer.from(part, 'base64url').toString('utf8')
}

describe('a token', () => {
  test('has algorithm, key and type in its header, and nothing else', () => {
    assert.equal(decoded(partsOf(sign(claims)).header), '{"alg":"ES256","kid":"k-1","typ":"JWT"}')
  })

  test('has the claims as its payload, in their order', () => {
    assert.equal(decoded(partsOf(sign(claims)).payload), JSON.stringify(claims))
  })

  test('is base64url without padding in each part', () => {
    assert.match(sign(claims), /^[\w-]+\.[\w-]+\.[\w-]+$/)
  })

  test('is found good by jose', async () => {
    const verified = await jwtVerify(sign(claims), publicKey, {
      algorithms: ['ES256'],
      currentDate: new Date(claims.iat * 1000),
      issuer: claims.iss,
      audience: claims.aud,
      subject: claims.sub,
      typ: 'JWT',
    })
    assert.deepEqual(verified.payload, claims)
    assert.deepEqual(verified.protectedHeader, { alg: 'ES256', kid: 'k-1', typ: 'JWT' })
  })

  test('is found bad by jose when its claims were exchanged', async () => {
    const { header, signature } = partsOf(sign(claims))
    const payload = Buffer.from(JSON.stringify({ ...claims, gen: 2 })).toString('base64url')
    await assert.rejects(jwtVerify(`${header}.${payload}.${signature}`, publicKey), {
      code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    })
  })
})

describe('a signature of ES256', () => {
  /** Whether node:crypto finds the signature good in the fixed form of JOSE. */
  const isGood = ({ header, payload, bytes }: ReturnType<typeof partsOf>) => {
    const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
    return verify('sha256', Buffer.from(`${header}.${payload}`), key, bytes)
  }

  test('has 64 bytes and is good, 500 times in a row', () => {
    for (let index = 0; index < 500; index += 1) {
      const parts = partsOf(sign(claims))
      assert.equal(parts.bytes.length, 64)
      assert.ok(isGood(parts))
    }
  })

  // DER has a sign: half of all r and s are 33 bytes there, one in 512 is 31 or less.
  const halves = [
    ['r', 0],
    ['s', 32],
  ] as const
  for (const [name, start] of halves) {
    test(`is filled up with zeros where ${name} is short`, () => {
      let parts = partsOf(sign(claims))
      for (let tries = 0; parts.bytes.readUInt16BE(start) > 0x7f; tries += 1) {
        assert.ok(tries < 20_000, 'chance cannot be this bad')
        parts = partsOf(sign(claims))
      }
      assert.equal(parts.bytes.length, 64)
      assert.ok(isGood(parts))
    })
  }
})
