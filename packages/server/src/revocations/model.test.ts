import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Aim, type AskedTarget, aimOf, type ReadToken } from './model.ts'

const [resourceId, elsewhere, identityId, tokenId] = [1, 2, 3, 4].map(
  (last) => `0199a6b2-7c00-7000-8000-00000000000${last}`,
) as [string, string, string, string]
const identity = `8:acs:${resourceId}_${identityId}`
const stranger = `8:acs:${elsewhere}_${identityId}`

const texts: Readonly<Record<string, ReadToken>> = {
  own: { kind: 'genuine', tokenId, resourceId },
  foreign: { kind: 'genuine', tokenId, resourceId: elsewhere },
}
const readToken = (text: string): ReadToken => texts[text] ?? { kind: 'not-genuine' }

const invalid: Aim = { kind: 'nothing', status: 'invalid' }
const unknown: Aim = { kind: 'nothing', status: 'unknown' }
const noon = '2026-03-01T12:00:00.0000000+00:00'
const issuedBefore: Aim = {
  kind: 'issued-before',
  identityId,
  beforeMs: Date.parse('2026-03-01T12:00:00Z'),
}

describe('a target of a revocation', () => {
  const cases: readonly (readonly [AskedTarget, Aim])[] = [
    [{ identity }, { kind: 'identity', identityId }],
    [
      { identity, issuedBefore: null, jti: null },
      { kind: 'identity', identityId },
    ],
    [{ identity: stranger }, unknown],
    [{ identity: 'ann' }, invalid],
    [{ identity: '' }, invalid],
    [{ identity, issuedBefore: noon }, issuedBefore],
    [{ identity, issuedBefore: '2026-03-01T13:00:00+01:00' }, issuedBefore],
    [{ identity, issuedBefore: '2026-03-01T12:00:00' }, invalid],
    [{ identity, issuedBefore: '2026-03-01' }, invalid],
    [{ identity, issuedBefore: '2026-13-01T12:00:00Z' }, invalid],
    [{ identity, issuedBefore: '' }, invalid],
    [{ identity: stranger, issuedBefore: noon }, unknown],
    [{ jti: tokenId }, { kind: 'token', tokenId }],
    [{ jti: tokenId.toUpperCase() }, invalid],
    [{ jti: '' }, invalid],
    [{ jti: tokenId, issuedBefore: noon }, invalid],
    [{ token: 'own' }, { kind: 'token', tokenId }],
    [{ token: 'foreign' }, unknown],
    [{ token: 'forged' }, invalid],
    [{ token: '' }, invalid],
    [{}, invalid],
    [{ issuedBefore: noon }, invalid],
    [{ identity, jti: tokenId }, invalid],
    [{ jti: tokenId, token: 'own' }, invalid],
  ]
  for (const [target, aim] of cases) {
    test(`${JSON.stringify(target)} is ${JSON.stringify(aim)}`, () => {
      assert.deepEqual(aimOf(target, resourceId, readToken), aim)
    })
  }
})
