import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createIdentity, getIdentity } from '../calls.ts'
import {
  communicationAudience as audience,
  type Interceptor,
  type Issuer,
  startIssuer,
} from '../issuer.ts'
import { publicJwk } from '../signing-key.ts'
import { newDataDir, startWorld } from '../world.ts'
import { judged, sendBearer, trusting } from './bearers.ts'

const discoveryPath = '/.well-known/openid-configuration'

/** Answers for one document; the provider answers for the other. */
function instead(path: string, answer: (...words: Parameters<Interceptor>) => void): Interceptor {
  return (...words) => {
    if (words[0].url !== path) return false
    answer(...words)
    return true
  }
}

/** Answers for one document with an object. */
function says(path: string, value: object): Interceptor {
  return instead(path, (_, response) => response.end(JSON.stringify(value)))
}

const elsewhere = await startIssuer()

/** What an issuer may do wrong. */
const faults: readonly (readonly [string, (own: Issuer) => Interceptor])[] = [
  ['breaks connections', () => instead(discoveryPath, (request) => request.destroy())],
  ['has no discovery', () => instead(discoveryPath, (_, answer) => answer.writeHead(404).end())],
  ['says nothing', () => instead('/jwks', (_, answer) => answer.end())],
  ['says what is no JSON', () => instead('/jwks', (_, answer) => answer.end('<html>'))],
  ['says that it is another', () => says(discoveryPath, { issuer: elsewhere.issuer })],
  [
    'says that it is itself with a slash more',
    (own) => says(discoveryPath, { issuer: `${own.issuer}/`, jwks_uri: own.jwksUri }),
  ],
  ['names no keys', (own) => says(discoveryPath, { issuer: own.issuer })],
  [
    'has its keys in a file',
    (own) => says(discoveryPath, { issuer: own.issuer, jwks_uri: 'file:///etc/keys.json' }),
  ],
  [
    'has its keys on a host that is asked in the clear',
    (own) => says(discoveryPath, { issuer: own.issuer, jwks_uri: 'http://keys.example/jwks' }),
  ],
  ['has no list of keys', () => says('/jwks', { keys: {} })],
  ['has no keys', () => says('/jwks', { keys: [] })],
  ['has 101 keys', () => says('/jwks', { keys: Array(101).fill({}) })],
  [
    'sends us elsewhere for its keys',
    () => instead('/jwks', (_, answer) => answer.writeHead(302, location(elsewhere.jwksUri)).end()),
  ],
  [
    'sends us elsewhere for everything',
    () =>
      instead(discoveryPath, (_, answer) =>
        answer.writeHead(307, location(`${elsewhere.issuer}${discoveryPath}`)).end(),
      ),
  ],
  [
    'has its key among more than 256 KiB',
    (own) => says('/jwks', { keys: [publicJwk(own.signingKey()), { x5c: 'A'.repeat(262_144) }] }),
  ],
]

const location = (url: string) => ({ location: url })

const issuers = await Promise.all(faults.map(() => startIssuer()))
const good = await startIssuer()
after(async () => {
  for (const one of [...issuers, good, elsewhere]) await one.stop()
})

const roles = ['owner']
const trusted = trusting(...[...issuers, good].map(({ issuer }) => ({ issuer, audience, roles })))
const settings = { PARLEY_DOMAIN: 'parley.test', PARLEY_REFUSAL_REASONS: 'on', ...trusted }
const world = await startWorld(newDataDir(), settings)
const tenant = await world.createTenant()

describe('an issuer that', () => {
  for (const [index, [fault, interceptorOf]] of faults.entries()) {
    const own = issuers[index] as Issuer
    test(`${fault} makes no bearer good or bad`, async () => {
      const token = await own.token()
      own.intercept(interceptorOf(own))
      assert.equal(await judged(world, tenant, token), '503 bearer-issuer-unreachable')
      own.intercept()
    })
  }

  test('is broken leads nobody elsewhere', () => {
    assert.deepEqual(elsewhere.requestCounts(), { discovery: 0, keys: 0, token: 0 })
  })

  test('is well again is believed two seconds later', async (t) => {
    const [own] = issuers as [Issuer]
    world.stopClock(t, Date.now() + 10_000)
    const token = await own.token()
    own.intercept(instead(discoveryPath, (request) => request.destroy()))
    assert.equal(await judged(world, tenant, token), '503 bearer-issuer-unreachable')
    own.intercept()
    const { discovery } = own.requestCounts()
    world.stopClock(t, world.now() + 1999)
    assert.equal(await judged(world, tenant, token), '503 bearer-issuer-unreachable')
    assert.equal(own.requestCounts().discovery, discovery)
    world.stopClock(t, world.now() + 1)
    assert.equal(await judged(world, tenant, token), '201')
  })
})

describe('while an issuer does not answer', () => {
  test('its bearers are asked to come again, and told nothing of themselves', async () => {
    const own = issuers[1] as Issuer
    own.intercept(instead(discoveryPath, (request) => request.destroy()))
    const path = '/identities?api-version=2023-10-01'
    const token = await own.token()
    const { status, headers, body } = await sendBearer(world, tenant, {
      method: 'POST',
      path,
      token,
    })
    own.intercept()
    const message = 'The server is currently unable to handle the request.'
    assert.deepEqual([status, headers['retry-after']], [503, '1'])
    assert.deepEqual(body, { error: { code: 'ServiceUnavailable', message } })
  })

  test('others are served', async () => {
    const own = issuers[2] as Issuer
    let arrived = () => {}
    const asked = new Promise<void>((resolve) => {
      arrived = resolve
    })
    let release = () => {}
    const token = await own.token()
    own.intercept(
      instead(discoveryPath, (request, response, next) => {
        release = () => next(request, response)
        arrived()
      }),
    )
    // What this issuer did before made it one that is not asked for two seconds.
    const fresh = await startWorld(newDataDir(), settings)
    const [ownTenant, waiting] = [await fresh.createTenant(), { isOver: false }]
    const slow = judged(fresh, ownTenant, token).finally(() => {
      waiting.isOver = true
    })
    await asked
    assert.equal(await judged(fresh, ownTenant, await good.token()), '201')
    assert.equal((await getIdentity(ownTenant, await createIdentity(ownTenant))).status, 200)
    assert.equal(waiting.isOver, false)
    release()
    assert.equal(await slow, '201')
    own.intercept()
  })

  test('its bearers are believed for a day by the keys that it had', async (t) => {
    const dayMs = 24 * 60 * 60 * 1000
    world.stopClock(t, Date.now() + 60_000)
    const exp = Math.floor(world.now() / 1000) + 200_000
    const token = await good.token({ exp })
    assert.equal(await judged(world, tenant, token), '201')
    good.intercept((request) => {
      request.destroy()
      return true
    })
    world.stopClock(t, world.now() + dayMs / 2)
    assert.equal(await judged(world, tenant, token), '201')
    world.stopClock(t, world.now() + dayMs)
    assert.equal(await judged(world, tenant, token), '503 bearer-issuer-unreachable')
    good.intercept()
    world.stopClock(t, world.now() + 2000)
    assert.equal(await judged(world, tenant, token), '201')
  })
})
