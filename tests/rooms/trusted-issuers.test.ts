import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { atOnce } from '../calls.ts'
import { communicationAudience as audience, type Issuer, startIssuer } from '../issuer.ts'
import {
  newSigningKey,
  publicJwk,
  type SigningAlgorithm,
  type SigningKey,
  signJwt,
} from '../signing-key.ts'
import { newDataDir, startWorld } from '../world.ts'
import { judged, trusting } from './bearers.ts'

/** An issuer that is trusted, another one that is, and one that nobody has heard of. */
const [issuer, other, stranger] = [await startIssuer(), await startIssuer(), await startIssuer()]
/** One that signs with each of the other algorithms. */
const signers = await Promise.all(
  (['PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const).map((alg) => startIssuer({ alg })),
)
after(async () => {
  for (const one of [issuer, other, stranger, ...signers]) await one.stop()
})

const roles = ['owner']
const world = await startWorld(newDataDir(), {
  PARLEY_DOMAIN: 'parley.test',
  PARLEY_REFUSAL_REASONS: 'on',
  ...trusting(
    { issuer: issuer.issuer, audience, tenant: 'acme', roles },
    { issuer: issuer.issuer, audience: 'second-api', roles },
    { issuer: other.issuer, audience, roles },
    ...signers.map((one) => ({ issuer: one.issuer, audience, roles })),
  ),
})
const tenant = await world.createTenant()

const nowSeconds = () => Math.floor(world.now() / 1000)

/** Claims as the issuer would have them. */
const claims = (rest: object = {}) => ({
  iss: issuer.issuer,
  aud: audience,
  sub: 'ann',
  tid: 'acme',
  exp: nowSeconds() + 600,
  ...rest,
})

/** Signs as the issuer would, or with the key of somebody else. */
function forge(
  header: object,
  said: Record<string, unknown> | string = claims(),
  { alg, kid, privateKey }: SigningKey = issuer.signingKey(),
): Promise<string> {
  return signJwt({ header: { alg, kid, ...header }, claims: said, key: privateKey })
}

/** A JWT with a signature of one's own making. */
function handMade(header: object, sign: (signingInput: string) => string): string {
  const [first, second] = [header, claims()].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  const signingInput = `${first}.${second}`
  return `${signingInput}.${sign(signingInput)}`
}

describe('a bearer of a trusted issuer', () => {
  test('is believed', async () => {
    assert.equal(await judged(world, tenant, await issuer.token({ tid: 'acme' })), '201')
  })

  for (const [index, one] of signers.entries()) {
    const alg = (['PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'] as SigningAlgorithm[])[index]
    test(`is believed when it is signed with ${alg}`, async () => {
      assert.equal(await judged(world, tenant, await one.token()), '201')
    })
  }

  for (const typ of ['JWT', 'at+jwt', 'application/at+jwt', undefined]) {
    test(`is believed with the type ${typ}`, async () => {
      const token = await issuer.token({ tid: 'acme' }, { typ })
      assert.equal(await judged(world, tenant, token), '201')
    })
  }

  test('is believed for each of the audiences that are configured', async () => {
    const token = await issuer.token({ aud: ['second-api', 'third-api'] })
    assert.equal(await judged(world, tenant, token), '201')
  })

  test('is believed again, and expires all the same', async (t) => {
    const token = await issuer.token({ tid: 'acme', exp: nowSeconds() + 100 })
    assert.equal(await judged(world, tenant, token), '201')
    assert.equal(await judged(world, tenant, token), '201')
    world.stopClock(t, (nowSeconds() + 170) * 1000)
    assert.equal(await judged(world, tenant, token), '401 bearer-expired')
  })
})

/** Every way to come by a bearer that is not to be believed, and what the log says of it. */
const refusals: readonly (readonly [string, string, () => Promise<string>])[] = [
  ['bearer-signature-differs', 'a signature of another key', () => forge({}, claims(), thief)],
  ['bearer-signature-differs', 'a changed claim', async () => altered(await issuer.token(named))],
  ['bearer-signature-differs', 'no signature worth the name', async () => handMade(rs, () => 'AA')],
  ['bearer-signature-differs', 'a kid of another issuer', () => forge({}, claims(), theirs())],
  ['bearer-signature-differs', 'a kid of nobody', () => forge({ kid: 'nobody' })],
  ['bearer-signature-differs', 'the keys to be found elsewhere (jku)', () => pointing('jku')],
  ['bearer-signature-differs', 'the keys to be found elsewhere (x5u)', () => pointing('x5u')],
  ['bearer-signature-differs', 'the key brought along (jwk)', () => bringing()],
  ['bearer-signature-differs', 'the iss of another issuer', () => forge({}, fromOther())],
  ['bearer-signature-differs', 'PS256 said of an RS256 signature', relabelled],
  ['bearer-malformed', 'alg none', async () => handMade({ alg: 'none' }, () => '')],
  [
    'bearer-malformed',
    'alg none and a signature',
    async () => handMade({ alg: 'none' }, () => 'AA'),
  ],
  ['bearer-malformed', 'alg None', async () => handMade({ alg: 'None' }, () => 'AA')],
  ['bearer-malformed', 'HS256 with the public key', async () => handMade(hs, withPublicKey)],
  ['bearer-malformed', 'no alg', async () => handMade({}, () => 'AA')],
  ['bearer-malformed', 'alg of a prototype', async () => handMade({ alg: 'toString' }, () => 'AA')],
  ['bearer-malformed', 'crit', () => forge({ crit: ['parley'], parley: 1 })],
  ['bearer-malformed', 'an empty crit', async () => handMade({ ...rs, crit: [] }, () => 'AA')],
  [
    'bearer-malformed',
    'a kid that is no text',
    async () => handMade({ ...rs, kid: 1 }, () => 'AA'),
  ],
  ['bearer-malformed', 'iss twice', () => forge({}, twice())],
  ['bearer-malformed', 'no iss', () => forge({}, claims({ iss: undefined }))],
  ['bearer-malformed', 'no exp', () => issuer.token({ tid: 'acme', exp: undefined })],
  ['bearer-malformed', 'claims that are no JSON', () => forge({}, 'claims')],
  ['bearer-malformed', 'claims that are a list', () => forge({}, '[]')],
  ['bearer-malformed', 'two parts', async () => (await issuer.token()).replace(/\.[^.]*$/, '')],
  ['bearer-malformed', 'four parts', async () => `${await issuer.token()}.a`],
  ['bearer-malformed', 'padding', async () => `${await issuer.token()}=`],
  [
    'bearer-expired',
    'a time that is over',
    () => issuer.token({ ...named, exp: nowSeconds() - 60 }),
  ],
  ['bearer-expired', 'a time to come', () => issuer.token({ ...named, nbf: nowSeconds() + 120 })],
  [
    'bearer-audience-differs',
    'another audience',
    () => issuer.token({ ...named, aud: 'third-api' }),
  ],
  ['bearer-audience-differs', 'no audience', () => forge({}, claims({ aud: undefined }))],
  ['bearer-tenant-differs', 'another tenant', () => issuer.token({ tid: 'evil' })],
  ['bearer-tenant-differs', 'no tenant', () => issuer.token()],
  ['bearer-issuer-unknown', 'an issuer of nobody', () => stranger.token(named)],
  [
    'bearer-issuer-unknown',
    'an issuer with a slash more',
    () => forge({}, claims({ iss: `${issuer.issuer}/` })),
  ],
]

const named = { tid: 'acme' }
const rs = { alg: 'RS256', kid: issuer.signingKey().kid }
const hs = { ...rs, alg: 'HS256' }

/** A key of nobody under the name of the issuer's. */
const thief = { ...newSigningKey('RS256'), kid: issuer.signingKey().kid }

const theirs = () => other.signingKey()

const fromOther = () => claims({ iss: other.issuer })

function twice(): string {
  const once = JSON.stringify(claims())
  return once.replace('{', `{"iss":${JSON.stringify(other.issuer)},`)
}

function pointing(member: 'jku' | 'x5u'): Promise<string> {
  return forge({ [member]: stranger.jwksUri }, claims(), {
    ...stranger.signingKey(),
    kid: stranger.signingKey().kid,
  })
}

function bringing(): Promise<string> {
  const { publicKey, ...key } = newSigningKey('RS256')
  return forge({ jwk: publicKey.export({ format: 'jwk' }) }, claims(), { publicKey, ...key })
}

function altered(token: string): string {
  const [header, , signature] = token.split('.')
  const changed = Buffer.from(JSON.stringify(claims({ sub: 'bob' }))).toString('base64url')
  return `${header}.${changed}.${signature}`
}

async function relabelled(): Promise<string> {
  const [, second, third] = (await forge({})).split('.')
  const header = Buffer.from(JSON.stringify({ ...rs, alg: 'PS256' })).toString('base64url')
  return `${header}.${second}.${third}`
}

function withPublicKey(signingInput: string): string {
  const secret = issuer.signingKey().publicKey.export({ format: 'pem', type: 'spki' })
  return createHmac('sha256', secret).update(signingInput).digest('base64url')
}

describe('a bearer is refused', () => {
  for (const [reason, what, make] of refusals) {
    test(`for ${what}`, async () => {
      assert.equal(await judged(world, tenant, await make()), `401 ${reason}`)
    })
  }

  test('without a question to an issuer that a token names or points to', () => {
    assert.deepEqual(stranger.requestCounts(), { discovery: 0, keys: 0, token: 1 })
  })
})

describe('bearers with keys that are made up', () => {
  test('cause one fetch in ten seconds, and hold nobody up', async (t) => {
    world.stopClock(t, Date.now())
    const good = await issuer.token(named)
    assert.equal(await judged(world, tenant, good), '201')
    const forged = await Promise.all(
      Array.from({ length: 50 }, (_, index) => forge({ kid: `${index}` })),
    )
    world.stopClock(t, world.now() + 10_000)
    const before = issuer.requestCounts()
    const release = holdKeys(issuer)
    const storm = atOnce(1000, (index) => judged(world, tenant, forged[index % 50] ?? ''))
    // The keys are being fetched, and those who need no new one do not wait for that.
    assert.equal(await judged(world, tenant, good), '201')
    assert.equal(await judged(world, tenant, await issuer.token(named)), '201')
    release()
    assert.deepEqual(new Set(await storm), new Set(['401 bearer-signature-differs']))
    const { discovery, keys } = issuer.requestCounts()
    assert.deepEqual([discovery, keys], [before.discovery + 1, before.keys + 1])
    world.stopClock(t, world.now() + 9999)
    assert.equal(await judged(world, tenant, forged[0] ?? ''), '401 bearer-signature-differs')
    assert.equal(issuer.requestCounts().keys, keys)
  })
})

/** Keeps the issuer from answering for its keys until it is released. */
function holdKeys(held: Issuer): () => void {
  const waiting: (() => void)[] = []
  let isHeld = true
  held.intercept((request, response, next) => {
    if (!isHeld || request.url !== '/jwks') return false
    waiting.push(() => next(request, response))
    return true
  })
  return () => {
    isHeld = false
    held.intercept()
    for (const answer of waiting) answer()
  }
}

describe('an issuer that rotates its keys', () => {
  test('is believed by the new key at once, and by the old one while it has it', async (t) => {
    world.stopClock(t, Date.now() + 60_000)
    const old = await other.token()
    assert.equal(await judged(world, tenant, old), '201')
    world.stopClock(t, world.now() + 10_000)
    other.rotateKeys()
    const before = other.requestCounts().keys
    const young = await other.token()
    const answers = await atOnce(20, () => judged(world, tenant, young))
    assert.deepEqual(new Set(answers), new Set(['201']))
    assert.equal(await judged(world, tenant, old), '201')
    assert.equal(other.requestCounts().keys, before + 1)
  })

  test('is believed no more by a key that it has withdrawn', async (t) => {
    world.stopClock(t, Date.now() + 120_000)
    const old = await other.token({ exp: nowSeconds() + 7200 })
    assert.equal(await judged(world, tenant, old), '201')
    other.rotateKeys('forgets')
    world.stopClock(t, world.now() + 10_000)
    assert.equal(await judged(world, tenant, await other.token()), '201')
    assert.equal(await judged(world, tenant, old), '401 bearer-signature-differs')
  })

  test('is believed by the key that now has a name, not by the one that had it', async (t) => {
    world.stopClock(t, Date.now() + 180_000)
    const old = await other.token({ exp: nowSeconds() + 7200 })
    assert.equal(await judged(world, tenant, old), '201')
    const successor = { ...newSigningKey('RS256'), kid: other.signingKey().kid }
    other.intercept((request, response) => {
      if (request.url !== '/jwks') return false
      response.end(JSON.stringify({ keys: [publicJwk(successor)] }))
      return true
    })
    world.stopClock(t, world.now() + 10_000)
    // A key that nobody knows has the others fetched again.
    assert.match(await judged(world, tenant, await forge({ kid: 'x' }, fromOther())), /^401 /)
    assert.equal(await judged(world, tenant, old), '401 bearer-signature-differs')
    const young = await forge({}, claims({ iss: other.issuer }), successor)
    assert.equal(await judged(world, tenant, young), '201')
    other.intercept()
  })
})
