import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import { type CutOff, deletedGeneration, scopeSubject } from '@parley/protocol'
import { createOpenings, createVerifier as createUniversalVerifier, type Jwks } from './index.ts'
import { createVerifier } from './node.ts'

const file = new URL('../../../tests/vectors/tokens.json', import.meta.url)
const { issuer, keys, cases } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly issuer: string
  readonly keys: Jwks
  readonly cases: readonly { readonly what: string; readonly token: string; nowMs: number }[]
}
const found = cases.find((one) => one.what === 'a token signed with ES256')
const { token, nowMs: noonMs } = found ?? assert.fail('no such vector')
const accepted = createVerifier({ issuer, keys, now: () => noonMs }).verify(token)
assert.ok(accepted.ok)
const verdict = accepted
const { resourceId, claims } = verdict
const identityId = verdict.identity.slice(-36)
const cutOff = (kind: CutOff['kind'], subject: string, generation: number): CutOff => ({
  ...{ kind, resourceId, subject, generation },
})

/** Something held open under the token, and the clock of its verifier. */
function hold(context: TestContext, clockToleranceSeconds = 0) {
  let nowMs = noonMs
  const now = () => nowMs
  const verifier = createVerifier({ issuer, keys, now, clockToleranceSeconds })
  const openings = createOpenings(verifier, now)
  let closed = 0
  const letGo = openings.hold({ token, verdict }, () => closed++)
  context.after(letGo)
  return {
    ...{ openings, letGo, verifier },
    closed: () => closed,
    setNow: (atMs: number) => {
      nowMs = atMs
    },
  }
}

describe('what is held open under a token', () => {
  const causes: readonly (readonly [string, CutOff, number])[] = [
    ['the revocation of its identity', cutOff('identity', identityId, claims.gen + 1), 1],
    ['no earlier revocation of its identity', cutOff('identity', identityId, claims.gen), 0],
    ['its own revocation', cutOff('token', claims.jti, deletedGeneration), 1],
    ['the end of its resource', cutOff('resource', resourceId, deletedGeneration), 1],
    ['no revocation of another identity', cutOff('identity', resourceId, deletedGeneration), 0],
  ]
  for (const [what, cause, count] of causes) {
    test(`is closed by ${what}`, (t) => {
      const { openings, closed } = hold(t)
      openings.apply(cause)
      openings.apply(cause)
      assert.deepEqual([closed(), openings.count()], [count, 1 - count])
    })
  }

  test('is closed by a step-down that leaves none of the scopes that it needs', (t) => {
    const [scope] = verdict.scopes
    assert.ok(scope !== undefined && verdict.scopes.length > 1, 'a token with several scopes')
    const { openings, verifier, closed } = hold(t)
    let narrowed = 0
    const letGo = openings.hold({ token, verdict, scopes: [scope] }, () => narrowed++)
    t.after(letGo)
    openings.apply(cutOff('identity-scope', scopeSubject(identityId, scope), claims.gen + 1))
    assert.deepEqual([narrowed, closed()], [1, 0])
    assert.equal(verifier.verify(token).ok, true)
  })

  test('is closed by a snapshot that voids it, not before that is whole', (t) => {
    const { openings, closed } = hold(t)
    const snapshot = openings.beginSnapshot()
    snapshot.apply(cutOff('identity', identityId, deletedGeneration))
    assert.equal(closed(), 0)
    snapshot.finish()
    assert.equal(closed(), 1)
  })

  test('is closed when its signing key is gone', (t) => {
    const { openings, closed } = hold(t)
    const [{ kid }] = [JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())]
    openings.replaceKeys({ keys: keys.keys.filter((key) => key.kid !== kid) })
    assert.equal(closed(), 1)
  })

  test('stays open while its token is only stale', (t) => {
    const { openings, closed, verifier } = hold(t)
    openings.trustUntil(Number.NEGATIVE_INFINITY)
    openings.apply(cutOff('identity', identityId, claims.gen))
    const refused = verifier.verify(token)
    assert.equal(refused.ok ? '' : refused.reason, 'stale')
    assert.equal(closed(), 0)
    openings.apply(cutOff('identity', identityId, deletedGeneration))
    assert.equal(closed(), 1)
  })

  for (const toleranceSeconds of [0, 60]) {
    test(`is closed when it expires, ${toleranceSeconds} s later at most`, (t) => {
      t.mock.timers.enable({ apis: ['setTimeout'] })
      const { closed, setNow } = hold(t, toleranceSeconds)
      const pass = (atMs: number, ms: number) => {
        setNow(atMs)
        t.mock.timers.tick(ms)
      }
      const leftMs = verdict.expiresAtMs - noonMs
      pass(verdict.expiresAtMs - 1, leftMs - 1)
      assert.equal(closed(), 0)
      pass(verdict.expiresAtMs, 1)
      assert.equal(closed(), toleranceSeconds === 0 ? 1 : 0)
      pass(verdict.expiresAtMs + toleranceSeconds * 1000, 1000)
      assert.equal(closed(), 1)
    })
  }

  test('is not closed after it was let go', (t) => {
    const { openings, closed, letGo } = hold(t)
    letGo()
    letGo()
    openings.apply(cutOff('identity', identityId, deletedGeneration))
    assert.deepEqual([closed(), openings.count()], [0, 0])
  })

  test('is closed at once where its token was voided since it was judged', () => {
    const verifier = createVerifier({ issuer, keys, now: () => noonMs })
    const openings = createOpenings(verifier, () => noonMs)
    verifier.apply(cutOff('identity', identityId, deletedGeneration))
    let closed = 0
    openings.hold({ token, verdict }, () => closed++)
    assert.deepEqual([closed, openings.count()], [1, 0])
  })

  test('is closed under a verifier that answers later, too', async () => {
    const verifier = createUniversalVerifier({ issuer, keys, now: () => noonMs })
    const openings = createOpenings(verifier, () => noonMs)
    const closed = new Promise<void>((resolve) => {
      openings.hold({ token, verdict }, resolve)
    })
    openings.apply(cutOff('identity', identityId, deletedGeneration))
    await closed
  })

  test('is not held under a verdict that refuses', () => {
    const verifier = createVerifier({ issuer, keys, now: () => noonMs })
    const refused = { ok: false, reason: 'stale' } as unknown as typeof verdict
    const { hold: holdUnder } = createOpenings(verifier)
    assert.throws(() => holdUnder({ token, verdict: refused }, () => undefined), TypeError)
  })
})
