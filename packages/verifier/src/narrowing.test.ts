import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { type CutOff, type Scope, scopeSubject } from '@parley/protocol'
import { createVerifier, type Jwks, type Verdict, type VerifierOptions } from './index.ts'
import { createVerifier as createSyncVerifier } from './node.ts'

const file = new URL('../../../tests/vectors/tokens.json', import.meta.url)
const { issuer, keys, cases } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly issuer: string
  readonly keys: Jwks
  readonly cases: readonly { readonly what: string; readonly token: string; nowMs: number }[]
}
const { token = '', nowMs = 0 } = cases.find((one) => one.what.endsWith('signed with ES256')) ?? {}
const [resourceId = '', identityId = ''] = ['a', 'b'].map(
  (last) => `0199a6b2-7c00-7000-8000-00000000000${last}`,
)

/** The cut-off that takes a scope from tokens below a generation; the token's is 3. */
const taking = (scope: Scope, generation = 4): CutOff => ({
  ...{ kind: 'identity-scope', resourceId, generation },
  subject: scopeSubject(identityId, scope),
})
const revoked: CutOff = { kind: 'identity', resourceId, subject: identityId, generation: 9 }
const noScopeLeft = { ok: false, reason: 'void', voidedBy: 'identity-scope' } as const

const scopesOf = (verdict: Verdict) => (verdict.ok ? verdict.scopes : verdict.reason)

for (const [name, create] of [
  ['WebCrypto', createVerifier],
  ['node:crypto', createSyncVerifier],
] as const) {
  const verifierWith = (changes: Partial<VerifierOptions> = {}) =>
    create({ issuer, keys, now: () => nowMs, ...changes })

  describe(`a token of somebody who was stepped down, on ${name}`, () => {
    for (const seenTokensMax of [100, 0]) {
      const how = seenTokensMax === 0 ? 'judged afresh' : 'remembered'
      test(`opens what is left, ${how}, and says what was signed`, async () => {
        const verifier = verifierWith({ seenTokensMax })
        assert.deepEqual(scopesOf(await verifier.verify(token)), ['chat', 'voip'])
        verifier.apply(taking('voip'))
        const verdict = await verifier.verify(token)
        assert.ok(verdict.ok)
        assert.deepEqual(verdict.scopes, ['chat'])
        assert.equal(verdict.claims.acsScope, 'chat,voip')
        for (const part of [verdict, verdict.claims, verdict.scopes]) {
          assert.equal(Object.isFrozen(part), true)
        }
        verifier.apply(taking('chat'))
        assert.deepEqual(await verifier.verify(token), noScopeLeft)
        assert.deepEqual(await verifier.verify(token), noScopeLeft)
      })
    }

    test('has another verdict, and the one that was given stays as it was', async () => {
      const verifier = verifierWith()
      const wide = await verifier.verify(token)
      verifier.apply(taking('voip'))
      const narrow = await verifier.verify(token)
      assert.notEqual(narrow, wide)
      assert.deepEqual(scopesOf(wide), ['chat', 'voip'])
      assert.deepEqual(narrow, { ...wide, scopes: ['chat'] })
      assert.equal(await verifier.verify(token), narrow)
      verifier.apply({ ...revoked, generation: 3 })
      verifier.apply(taking('voip.join', 9))
      assert.equal(await verifier.verify(token), narrow)
    })

    test('has the verdict it had where nothing of its own was taken', async () => {
      const verifier = verifierWith()
      const first = await verifier.verify(token)
      verifier.apply(taking('voip', 3))
      verifier.apply(taking('voip.join', 9))
      verifier.apply({ ...taking('voip', 9), subject: scopeSubject(resourceId, 'voip') })
      assert.equal(await verifier.verify(token), first)
    })

    test('is never wider for a snapshot that has left a cut-off behind', async () => {
      const verifier = verifierWith()
      verifier.apply(taking('voip'))
      assert.deepEqual(scopesOf(await verifier.verify(token)), ['chat'])
      verifier.beginSnapshot().finish()
      assert.deepEqual(scopesOf(await verifier.verify(token)), ['chat'])
      const snapshot = verifier.beginSnapshot()
      snapshot.apply(taking('chat'))
      assert.deepEqual(scopesOf(await verifier.verify(token)), ['chat'])
      snapshot.finish()
      assert.deepEqual(await verifier.verify(token), noScopeLeft)
    })

    test('is void when it is revoked, and void rather than stale', async () => {
      const verifier = verifierWith()
      await verifier.verify(token)
      verifier.apply(taking('voip'))
      verifier.trustUntil(nowMs)
      assert.equal(scopesOf(await verifier.verify(token)), 'stale')
      verifier.apply(taking('chat'))
      assert.deepEqual(await verifier.verify(token), noScopeLeft)
      verifier.apply(revoked)
      assert.deepEqual(await verifier.verify(token), { ...noScopeLeft, voidedBy: 'identity' })
    })
  })
}

test('a step-down while a signature is being verified on WebCrypto still counts', async () => {
  const verifier = createVerifier({ issuer, keys, now: () => nowMs })
  const pending = verifier.verify(token)
  verifier.apply(taking('voip'))
  assert.deepEqual(scopesOf(await pending), ['chat'])
})
