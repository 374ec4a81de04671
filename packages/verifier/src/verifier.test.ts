import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { type CutOff, deletedGeneration } from '@parley/protocol'
import { createVerifier, type Jwk, type Verdict, type VerifierOptions } from './index.ts'
import { createVerifier as createSyncVerifier } from './node.ts'

const file = new URL('../../../tests/vectors/tokens.json', import.meta.url)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly issuer: string
  readonly keys: { readonly keys: readonly [Jwk, Jwk] }
  readonly cases: readonly { readonly what: string; readonly token: string; nowMs: number }[]
}
const { issuer, keys } = vectors
const [ec, rsa] = keys.keys

function caseOf(what: string) {
  const found = vectors.cases.find((one) => one.what === what)
  assert.ok(found, what)
  return found
}
const { token, nowMs } = caseOf('a token signed with ES256')
const { token: rsaToken } = caseOf('a token signed with RS256')
const [resourceId = '', identityId = ''] = ['a', 'b'].map(
  (last) => `0199a6b2-7c00-7000-8000-00000000000${last}`,
)
const revoked: CutOff = { kind: 'identity', resourceId, subject: identityId, generation: 4 }
const voidVerdict = { ok: false, reason: 'void', voidedBy: 'identity' } as const

const freshString = (text: string) => Buffer.from(text).toString('latin1')
const refusal = (verdict: Verdict) => (verdict.ok ? 'accepted' : verdict.reason)

const entries = { WebCrypto: createVerifier, 'node:crypto': createSyncVerifier }
for (const [name, create] of Object.entries(entries)) {
  const verifierWith = (changes: Partial<VerifierOptions> = {}) =>
    create({ issuer, keys, now: () => nowMs, ...changes })
  const verifierThatIsStale = () => {
    const verifier = verifierWith()
    verifier.trustUntil(nowMs)
    return verifier
  }

  describe(`a good token on ${name}`, () => {
    test('tells what it says, frozen to the last claim', async () => {
      const verdict = await verifierWith().verify(token)
      assert.ok(verdict.ok)
      assert.equal(verdict.claims.sub, verdict.identity)
      assert.equal(verdict.claims.gen, 3)
      for (const part of [verdict, verdict.claims, verdict.scopes]) {
        assert.equal(Object.isFrozen(part), true)
      }
    })

    test('has one verdict, however often and in which string it is shown', async () => {
      const verifier = verifierWith()
      const first = await verifier.verify(token)
      assert.equal(await verifier.verify(freshString(token)), first)
      assert.equal(await verifier.verify(`x${token}`.slice(1)), first)
    })

    test('is stale from the instant on until which the verifier was told to trust', async () => {
      let atMs = nowMs
      const verifier = verifierWith({ now: () => atMs })
      verifier.trustUntil(nowMs + 1)
      assert.equal((await verifier.verify(token)).ok, true)
      atMs = nowMs + 1
      assert.equal(refusal(await verifier.verify(token)), 'stale')
      verifier.trustUntil(nowMs + 2)
      assert.equal((await verifier.verify(token)).ok, true)
      verifier.trustUntil(Number.NEGATIVE_INFINITY)
      assert.equal(refusal(await verifier.verify(token)), 'stale')
      assert.equal(refusal(await verifierThatIsStale().verify(token)), 'stale')
      assert.throws(() => verifier.trustUntil(Number.NaN), TypeError)
    })

    test('is live again once a snapshot has left its cut-off behind', async () => {
      const verifier = verifierWith()
      verifier.apply(revoked)
      const snapshot = verifier.beginSnapshot()
      assert.throws(() => snapshot.apply({ ...revoked, generation: 1 }), TypeError)
      assert.deepEqual(await verifier.verify(token), voidVerdict)
      snapshot.finish()
      assert.equal((await verifier.verify(token)).ok, true)
      const next = verifier.beginSnapshot()
      next.apply(revoked)
      assert.equal((await verifier.verify(token)).ok, true)
      next.finish()
      assert.deepEqual(await verifier.verify(token), voidVerdict)
    })

    test('that is known to be void is called so, stale or not', async () => {
      const verifier = verifierThatIsStale()
      verifier.apply(revoked)
      assert.deepEqual(await verifier.verify(token), voidVerdict)
    })

    test('is judged afresh each time where nothing is remembered', async () => {
      const verifier = verifierWith({ seenTokensMax: 0 })
      const first = await verifier.verify(token)
      const second = await verifier.verify(token)
      assert.notEqual(second, first)
      assert.deepEqual(second, first)
    })

    test('does not lend its end to another token', async () => {
      const verifier = verifierWith()
      await verifier.verify(token)
      const [header, , signature] = token.split('.')
      const [, claims] = rsaToken.split('.')
      const forged = `${header}.${claims?.replace('A', 'B')}.${signature}`
      assert.notEqual(refusal(await verifier.verify(forged)), 'accepted')
    })

    test('expires while it is remembered', async () => {
      let clock = nowMs
      const verifier = verifierWith({ now: () => clock })
      const first = await verifier.verify(token)
      assert.ok(first.ok)
      clock = first.expiresAtMs - 1
      assert.equal(await verifier.verify(token), first)
      clock = first.expiresAtMs
      const over = { ok: false, reason: 'expired', expiredAtMs: first.expiresAtMs }
      assert.deepEqual(await verifier.verify(token), over)
      assert.deepEqual(await verifier.verify(token), over)
    })

    test('is remembered to the end of the tolerance', async () => {
      let clock = nowMs
      const verifier = verifierWith({ now: () => clock, clockToleranceSeconds: 30 })
      const first = await verifier.verify(token)
      assert.ok(first.ok)
      clock = first.expiresAtMs + 29_999
      assert.equal(await verifier.verify(token), first)
      clock = first.expiresAtMs + 30_000
      assert.equal(refusal(await verifier.verify(token)), 'expired')
    })

    test('is not accepted by a clock that gives no number', async () => {
      let clock = Number.NaN
      const verifier = verifierWith({ now: () => clock })
      assert.equal(refusal(await verifier.verify(token)), 'expired')
      clock = nowMs
      assert.equal(refusal(await verifier.verify(token)), 'accepted')
      clock = Number.NaN
      assert.equal(refusal(await verifier.verify(token)), 'expired')
    })
  })

  describe(`a cut-off on ${name}`, () => {
    test('voids a token that is remembered', async () => {
      const verifier = verifierWith()
      assert.equal(refusal(await verifier.verify(token)), 'accepted')
      verifier.apply(revoked)
      assert.deepEqual(await verifier.verify(token), voidVerdict)
      assert.deepEqual(await verifier.verify(token), voidVerdict)
    })

    test('of something else leaves a remembered token with its verdict', async () => {
      const verifier = verifierWith()
      const first = await verifier.verify(token)
      verifier.apply({ ...revoked, generation: 3 })
      verifier.apply({ ...revoked, subject: resourceId, generation: deletedGeneration })
      assert.equal(await verifier.verify(token), first)
      verifier.apply(revoked)
      assert.deepEqual(await verifier.verify(token), voidVerdict)
    })

    test('may be an event of the feed', async () => {
      const verifier = verifierWith()
      verifier.apply({ ...revoked, seq: 1, forgetAtMs: nowMs } as CutOff)
      assert.deepEqual(await verifier.verify(token), voidVerdict)
    })

    test('stays when keys are replaced', async () => {
      const verifier = verifierWith()
      verifier.apply(revoked)
      verifier.replaceKeys({ keys: [rsa] })
      verifier.replaceKeys(keys)
      assert.deepEqual(await verifier.verify(token), voidVerdict)
    })

    const misuse = [{ kind: 'scope' }, { generation: 0 }, { subject: 'x' }, { resourceId: '' }]
    for (const change of misuse) {
      test(`throws for ${JSON.stringify(change)}`, () => {
        const cutOff = { ...revoked, ...change } as CutOff
        assert.throws(() => verifierWith().apply(cutOff), TypeError)
      })
    }
  })

  describe(`the keys on ${name}`, () => {
    test('when replaced void the tokens of those that are gone, remembered or not', async () => {
      const verifier = verifierWith()
      const remembered = await verifier.verify(rsaToken)
      await verifier.verify(token)
      verifier.replaceKeys({ keys: [rsa] })
      assert.equal(refusal(await verifier.verify(token)), 'unknown-key')
      assert.equal(await verifier.verify(rsaToken), remembered)
    })

    test('open the tokens of a key that was added', async () => {
      const verifier = verifierWith({ keys: { keys: [rsa] } })
      assert.equal(refusal(await verifier.verify(token)), 'unknown-key')
      verifier.replaceKeys(keys)
      assert.equal(refusal(await verifier.verify(token)), 'accepted')
    })

    test('may not change behind the same name without being noticed', async () => {
      const verifier = verifierWith()
      await verifier.verify(token)
      await verifier.verify(rsaToken)
      verifier.replaceKeys({ keys: [ec, { ...rsa, e: 'Aw' }] })
      assert.equal(refusal(await verifier.verify(rsaToken)), 'bad-signature')
      assert.equal(refusal(await verifier.verify(token)), 'accepted')
      verifier.replaceKeys({ keys: [{ ...rsa, kid: ec.kid }] })
      assert.equal(refusal(await verifier.verify(token)), 'algorithm-not-allowed')
    })

    test('stay as they were when their replacement is of no use', async () => {
      const verifier = verifierWith()
      const first = await verifier.verify(token)
      assert.throws(() => verifier.replaceKeys({ keys: [] }), TypeError)
      assert.equal(await verifier.verify(token), first)
    })

    test('know the header of a good token again, and no other', async () => {
      const verifier = verifierWith({ seenTokensMax: 0 })
      for (const text of [token, token, rsaToken, token]) {
        assert.equal(refusal(await verifier.verify(text)), 'accepted')
      }
      const [header = ''] = token.split('.')
      const forgedHeader = rsaToken.replace(/^[^.]*/, header)
      assert.equal(refusal(await verifier.verify(forgedHeader)), 'bad-signature')
      const { token: reordered } = caseOf('a header in another order')
      for (const text of [reordered, token, reordered]) {
        assert.equal(refusal(await verifier.verify(text)), 'accepted')
      }
    })
  })

  describe(`misuse on ${name}`, () => {
    const wrong: readonly (readonly [string, object])[] = [
      ['no issuer', { issuer: undefined }],
      ['an empty issuer', { issuer: '' }],
      ['an audience that is no resource', { audience: 'acme' }],
      ['an audience in upper case', { audience: resourceId.toUpperCase() }],
      ['a negative tolerance', { clockToleranceSeconds: -1 }],
      ['a tolerance of 301 seconds', { clockToleranceSeconds: 301 }],
      ['a tolerance that is no number', { clockToleranceSeconds: Number.NaN }],
      ['half a token to remember', { seenTokensMax: 0.5 }],
      ['fewer than no tokens to remember', { seenTokensMax: -1 }],
      ['too many tokens to remember', { seenTokensMax: 1_000_001 }],
      ['no keys', { keys: undefined }],
      ['a set without a usable key', { keys: { keys: [{ kty: 'oct', k: 'AA', kid: 'a' }] } }],
    ]
    for (const [what, change] of wrong) {
      test(`throws for ${what}`, () => {
        assert.throws(() => verifierWith(change), TypeError)
      })
    }

    for (const value of [undefined, null, 1, {}, [token], Buffer.from(token)]) {
      test(`throws for a token that is ${Buffer.isBuffer(value) ? 'bytes' : value}`, async () => {
        const verifier = verifierWith()
        const verify = async () => verifier.verify(value as unknown as string)
        await assert.rejects(verify, TypeError)
      })
    }
  })
}

describe('while a signature is being verified on WebCrypto', () => {
  const verifierWith = () => createVerifier({ issuer, keys, now: () => nowMs })

  test('a cut-off that is applied still counts', async () => {
    const verifier = verifierWith()
    const pending = verifier.verify(token)
    verifier.apply(revoked)
    assert.deepEqual(await pending, voidVerdict)
  })

  test('a key that is removed still counts', async () => {
    const verifier = verifierWith()
    const pending = verifier.verify(token)
    verifier.replaceKeys({ keys: [rsa] })
    assert.equal(refusal(await pending), 'unknown-key')
    assert.equal(refusal(await verifier.verify(token)), 'unknown-key')
  })

  test('the same token shown again gets the same verdict', async () => {
    const verifier = verifierWith()
    const [first, second] = await Promise.all([verifier.verify(token), verifier.verify(token)])
    assert.equal(refusal(first), 'accepted')
    assert.equal(second, first)
  })

  test('other tokens do not disturb it', async () => {
    const verifier = verifierWith()
    const shown = vectors.cases.filter((one) => one.nowMs === nowMs).map((one) => one.token)
    const together = await Promise.all(shown.map((text) => verifier.verify(text)))
    for (const [index, text] of shown.entries()) {
      const alone = createSyncVerifier({ issuer, keys, now: () => nowMs }).verify(text)
      assert.deepEqual(together[index], alone)
    }
  })
})
