import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, randomBytes, verify } from 'node:crypto'
import { describe, test } from 'node:test'
import type { AccessTokenClaims } from '@parley/protocol'
import { calculateJwkThumbprint, compactVerify, importJWK, type JWK } from 'jose'
import { createPlatform } from '../foundation/platform.ts'
import { createSealer } from '../foundation/seal.ts'
import { createTokenSigner } from './sign.ts'
import { newSigningKey, openSigningKey, type StoredSigningKey } from './signing-keys.ts'

const platform = createPlatform({ now: () => 0, monotonicNow: () => 0, randomBytes })
const sealer = createSealer(Buffer.alloc(32, 1), platform)
const claims = { sub: 'ä', gen: 1 } as unknown as AccessTokenClaims

/** A token that the private half has signed, as what is signed and the signature. */
function signedWith(stored: StoredSigningKey) {
  const privateKey = openSigningKey(stored, sealer)
  assert.ok(privateKey !== undefined)
  const token = createTokenSigner({ ...stored, privateKey })(claims)
  const end = token.lastIndexOf('.')
  return {
    token,
    signed: Buffer.from(token.slice(0, end)),
    signature: Buffer.from(token.slice(end + 1), 'base64url'),
  }
}

const kinds = [
  ['ES256', 'EC', ['crv', 'x', 'y'], { namedCurve: 'prime256v1' }, 64],
  ['RS256', 'RSA', ['e', 'n'], { modulusLength: 2048, publicExponent: 65_537n }, 256],
] as const

for (const [algorithm, kty, members, details, signatureBytes] of kinds) {
  describe(`a signing key for ${algorithm}`, () => {
    const stored = newSigningKey(algorithm, sealer)
    const { kid, publicJwk } = stored
    const shown = createPublicKey({ key: publicJwk as JWK, format: 'jwk' })

    test('is shown as a public key for signatures, with no private part', () => {
      const { kty: kind, use, alg, kid: shownKid, ...parts } = publicJwk
      assert.deepEqual([kind, use, alg, shownKid], [kty, 'sig', algorithm, kid])
      assert.deepEqual(Object.keys(parts).sort(), members)
    })

    test('is named by its thumbprint of RFC 7638', async () => {
      assert.equal(kid, await calculateJwkThumbprint(publicJwk as JWK))
    })

    test('opens to the private half of what is shown', () => {
      const privateKey = openSigningKey(stored, sealer)
      assert.ok(privateKey !== undefined)
      assert.equal(privateKey.type, 'private')
      assert.deepEqual(privateKey.asymmetricKeyDetails, details)
      assert.ok(createPublicKey(privateKey).equals(shown))
    })

    test('signs tokens that jose finds good by what is shown', async () => {
      const key = await importJWK(publicJwk as JWK)
      const verified = await compactVerify(signedWith(stored).token, key)
      assert.deepEqual(verified.protectedHeader, { alg: algorithm, kid, typ: 'JWT' })
      assert.deepEqual(JSON.parse(new TextDecoder().decode(verified.payload)), claims)
    })

    test(`signs with ${signatureBytes} bytes that node:crypto finds good`, () => {
      const { signed, signature } = signedWith(stored)
      assert.equal(signature.length, signatureBytes)
      assert.ok(verify('sha256', signed, { key: shown, dsaEncoding: 'ieee-p1363' }, signature))
    })

    test('does not open under another master key', () => {
      const other = createSealer(Buffer.alloc(32, 2), platform)
      assert.equal(openSigningKey(stored, other), undefined)
    })

    test('does not open under the name of another key', () => {
      const { kid: otherKid } = newSigningKey('ES256', sealer)
      assert.equal(openSigningKey({ ...stored, kid: otherKid }, sealer), undefined)
    })

    test('is stored with its private half sealed', () => {
      const read = () =>
        createPrivateKey({ key: stored.sealedPrivateKey, format: 'der', type: 'pkcs8' })
      assert.throws(read)
      assert.equal(stored.algorithm, algorithm)
    })
  })
}

describe('signing keys', () => {
  test('differ from each other', () => {
    const kids = Array.from({ length: 20 }, () => newSigningKey('ES256', sealer).kid)
    assert.equal(new Set(kids).size, kids.length)
  })
})
