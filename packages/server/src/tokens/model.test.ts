import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkClaims, fail, ok, type Scope } from '@parley/protocol'
import { type IdentityVersion, identityVersions } from '../contract/versions.ts'
import {
  claimsFor,
  grantedScopes,
  parseDevice,
  type TokenSubject,
  tokenTerms,
  tokenWindow,
} from './model.ts'

const noonMs = Date.UTC(2026, 10, 22, 12)
const noonSeconds = noonMs / 1000

describe('the window of a token', () => {
  const boundaries = [
    [59, false],
    [60, true],
    [61, true],
    [1439, true],
    [1440, true],
    [1441, false],
    [60.5, false],
    [59.999, false],
    [1440.000001, false],
    [0, false],
    [-60, false],
    [Number.NaN, false],
    [Number.POSITIVE_INFINITY, false],
    [Number.NEGATIVE_INFINITY, false],
    [Number.MAX_SAFE_INTEGER, false],
  ] as const
  for (const [minutes, accepted] of boundaries) {
    test(`${accepted ? 'accepts' : 'refuses'} ${minutes} minutes`, () => {
      const expected = accepted
        ? ok({ issuedAtSeconds: noonSeconds, expiresAtSeconds: noonSeconds + minutes * 60 })
        : fail({ kind: 'lifetime-out-of-range', minutes })
      assert.deepEqual(tokenWindow({ nowMs: noonMs, lifetimeMinutes: minutes }), expected)
    })
  }

  const absent = [{}, { lifetimeMinutes: undefined }]
  for (const asked of absent) {
    test(`is a day long when no lifetime is asked for: ${JSON.stringify(asked)}`, () => {
      assert.deepEqual(
        tokenWindow({ nowMs: noonMs, ...asked }),
        ok({ issuedAtSeconds: noonSeconds, expiresAtSeconds: noonSeconds + 86_400 }),
      )
    })
  }

  const instants = [
    [noonMs, noonSeconds],
    [noonMs + 1, noonSeconds],
    [noonMs + 999, noonSeconds],
    [noonMs + 1000, noonSeconds + 1],
    [0, 0],
  ] as const
  for (const [nowMs, issuedAtSeconds] of instants) {
    test(`begins with the second that has begun, ${issuedAtSeconds}, at ${nowMs} ms`, () => {
      const expiresAtSeconds = issuedAtSeconds + 3600
      assert.deepEqual(
        tokenWindow({ nowMs, lifetimeMinutes: 60 }),
        ok({ issuedAtSeconds, expiresAtSeconds }),
      )
      assert.ok(expiresAtSeconds * 1000 <= nowMs + 3_600_000)
    })
  }
})

describe('the scopes of a token', () => {
  const version = '2023-10-01'
  const field = 'Scopes'

  for (const scopes of [undefined, null, []]) {
    test(`are missing when they are ${JSON.stringify(scopes)}`, () => {
      const expected = fail({ kind: 'scopes-missing', field })
      assert.deepEqual(grantedScopes({ scopes, version, field }), expected)
    })
  }

  const granted: readonly (readonly [asked: readonly string[], granted: readonly Scope[]])[] = [
    [['chat'], ['chat']],
    [['voip'], ['voip']],
    [
      ['voip', 'chat'],
      ['chat', 'voip'],
    ],
    [
      ['chat', 'voip', 'chat', 'chat'],
      ['chat', 'voip'],
    ],
    [
      ['voip.join', 'chat.join.limited', 'chat.join', 'voip', 'chat'],
      ['chat', 'voip', 'chat.join', 'chat.join.limited', 'voip.join'],
    ],
  ]
  for (const [scopes, expected] of granted) {
    test(`are ${expected}, each once and in one order, for ${scopes}`, () => {
      assert.deepEqual(grantedScopes({ scopes, version, field }), ok(expected))
    })
  }

  const unknown: readonly (readonly [asked: readonly string[], unknown: string])[] = [
    [['sms'], 'sms'],
    [['Chat'], 'Chat'],
    [['chat '], 'chat '],
    [[''], ''],
    [['chat,voip'], 'chat,voip'],
    [['chat.joined'], 'chat.joined'],
    [['chat', 'sms', 'email'], 'sms'],
    [['constructor'], 'constructor'],
  ]
  for (const [scopes, scope] of unknown) {
    test(`are refused for the first that does not exist, '${scope}' of ${scopes}`, () => {
      const expected = fail({ kind: 'scope-unknown', field, scope, version })
      assert.deepEqual(grantedScopes({ scopes, version, field }), expected)
    })
  }

  test('are called by the name that the request has for them', () => {
    const other = 'CreateTokenWithScopes'
    assert.deepEqual(
      [
        grantedScopes({ scopes: null, version, field: other }),
        grantedScopes({ scopes: ['sms'], version, field: other }),
      ],
      [
        fail({ kind: 'scopes-missing', field: other }),
        fail({ kind: 'scope-unknown', field: other, scope: 'sms', version }),
      ],
    )
  })
})

describe('the api-version of a scope', () => {
  const versionsWithJoin: readonly IdentityVersion[] = [
    '2023-10-01',
    '2025-03-02-preview',
    '2025-06-30',
    '2026-07-22',
    '2026-09-23',
  ]
  for (const version of identityVersions) {
    const hasJoin = versionsWithJoin.includes(version)
    test(`${version} has chat and voip ${hasJoin ? 'and those to join' : 'alone'}`, () => {
      const outcomes = ['chat', 'voip', 'chat.join', 'chat.join.limited', 'voip.join'].map(
        (scope) => grantedScopes({ scopes: [scope], version, field: 'Scopes' }).ok,
      )
      assert.deepEqual(outcomes, [true, true, hasJoin, hasJoin, hasJoin])
    })
  }

  test('is named when it has not the scope', () => {
    const [scope, version] = ['voip.join', '2022-10-01'] as const
    assert.deepEqual(
      grantedScopes({ scopes: ['chat', scope], version, field: 'Scopes' }),
      fail({ kind: 'scope-unknown', field: 'Scopes', scope, version }),
    )
  })
})

describe('the terms of a token', () => {
  const asked = {
    scopes: ['voip', 'chat'],
    scopesField: 'Scopes',
    lifetimeMinutes: 60,
    version: '2023-10-01',
    nowMs: noonMs + 999,
  } as const

  test('are its scopes and its window', () => {
    const window = { issuedAtSeconds: noonSeconds, expiresAtSeconds: noonSeconds + 3600 }
    assert.deepEqual(tokenTerms(asked), ok({ scopes: ['chat', 'voip'], window }))
  })

  for (const lifetimeMinutes of [null, undefined]) {
    test(`last a day when the lifetime is ${lifetimeMinutes}`, () => {
      const window = { issuedAtSeconds: noonSeconds, expiresAtSeconds: noonSeconds + 86_400 }
      const expected = ok({ scopes: ['chat', 'voip'], window })
      assert.deepEqual(tokenTerms({ ...asked, lifetimeMinutes }), expected)
    })
  }

  test('are refused for the scopes first, then for the lifetime', () => {
    assert.deepEqual(
      [
        tokenTerms({ ...asked, scopes: [], lifetimeMinutes: 59 }),
        tokenTerms({ ...asked, scopes: ['sms'], lifetimeMinutes: 59 }),
        tokenTerms({ ...asked, lifetimeMinutes: 59 }),
      ],
      [
        fail({ kind: 'scopes-missing', field: 'Scopes' }),
        fail({ kind: 'scope-unknown', field: 'Scopes', scope: 'sms', version: '2023-10-01' }),
        fail({ kind: 'lifetime-out-of-range', minutes: 59 }),
      ],
    )
  })
})

describe('the claims of a token', () => {
  const resourceId = '11111111-1111-4111-8111-111111111111'
  const identityId = '22222222-2222-7222-8222-222222222222'
  const subject: TokenSubject = {
    resource: {
      resourceId,
      subscriptionId: '33333333-3333-4333-8333-333333333333',
      resourceGroup: 'group',
      name: 'name',
      dataLocation: 'Asia Pacific',
      isLocalAuthDisabled: false,
      isSubscriptionEnabled: true,
    },
    identityId,
    generation: 7,
    accessKey: { slot: 'secondary', generation: 3 },
    tokenId: '44444444-4444-7444-8444-444444444444',
    issuer: 'https://parley.example',
  }
  const window = { issuedAtSeconds: 1_700_000_000, expiresAtSeconds: 1_700_003_600 }
  const terms = { scopes: ['chat', 'voip.join'], window } as const

  const expected = {
    skypeid: `acs:${resourceId}_${identityId}`,
    scp: 1792,
    csi: '1700000000',
    exp: 1_700_003_600,
    rgn: 'apac',
    acsScope: 'chat,voip.join',
    resourceId,
    resourceLocation: 'asiapacific',
    iat: 1_700_000_000,
    iss: 'https://parley.example',
    aud: resourceId,
    sub: `8:acs:${resourceId}_${identityId}`,
    jti: '44444444-4444-7444-8444-444444444444',
    gen: 7,
    akg: 'secondary.3',
  }

  test('are those that clients read, the registered ones, and both generations', () => {
    assert.deepEqual(claimsFor(subject, terms), expected)
  })

  test('stand in the order of the service, so that tokens look like its own', () => {
    assert.deepEqual(Object.keys(claimsFor(subject, terms)), Object.keys(expected))
  })

  test('have no akg where no access key stands behind the token', () => {
    const { akg: _, ...others } = expected
    assert.deepEqual(claimsFor({ ...subject, accessKey: undefined }, terms), others)
  })

  test('pass the check that verifiers make of them', () => {
    const claims = claimsFor(subject, terms)
    assert.deepEqual(checkClaims({ ...claims }), {
      claims,
      resourceId,
      identityId,
      scopes: ['chat', 'voip.join'],
      accessKey: { slot: 'secondary', generation: 3 },
    })
  })
})

describe('the label of a device', () => {
  const labels = [
    [undefined, true],
    ['', false],
    [' ', true],
    ['~', true],
    ['\u007f', false],
    ['\u00e9', false],
    ['a\nb', false],
    ['x'.repeat(64), true],
    ['x'.repeat(65), false],
    [['a', 'b'], false],
  ] as const
  for (const [label, accepted] of labels) {
    test(`${accepted ? 'may' : 'may not'} be ${JSON.stringify(label)}`, () => {
      const parsed = parseDevice(label)
      assert.equal(parsed.ok, accepted)
      if (parsed.ok) assert.equal(parsed.value, label)
    })
  }
})
