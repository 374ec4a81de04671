import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { CutOff } from '@parley/protocol'
import { createVerifier, type Jwks, type Reason, type Verdict } from './index.ts'
import { createVerifier as createSyncVerifier } from './node.ts'

interface TokenCase {
  readonly what: string
  readonly token: string
  readonly nowMs: number
  readonly audience?: string
  readonly clockToleranceSeconds?: number
  readonly cutOffs?: readonly CutOff[]
  readonly verdict: { readonly ok: boolean; readonly reason?: string }
}

const file = new URL('../../../tests/vectors/tokens.json', import.meta.url)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly issuer: string
  readonly keys: Jwks
  readonly cases: readonly TokenCase[]
}

const entries = { WebCrypto: createVerifier, 'node:crypto': createSyncVerifier }

/** The verdict, or of one that accepts only what the vectors spell out. */
function spelledOut(verdict: Verdict): object {
  if (!verdict.ok) return verdict
  const { ok, identity, resourceId, scopes, expiresAtMs } = verdict
  return { ok, identity, resourceId, scopes, expiresAtMs }
}

for (const [name, create] of Object.entries(entries)) {
  describe(`the verifier on ${name}`, () => {
    for (const { what, token, nowMs, cutOffs = [], verdict, ...options } of vectors.cases) {
      const { audience, clockToleranceSeconds = 0 } = options
      const start = verdict.ok ? 'accepts' : `refuses as ${verdict.reason}`
      test(`${start}: ${what}`, async () => {
        const { issuer, keys } = vectors
        const owner = audience === undefined ? {} : { audience }
        const now = () => nowMs
        const verifier = create({ issuer, keys, clockToleranceSeconds, now, ...owner })
        for (const cutOff of cutOffs) verifier.apply(cutOff)
        assert.deepEqual(spelledOut(await verifier.verify(token)), verdict)
        // Shown again, a good token comes from memory and a bad one is judged afresh.
        assert.deepEqual(spelledOut(await verifier.verify(token)), verdict)
      })
    }
  })
}

test('the vectors have every reason', () => {
  const reasons = new Set(vectors.cases.map(({ verdict }) => verdict.reason))
  // No token is stale; a verifier is (verifier.test.ts).
  const everyReason: Record<Exclude<Reason, 'stale'>, true> = {
    'too-long': true,
    malformed: true,
    'header-not-allowed': true,
    'algorithm-not-allowed': true,
    'wrong-type': true,
    'unknown-key': true,
    'bad-signature': true,
    'bad-claims': true,
    'wrong-issuer': true,
    'wrong-audience': true,
    expired: true,
    'not-yet-valid': true,
    void: true,
  }
  for (const reason of Object.keys(everyReason)) assert.ok(reasons.has(reason), reason)
})
