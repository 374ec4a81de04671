import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fail } from '@parley/protocol'
import type { RoleAssignment } from '../foundation/role.ts'
import type { TrustedIssuer } from '../foundation/trusted-issuer.ts'
import type { BearerPrincipal } from './bearer.ts'
import { judgeClaims } from './bearer-claims.ts'

const noon = 1_700_000_000
const issuer = 'https://login.example'
const trusted: TrustedIssuer = {
  issuer,
  audience: 'https://communication.azure.com',
  tenant: undefined,
  roleClaim: 'roles',
  roles: [],
}
const good = { iss: issuer, sub: 'ann', aud: trusted.audience, exp: noon + 60 }

/** What is decided at noon of claims that are good but for these. */
function judge(claims: object, ...entries: readonly Partial<TrustedIssuer>[]) {
  const all = entries.length === 0 ? [trusted] : entries.map((entry) => ({ ...trusted, ...entry }))
  return judgeClaims({ ...good, ...claims }, all, noon * 1000)
}

function principalOf(claims: object, ...entries: readonly Partial<TrustedIssuer>[]) {
  const judged = judge(claims, ...entries)
  assert.ok(judged.ok)
  return judged.value satisfies BearerPrincipal
}

describe('the times of a bearer', () => {
  const times: readonly (readonly [object, string])[] = [
    [{ exp: noon - 59 }, 'good'],
    [{ exp: noon - 60 }, 'bearer-expired'],
    [{ exp: undefined }, 'bearer-malformed'],
    [{ exp: String(noon + 60) }, 'bearer-malformed'],
    [{ nbf: noon + 60 }, 'good'],
    [{ nbf: noon + 61 }, 'bearer-expired'],
    [{ nbf: 'now' }, 'bearer-malformed'],
    [{ iat: noon + 3600 }, 'good'],
  ]
  for (const [claims, expected] of times) {
    test(`${JSON.stringify(claims)} at ${noon} is ${expected}`, () => {
      const judged = judge(claims)
      assert.equal(judged.ok ? 'good' : judged.fault, expected)
    })
  }
})

describe('the audience of a bearer', () => {
  const audiences: readonly (readonly [unknown, boolean])[] = [
    ['https://communication.azure.com', true],
    ['https://communication.azure.com/', true],
    ['https://communication.azure.com//', true],
    [['somebody', 'https://communication.azure.com//'], true],
    ['https://communication.azure.com.evil.example', false],
    ['https://communication.azure.com/a', false],
    ['HTTPS://communication.azure.com', false],
    [[], false],
    ['', false],
    [undefined, false],
    [{ 0: 'https://communication.azure.com' }, false],
  ]
  for (const [aud, isGood] of audiences) {
    test(`${JSON.stringify(aud)} is ${isGood ? 'meant' : 'not meant'}`, () => {
      assert.equal(judge({ aud }).ok, isGood)
      assert.equal(judge({ aud }, { audience: 'https://communication.azure.com//' }).ok, isGood)
      if (!isGood) assert.deepEqual(judge({ aud }), fail('bearer-audience-differs'))
    })
  }
})

describe('the tenant of a bearer', () => {
  test('is any where none is configured', () => {
    assert.ok(judge({ tid: 'b' }).ok)
  })

  for (const tid of ['b', '', undefined, ['a']]) {
    test(`is refused where it is ${JSON.stringify(tid)} and not the configured one`, () => {
      assert.deepEqual(judge({ tid }, { tenant: 'a' }), fail('bearer-tenant-differs'))
    })
  }

  test('is compared without regard to case', () => {
    assert.ok(judge({ tid: 'A' }, { tenant: 'a' }).ok)
  })

  test('is looked for among the entries for the audience only', () => {
    const entries = [{ tenant: 'a' }, { audience: 'other', tenant: 'b' }]
    assert.deepEqual(judge({ tid: 'b' }, ...entries), fail('bearer-tenant-differs'))
  })
})

describe('the roles of a bearer', () => {
  const owner: RoleAssignment = { role: 'owner', place: '' }
  const reader: RoleAssignment = { role: 'reader', place: '/a' }

  test('are those of its claim, a text or a list, and no other texts', () => {
    assert.deepEqual(principalOf({ roles: 'Owner' }).roles, [owner])
    assert.deepEqual(principalOf({ roles: ['Owner', 'x', 1, 'reader@/A'] }).roles, [owner, reader])
    assert.deepEqual(principalOf({ roles: { owner: true } }).roles, [])
    assert.deepEqual(principalOf({}).roles, [])
  })

  test('are those of the configuration and of the claim that it names', () => {
    const claims = { roles: ['administrator'], 'https://a.example/roles': 'owner' }
    const entry = { roleClaim: 'https://a.example/roles', roles: [reader] }
    assert.deepEqual(principalOf(claims, entry).roles, [reader, owner])
  })

  test('are given by the entries for its audience and tenant only', () => {
    const entries: readonly Partial<TrustedIssuer>[] = [
      { audience: 'other', roles: [owner] },
      { tenant: 'b', roles: [owner] },
      { tenant: 'a', roles: [reader] },
    ]
    assert.deepEqual(principalOf({ tid: 'a' }, ...entries).roles, [reader])
  })
})

describe('whose a bearer is', () => {
  test('is its object and application in Entra ID', () => {
    const claims = { tid: 't', oid: 'o', sub: 's', azp: 'c', scp: 'Chat VoIP', groups: ['g', 1] }
    const { actor, entraToken } = principalOf(claims)
    assert.equal(actor, 'bearer/https://login.example/o')
    assert.deepEqual(entraToken, {
      issuer,
      tenantId: 't',
      objectId: 'o',
      clientId: 'c',
      scopes: ['Chat', 'VoIP'],
      groups: ['g'],
      expiresAtSeconds: noon + 60,
    })
  })

  test('is its subject elsewhere, and the tenant is the issuer', () => {
    const { actor, entraToken } = principalOf({ client_id: 'c', scope: ' a  b ' })
    assert.equal(actor, 'bearer/https://login.example/ann')
    const { tenantId, objectId, clientId, scopes, groups } = entraToken
    const told = { tenantId, objectId, clientId, scopes, groups }
    const expected = { tenantId: issuer, objectId: 'ann', clientId: 'c', scopes: ['a', 'b'] }
    assert.deepEqual(told, { ...expected, groups: [] })
  })

  for (const [sub, appid, expected] of [
    [undefined, 'app', 'good'],
    [undefined, undefined, 'bearer-malformed'],
    ['', undefined, 'bearer-malformed'],
    ['a'.repeat(255), undefined, 'good'],
    ['a'.repeat(256), undefined, 'bearer-malformed'],
  ] as const) {
    test(`is ${expected} for sub ${String(sub).slice(0, 9)} and appid ${appid}`, () => {
      const judged = judge({ sub, appid })
      assert.equal(judged.ok ? 'good' : judged.fault, expected)
    })
  }
})
