import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { IdentityService } from '../service.ts'
import { createTokenCache, type TokenCache, type TokenCacheOptions } from './cache.ts'
import { memoryStore, type SealedStore } from './stores.ts'

const minuteMs = 60_000
const request = { identity: '8:acs:r_i', scopes: ['chat'], lifetimeMinutes: 60 } as const
const secrets = [{ id: 'a', secret: new Uint8Array(32) }]

interface Scene {
  nowMs: number
  issuedCount: number
  readonly faults: unknown[]
  readonly service: IdentityService
  readonly cache: (more?: Partial<TokenCacheOptions>) => TokenCache
}

function newScene(store: SealedStore = memoryStore({ now: () => 0 })): Scene {
  const refuse = () => Promise.reject(new Error('not of this scene'))
  const service: IdentityService = {
    createUser: refuse,
    deleteUser: refuse,
    revokeTokens: refuse,
    getToken: async (_user, _scopes, options) => {
      scene.issuedCount += 1
      const lifeMs = (options?.tokenExpiresInMinutes ?? 0) * minuteMs
      return { token: `token-${scene.issuedCount}`, expiresOn: new Date(scene.nowMs + lifeMs) }
    },
  }
  const faults: unknown[] = []
  const scene: Scene = {
    nowMs: 0,
    issuedCount: 0,
    faults,
    service,
    cache: (more = {}) =>
      createTokenCache({
        service,
        store,
        secrets,
        onFault: (error) => faults.push(error),
        now: () => scene.nowMs,
        random: () => 0.5,
        ...more,
      }),
  }
  return scene
}

describe('the cache', () => {
  test('hands out one token until it is early, and replaces it behind the scenes', async () => {
    const scene = newScene()
    const cache = scene.cache()
    const at = async (minute: number) => {
      scene.nowMs = minute * minuteMs
      const { token } = await cache.tokenFor(request)
      await cache.settled()
      return token
    }
    assert.deepEqual(
      [await at(0), await at(39.9), await at(40), await at(40)],
      ['token-1', 'token-1', 'token-1', 'token-2'],
    )
  })

  test('never hands out a token with less than the rest of life', async () => {
    const scene = newScene()
    const cache = scene.cache({ restMinutes: 20, aheadMinutes: 0 })
    for (let minute = 0; minute < 600; minute += 7) {
      scene.nowMs = minute * minuteMs
      const { expiresAtMs } = await cache.tokenFor(request)
      assert.ok(expiresAtMs - scene.nowMs >= 20 * minuteMs)
    }
    assert.equal(scene.issuedCount, 15)
  })

  test('does not hand out a token that the service has issued for less', async () => {
    const scene = newScene()
    const asked = { ...request, lifetimeMinutes: 10 }
    await assert.rejects(scene.cache().tokenFor(asked), /shorter than restMinutes/)
  })

  test('hands out the old one while replacing it fails, and says so aside', async () => {
    const scene = newScene()
    const store = memoryStore({ now: () => 0 })
    await scene.cache({ store }).tokenFor(request)
    const getToken = () => Promise.reject(new Error('the service is away'))
    const cache = scene.cache({ store, service: { ...scene.service, getToken } })
    scene.nowMs = 44 * minuteMs
    assert.equal((await cache.tokenFor(request)).token, 'token-1')
    await cache.settled()
    assert.deepEqual(scene.faults.map(String), ['Error: the service is away'])
    scene.nowMs = 46 * minuteMs
    await assert.rejects(cache.tokenFor(request), /the service is away/)
    await assert.rejects(cache.tokenFor(request), /the service is away/)
  })

  test('gives tokens while its store is away', async () => {
    const away = () => Promise.reject(new Error('the store is away'))
    const scene = newScene({
      get: away,
      put: away,
      deleteIdentity: away,
      deleteToken: away,
      clear: away,
    })
    assert.equal((await scene.cache().tokenFor(request)).token, 'token-1')
    assert.deepEqual(new Set(scene.faults.map(String)), new Set(['Error: the store is away']))
    await assert.rejects(scene.cache().forgetIdentity(request.identity), /the store is away/)
  })

  test('draws another instant for each token', async () => {
    const chances = [0, 1]
    const scene = newScene()
    const cache = scene.cache({ random: () => chances.shift() ?? 0 })
    const other = { ...request, identity: '8:acs:r_j' }
    await cache.tokenFor(request)
    await cache.tokenFor(other)
    scene.nowMs = 36 * minuteMs
    await Promise.all([cache.tokenFor(request), cache.tokenFor(other)])
    await cache.settled()
    assert.equal(scene.issuedCount, 3)
  })

  test('issues once for who comes while another reads, and for who has read before', async () => {
    const gates: (() => void)[] = []
    const scene = newScene(gatedStore(gates))
    const issuing: (() => void)[] = []
    const getToken: IdentityService['getToken'] = async (...asked) => {
      if (scene.issuedCount > 0) await new Promise<void>((resolve) => issuing.push(resolve))
      return scene.service.getToken(...asked)
    }
    const cache = scene.cache({ service: { ...scene.service, getToken } })
    const ask = async () => (await cache.tokenFor(request)).token
    const both = [ask(), ask()]
    await open(gates)
    assert.deepEqual(await Promise.all(both), ['token-1', 'token-1'])
    scene.nowMs = 44 * minuteMs
    const early = ask()
    await open(gates)
    assert.equal(await early, 'token-1')
    const readBefore = ask()
    await open(issuing)
    await cache.settled()
    await open(gates)
    await open(gates)
    assert.equal(await readBefore, 'token-2')
    assert.equal(scene.issuedCount, 2)
  })

  test('hands nobody what was forgotten before he asked', async () => {
    const gates: (() => void)[] = []
    const cache = newScene(gatedStore(gates)).cache()
    const ask = async () => (await cache.tokenFor(request)).token
    const issued = ask()
    await open(gates)
    await issued
    const before = ask()
    await open([])
    await cache.forgetIdentity(request.identity)
    const after = ask()
    await open(gates)
    assert.deepEqual(await Promise.all([before, after]), ['token-1', 'token-2'])
  })

  test('takes a mistake in its options for one', async () => {
    const { cache } = newScene()
    for (const options of [{ restMinutes: 0 }, { restMinutes: 60 }, { aheadMinutes: -1 }]) {
      assert.throws(() => cache(options), TypeError)
    }
    assert.throws(() => memoryStore({ entriesMax: 0 }), TypeError)
    await assert.rejects(cache().tokenFor({ ...request, scopes: [] }), TypeError)
  })
})

/** A store that has read at once, and says so only when its gate is opened. */
function gatedStore(gates: (() => void)[]): SealedStore {
  const kept = memoryStore({ now: () => 0 })
  return {
    ...kept,
    get: async (address) => {
      const found = await kept.get(address)
      await new Promise<void>((resolve) => gates.push(resolve))
      return found
    },
  }
}

/** Lets those read on who are reading now, or come to it first. */
async function open(gates: (() => void)[]): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve()
  for (const gate of gates.splice(0)) gate()
}

test('the memory store drops the oldest beyond its limit, and what has expired', async () => {
  let nowMs = 0
  const store = memoryStore({ entriesMax: 2, now: () => nowMs })
  for (const entryHash of ['a', 'b', 'c']) {
    await store.put({
      identityHash: entryHash,
      entryHash,
      tokenHash: entryHash,
      sealed: entryHash,
      expiresAtMs: 10,
    })
  }
  const read = () =>
    Promise.all(['a', 'b', 'c'].map((entryHash) => store.get({ identityHash: '', entryHash })))
  assert.deepEqual(await read(), [undefined, 'b', 'c'])
  nowMs = 10
  assert.deepEqual(await read(), [undefined, undefined, undefined])
})
