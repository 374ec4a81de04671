import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type AccessTokenClaims,
  checkClaims,
  isGeneration,
  parseAccessKeyGeneration,
  printAccessKeyGeneration,
} from './claims.ts'

const resourceId = '0199a6b2-0000-7000-8000-00000000000a'
const identityId = '0199a6b2-0000-7000-8000-00000000000b'
const claims: AccessTokenClaims = {
  skypeid: `acs:${resourceId}_${identityId}`,
  scp: 1792,
  csi: '1790000000',
  exp: 1_790_086_400,
  rgn: 'amer',
  acsScope: 'chat,voip',
  resourceId,
  resourceLocation: 'unitedstates',
  iat: 1_790_000_000,
  iss: 'https://parley.example',
  aud: resourceId,
  sub: `8:acs:${resourceId}_${identityId}`,
  jti: '0199a6b2-0000-7000-8000-00000000000c',
  gen: 3,
  akg: 'secondary.2',
}

describe('the claims of an access token', () => {
  test('say whose token it is, what it opens and which key it was issued under', () => {
    assert.deepEqual(checkClaims({ ...claims }), {
      claims,
      resourceId,
      identityId,
      scopes: ['chat', 'voip'],
      accessKey: { slot: 'secondary', generation: 2 },
    })
  })

  test('name no access key when the token was issued under an Entra bearer', () => {
    const { akg: _, ...rest } = claims
    assert.equal(checkClaims(rest)?.accessKey, undefined)
    assert.equal(checkClaims(rest)?.identityId, identityId)
  })

  test('may hold more than we know', () => {
    assert.equal(checkClaims({ ...claims, future: [1, 2] })?.identityId, identityId)
  })

  for (const name of Object.keys(claims).filter((claim) => claim !== 'akg')) {
    test(`are refused without ${name}`, () => {
      const { [name]: _, ...rest } = claims as unknown as Record<string, unknown>
      assert.equal(checkClaims(rest), undefined)
    })

    test(`are refused when ${name} is of another type`, () => {
      for (const wrong of [null, true, [], {}, Number.NaN]) {
        assert.equal(checkClaims({ ...claims, [name]: wrong }), undefined)
      }
    })
  }

  const contradictions = [
    ['another resource than that of the identity', { resourceId: identityId }],
    ['another audience than the resource', { aud: identityId }],
    ['another skypeid than the identity', { skypeid: `acs:${identityId}_${identityId}` }],
    ['a list of audiences', { aud: [resourceId] }],
    ['no scope', { acsScope: '' }],
    ['an unknown scope', { acsScope: 'chat,sms' }],
    ['a token id that is no GUID', { jti: '1' }],
    ['generation 0', { gen: 0 }],
    ['the generation of what was deleted', { gen: 0xffff_ffff }],
    ['a generation as text', { gen: '3' }],
    ['an access key that is neither the primary nor the secondary', { akg: 'tertiary.1' }],
    ['an access key that is null', { akg: null }],
    ['an end in milliseconds', { exp: 1_790_086_400_000 }],
    ['an end before the start', { exp: claims.iat - 1 }],
    ['a fraction of a second', { iat: claims.iat + 0.5 }],
    ['a negative start', { iat: -1, exp: 100 }],
  ] as const
  for (const [what, change] of contradictions) {
    test(`are refused with ${what}`, () => {
      assert.equal(checkClaims({ ...claims, ...change }), undefined)
    })
  }

  const lifetimes = [
    [0, false],
    [1, true],
    [86_400, true],
    [86_401, false],
  ] as const
  for (const [seconds, accepted] of lifetimes) {
    test(`${accepted ? 'may' : 'may not'} last ${seconds} seconds`, () => {
      const checked = checkClaims({ ...claims, exp: claims.iat + seconds })
      assert.equal(checked !== undefined, accepted)
    })
  }
})

describe('a generation', () => {
  const values = [
    [0, false],
    [1, true],
    [0xffff_fffe, true],
    [0xffff_ffff, false],
    [1.5, false],
    [-1, false],
    ['1', false],
    [undefined, false],
  ] as const
  for (const [value, accepted] of values) {
    test(`${accepted ? 'is' : 'is not'} ${JSON.stringify(value)}`, () => {
      assert.equal(isGeneration(value), accepted)
    })
  }
})

describe('the access key of a token', () => {
  test('is printed and read back the same', () => {
    for (const slot of ['primary', 'secondary'] as const) {
      for (const generation of [1, 10, 0xffff_fffe]) {
        const text = printAccessKeyGeneration({ slot, generation })
        assert.deepEqual(parseAccessKeyGeneration(text), { slot, generation })
      }
    }
  })

  const refused = ['', 'primary', 'primary.', 'primary.0', 'primary.01', 'primary.4294967295']
  const alsoRefused = [
    'Primary.1',
    'primary.1 ',
    'primary.-1',
    'primary.1e3',
    ' primary.1',
    1,
    null,
  ]
  for (const text of [...refused, ...alsoRefused]) {
    test(`is not ${JSON.stringify(text)}`, () => {
      assert.equal(parseAccessKeyGeneration(text), undefined)
    })
  }
})
