import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { fail, ok, type Result } from '@parley/protocol'
import type { JsonObject } from '@parley/verifier/json'
import { serverLimits } from '../contract/limits.ts'
import type { IssuerFault } from './issuer-documents.ts'
import { createIssuerKeys } from './issuer-keys.ts'

const { issuerCooldownMs, issuerRetryMs, issuerKeysFreshMs, issuerKeysStaleMs } = serverLimits

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

function jwk(kid: string | undefined, rest: object = {}): JsonObject {
  return { ...publicKey.export({ format: 'jwk' }), ...(kid && { kid }), ...rest }
}

/** An issuer that publishes what a test says, and counts who asks. */
function issuerOf(...published: readonly JsonObject[]) {
  const state = {
    answer: ok(published) as Result<readonly JsonObject[], IssuerFault>,
    fetchCount: 0,
    faults: [] as string[],
    nowMs: 0,
  }
  const keys = createIssuerKeys({
    fetchKeys: async () => {
      state.fetchCount += 1
      return state.answer
    },
    now: () => state.nowMs,
    onFault: ({ kind }) => state.faults.push(kind),
  })
  /** What comes of looking for a key: its name, or why there is none. */
  const find = async (kid: string | undefined, alg: 'ES256' | 'RS256' = 'ES256') => {
    const found = await keys.find({ kid, alg }, state.nowMs)
    if (!found.ok) return found.fault
    return found.value === undefined ? 'none' : (found.value.kid ?? 'unnamed')
  }
  return { state, find, keys }
}

const down = fail<IssuerFault>({ kind: 'unreachable', document: 'keys' })

describe('the keys of an issuer', () => {
  test('are fetched when the first bearer comes, once for all that wait', async () => {
    const { state, find } = issuerOf(jwk('a'))
    assert.equal(state.fetchCount, 0)
    assert.deepEqual(await Promise.all([find('a'), find('a'), find('b')]), ['a', 'a', 'none'])
    assert.equal(state.fetchCount, 1)
  })

  test('are fetched again for a new one, once in a cooldown, whoever asks', async () => {
    const { state, find } = issuerOf(jwk('a'))
    await find('a')
    state.answer = ok([jwk('a'), jwk('b')])
    state.nowMs = issuerCooldownMs - 1
    assert.deepEqual(await Promise.all([find('b'), find('c')]), ['none', 'none'])
    assert.equal(state.fetchCount, 1)
    state.nowMs = issuerCooldownMs
    const storm = Array.from({ length: 1000 }, (_, index) => find(`made up ${index}`))
    assert.equal(await find('b'), 'b')
    assert.deepEqual(new Set(await Promise.all(storm)), new Set(['none']))
    assert.equal(state.fetchCount, 2)
  })

  test('are given while they are fetched again', async () => {
    const { state, find } = issuerOf(jwk('a'))
    await find('a')
    state.nowMs = issuerKeysFreshMs
    state.answer = ok([jwk('b')])
    assert.equal(await find('a'), 'a')
    assert.equal(state.fetchCount, 2)
    assert.equal(await find('a'), 'none')
    assert.equal(await find('b'), 'b')
  })

  test('stay the same objects as long as they are published', async () => {
    const { state, keys } = issuerOf(jwk('a'))
    const named = { kid: 'a', alg: 'ES256' } as const
    const first = await keys.find(named, 0)
    state.nowMs = issuerKeysFreshMs
    await keys.find(named, state.nowMs)
    const second = await keys.find(named, state.nowMs)
    assert.ok(first.ok && second.ok)
    assert.equal(second.value, first.value)
    assert.equal(state.fetchCount, 2)
  })

  test('count for a day while the issuer is down, and then no more', async () => {
    const { state, find } = issuerOf(jwk('a'))
    await find('a')
    state.answer = down
    state.nowMs = issuerKeysStaleMs - 1
    assert.equal(await find('a'), 'a')
    assert.equal(await find('b'), 'unreachable')
    state.nowMs = issuerKeysStaleMs
    assert.equal(await find('a'), 'unreachable')
    assert.ok(state.faults.every((fault) => fault === 'unreachable'))
  })

  test('are asked for again soon after a failure, but not at once', async () => {
    const { state, find } = issuerOf(jwk('a'))
    state.answer = down
    assert.equal(await find('a'), 'unreachable')
    state.answer = ok([jwk('a')])
    state.nowMs = issuerRetryMs - 1
    assert.equal(await find('a'), 'unreachable')
    assert.equal(state.fetchCount, 1)
    state.nowMs = issuerRetryMs
    assert.equal(await find('a'), 'a')
    assert.deepEqual(state.faults, ['unreachable'])
  })

  test('are asked for by a clock that was set back', async () => {
    const { state, find } = issuerOf(jwk('a'))
    state.nowMs = issuerKeysStaleMs
    await find('a')
    state.nowMs = issuerCooldownMs
    state.answer = ok([jwk('b')])
    assert.equal(await find('b'), 'b')
  })

  test('that can verify nothing are as good as none, and replace none', async () => {
    const { state, find } = issuerOf(jwk('a'))
    await find('a')
    state.nowMs = issuerCooldownMs
    state.answer = ok([jwk('b', { use: 'enc' }), { kty: 'oct', k: 'AAAA', kid: 'b' }])
    assert.equal(await find('b'), 'unreachable')
    assert.deepEqual(state.faults, ['no-keys'])
    assert.equal(await find('a'), 'a')
  })
})

describe('the name of a key', () => {
  const rsa = (modulusLength: number) =>
    generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ format: 'jwk' })
  const unfit: readonly (readonly [string, JsonObject])[] = [
    ['for another use', jwk('a', { use: 'enc' })],
    ['for other operations', jwk('a', { key_ops: ['sign'] })],
    ['for another algorithm', jwk('a', { alg: 'ES384' })],
    ['for an algorithm that is not taken', jwk('a', { alg: 'ES256K' })],
    ['that is none', jwk('a', { x: 'AAAA' })],
    ['of another curve', { ...p384(), kid: 'a' }],
    ['of another kind', { ...rsa(2048), kid: 'a' }],
  ]
  for (const [what, published] of unfit) {
    test(`finds no key ${what}`, async () => {
      assert.equal(await issuerOf(published, jwk('other')).find('a'), 'none')
    })
  }

  test('finds no RSA key of 1024 bits', async () => {
    const weak = { ...rsa(1024), kid: 'a' }
    assert.equal(await issuerOf(weak, jwk('other')).find('a', 'RS256'), 'none')
  })

  test('finds the key that fits the algorithm where two have one name', async () => {
    const both = issuerOf({ ...rsa(2048), kid: 'a' }, jwk('a'))
    assert.equal(await both.find('a', 'ES256'), 'a')
    assert.equal(await both.find('a', 'RS256'), 'a')
  })

  test('may be left out where only one key can be meant', async () => {
    assert.equal(await issuerOf(jwk('a'), { ...rsa(2048), kid: 'r' }).find(undefined), 'a')
    assert.equal(await issuerOf(jwk('a'), jwk('b')).find(undefined), 'none')
    assert.equal(await issuerOf(jwk(undefined)).find(undefined), 'unnamed')
  })
})

function p384(): JsonObject {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  return { ...createPublicKey(privateKey).export({ format: 'jwk' }) }
}
