import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, type JsonWebKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createLocalJWKSet, type JWK, jwtVerify, SignJWT } from 'jose'
import { createVerifier, type Verdict } from './index.ts'
import { createVerifier as createSyncVerifier } from './node.ts'

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../tests/vectors/${name}.json`, import.meta.url), 'utf8'))
const { ec, rsa } = read('keys') as { readonly ec: JWK; readonly rsa: JWK }
const { issuer, keys } = read('tokens') as {
  readonly issuer: string
  readonly keys: { keys: JWK[] }
}

const resourceId = '0199a6b2-7c00-7000-8000-00000000000a'
const identityId = '0199a6b2-7c00-7000-8000-00000000000b'
const issuedAtSeconds = 1_799_049_600
const now = () => (issuedAtSeconds + 60) * 1000
const options = { issuer, keys, now }

const claimsWith = (changes: object) => ({
  skypeid: `acs:${resourceId}_${identityId}`,
  scp: 1792,
  csi: `${issuedAtSeconds}`,
  exp: issuedAtSeconds + 3600,
  rgn: 'amer',
  acsScope: 'chat',
  resourceId,
  resourceLocation: 'unitedstates',
  iat: issuedAtSeconds,
  iss: issuer,
  aud: resourceId,
  sub: `8:acs:${resourceId}_${identityId}`,
  jti: '0199a6b2-7c00-7000-8000-00000000000c',
  gen: 1,
  ...changes,
})

const joseKeys = createLocalJWKSet(keys)
const joseVerify = (token: string) =>
  jwtVerify(token, joseKeys, { issuer, typ: 'JWT', currentDate: new Date(now()) })

const reasonOf = (verdict: Verdict) => (verdict.ok ? 'accepted' : verdict.reason)

describe('jose', () => {
  for (const jwk of [ec, rsa]) {
    const key = createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' })
    const alg = jwk.alg ?? ''
    const header = { alg, typ: 'JWT', kid: jwk.kid ?? '' }

    test(`signs ${alg} tokens that both entries accept, with their claims`, async () => {
      const byWebCrypto = createVerifier(options)
      const byNode = createSyncVerifier(options)
      for (let gen = 1; gen <= 20; gen++) {
        const claims = claimsWith({ gen, acsScope: gen % 2 === 0 ? 'chat' : 'voip,chat' })
        const token = await new SignJWT(claims).setProtectedHeader(header).sign(key)
        for (const verdict of [await byWebCrypto.verify(token), byNode.verify(token)]) {
          assert.deepEqual(verdict.ok && verdict.claims, claims)
        }
      }
    })

    test(`accepts and refuses as we do ${alg} tokens signed by node:crypto`, async () => {
      for (const changes of [{}, { iss: 'https://other.example' }, { exp: issuedAtSeconds + 60 }]) {
        const segments = [header, claimsWith(changes)]
        const input = segments.map((one) => Buffer.from(JSON.stringify(one)).toString('base64url'))
        const signed = { key, dsaEncoding: 'ieee-p1363' as const }
        const signature = sign('sha256', Buffer.from(input.join('.')), signed)
        const token = `${input.join('.')}.${signature.toString('base64url')}`
        const isFine = await joseVerify(token).then(
          () => true,
          () => false,
        )
        assert.equal(createSyncVerifier(options).verify(token).ok, isFine)
        assert.equal((await createVerifier(options).verify(token)).ok, isFine)
      }
    })
  }

  test('has accepted whatever we accept of the vectors', async () => {
    const { cases } = read('tokens') as {
      readonly cases: readonly { token: string; nowMs: number; verdict: { ok: boolean } }[]
    }
    const accepted = cases.filter(({ verdict, nowMs }) => verdict.ok && nowMs === now())
    assert.ok(accepted.length > 20)
    for (const { token } of accepted) await joseVerify(token)
  })
})

describe('a token with one character changed', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const byWebCrypto = createVerifier(options)
  const byNode = createSyncVerifier(options)

  const refusals = async (token: string) => {
    const reasons = [reasonOf(byNode.verify(token)), reasonOf(await byWebCrypto.verify(token))]
    assert.equal(reasons[0], reasons[1], token)
    return reasons[0]
  }

  for (const jwk of [ec, rsa]) {
    const key = createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' })
    const header = { alg: jwk.alg ?? '', typ: 'JWT', kid: jwk.kid ?? '' }
    const pressed = new SignJWT(claimsWith({})).setProtectedHeader(header).sign(key)

    test(`is refused by both entries for one reason: ${header.alg}, every character`, async () => {
      const token = await pressed
      assert.equal(await refusals(token), 'accepted')
      for (let at = 0; at < token.length; at++) {
        // Within the alphabet one bit is changed, high or low by turns.
        const bit = at % 2 === 0 ? 1 : 32
        for (const other of [alphabet.charAt(alphabet.indexOf(token.charAt(at)) ^ bit), '~']) {
          const changed = token.slice(0, at) + other + token.slice(at + 1)
          assert.notEqual(await refusals(changed), 'accepted', `${other} at ${at}`)
        }
      }
      assert.equal(await refusals(token), 'accepted')
    })
  }

  test('or with any other change is refused by both entries for one reason', async () => {
    const key = createPrivateKey({ key: ec as JsonWebKey, format: 'jwk' })
    const header = { alg: 'ES256', typ: 'JWT', kid: ec.kid ?? '' }
    const token = await new SignJWT(claimsWith({})).setProtectedHeader(header).sign(key)
    const piece = fc.string({ unit: fc.constantFrom(...'.AZaz09-_= {}"é'), maxLength: 5 })
    const place = fc.nat({ max: token.length })
    await fc.assert(
      fc.asyncProperty(place, fc.nat({ max: 5 }), piece, async (at, removed, inserted) => {
        const changed = token.slice(0, at) + inserted + token.slice(at + removed)
        if (changed !== token) assert.notEqual(await refusals(changed), 'accepted')
      }),
      { numRuns: 500 },
    )
  })
})

test('the published halves of the test keys belong to the private ones', () => {
  for (const [index, jwk] of [ec, rsa].entries()) {
    const shown = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }).export({
      format: 'jwk',
    })
    const { kid: _, alg: __, use: ___, ...published } = keys.keys[index] ?? {}
    assert.deepEqual(shown, published)
  }
})
