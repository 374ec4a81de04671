import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Refused, Verdict } from '@parley/verifier'
import { explain } from './explain.ts'

const nowMs = Date.UTC(2026, 10, 22, 12)
const known = { issuer: 'https://here', nowMs }

function refused(verdict: Refused): string {
  return explain(verdict, { ...known, isActive: false }).sentence
}

describe('a token is explained', () => {
  test('as live when the server says so, whatever was seen offline', () => {
    const verdict: Verdict = { ok: false, reason: 'unknown-key' }
    assert.equal(explain(verdict, { ...known, isActive: true }).reason, 'live')
  })

  test('as void when it is genuine and the server refuses it', () => {
    const verdict = { ok: true } as Verdict
    assert.equal(explain(verdict, { ...known, isActive: false }).reason, 'void')
  })

  test('as expired, with how long ago, at least a minute', () => {
    const at = (expiredAtMs: number) => refused({ ok: false, reason: 'expired', expiredAtMs })
    assert.match(at(nowMs - 90 * 60_000), /it expired 90 min ago\.$/)
    assert.match(at(nowMs - 1), /it expired 1 min ago\.$/)
  })

  test('as of another issuer, with the one that was expected', () => {
    assert.match(refused({ ok: false, reason: 'wrong-issuer' }), /than https:\/\/here\.$/)
  })

  test('in a sentence of its own for each reason that stands for something else', () => {
    const reasons = [
      'malformed',
      'unknown-key',
      'bad-signature',
      'bad-claims',
      'wrong-type',
      'stale',
    ]
    const sentences = reasons.map((reason) => refused({ ok: false, reason } as Refused))
    assert.equal(new Set(sentences).size, reasons.length)
  })
})
