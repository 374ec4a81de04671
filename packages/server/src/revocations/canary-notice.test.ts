import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type CanaryNotice, parseCanaryNotice, printCanaryNotice } from './canary-notice.ts'

const tokenId = '0190a5ad-93f4-7c1e-8d2b-3c4d5e6f7a8b'
const identityId = '11111111-1111-4111-8111-111111111111'

describe('a notice of a canary', () => {
  const times = { issuedAtSeconds: 1_780_000_000, expiresAtSeconds: 1_780_000_120 }
  const notices: readonly CanaryNotice[] = [
    { kind: 'live', tokenId, identityId, generation: 7, ...times },
    { kind: 'void', tokenId },
  ]
  for (const notice of notices) {
    test(`says all that a node needs when it is ${notice.kind}`, () => {
      assert.deepEqual(parseCanaryNotice(printCanaryNotice(notice)), notice)
    })
  }

  for (const text of ['', '7:9', 'canary:', 'canary:void:x', `canary:live:${tokenId}`]) {
    test(`is none: "${text}"`, () => {
      assert.equal(parseCanaryNotice(text), undefined)
    })
  }
})
