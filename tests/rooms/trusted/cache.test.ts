/**
 * The sealed cache in front of a real server, in memory, in Redis and in SQL.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import {
  createTokenCache,
  type IdentityService,
  memoryStore,
  redisStore,
  type SealedStore,
  sqlStore,
  type TokenCache,
  type TokenCacheOptions,
} from '@parley/trusted-service'
import { createClient } from '@redis/client'
import { sql } from 'kysely'
import { atOnce, claimsOf, createIdentity, liveness, postRevoke } from '../../calls.ts'
import { lacks, redis, theRedis } from './daemons.ts'
import { databaseKinds, migrate } from './databases.ts'
import { newService, type Service } from './the-service.ts'

interface StoreKind {
  readonly name: string
  readonly skip: string | false
  readonly open: () => Promise<OpenStore>
}

interface OpenStore {
  readonly store: SealedStore
  /** Everything in it, as a thief has it. */
  readonly loot: () => Promise<string>
  readonly close: () => Promise<void>
}

const kinds: readonly StoreKind[] = [
  { name: 'memory', skip: false, open: openMemory },
  { name: 'Redis', skip: lacks(redis), open: openRedis },
  ...databaseKinds.map(
    ({ dialect, skip, open }): StoreKind => ({
      name: dialect,
      skip,
      open: async () => {
        const db = await open()
        await migrate(db, { dialect, pattern: 'one-to-one', tokenCache: true })
        const loot = async () => JSON.stringify(await sql`select * from parley_token`.execute(db))
        return { store: sqlStore({ db, dialect }), loot, close: async () => undefined }
      },
    }),
  ),
]

async function openMemory(): Promise<OpenStore> {
  const store = memoryStore()
  const kept: string[] = []
  const put: SealedStore['put'] = async (entry) => {
    kept.push(JSON.stringify(entry))
    await store.put(entry)
  }
  return { store: { ...store, put }, loot: async () => kept.join(), close: async () => undefined }
}

async function openRedis(): Promise<OpenStore> {
  const { socket: path } = await theRedis()
  const client = await createClient({ socket: { path, tls: false } }).connect()
  const loot = async () => {
    const parts: unknown[] = []
    for await (const keys of client.scanIterator()) {
      for (const key of keys) {
        const type = await client.type(key)
        parts.push(key, type === 'hash' ? await client.hGetAll(key) : await client.get(key))
      }
    }
    return JSON.stringify(parts)
  }
  return { store: redisStore({ client }), loot, close: () => client.close() }
}

const secrets = [{ id: 'k1', secret: randomBytes(32) }] as const
const chat = { scopes: ['chat'], lifetimeMinutes: 60 } as const

interface Scene extends OpenStore {
  readonly service: Service
  /** How many tokens the service has issued to the caches. */
  issuedCount: number
  /** Another process that uses the same store. */
  readonly cacheOf: (more?: Partial<TokenCacheOptions>) => TokenCache
  readonly counting: IdentityService
}

async function openScene(kind: StoreKind): Promise<Scene> {
  const [service, opened] = await Promise.all([newService(), kind.open()])
  const { client } = service
  const counting: IdentityService = {
    createUser: (options) => client.createUser(options),
    deleteUser: (user) => client.deleteUser(user),
    revokeTokens: (user) => client.revokeTokens(user),
    getToken: (user, scopes, options) => {
      scene.issuedCount += 1
      return client.getToken(user, scopes, options)
    },
  }
  const cacheOf: Scene['cacheOf'] = (more = {}) =>
    createTokenCache({
      service: counting,
      store: opened.store,
      secrets,
      onFault: (error) => assert.fail(String(error)),
      ...more,
    })
  const scene: Scene = { ...opened, service, issuedCount: 0, cacheOf, counting }
  return scene
}

for (const kind of kinds) {
  describe(`tokens sealed in ${kind.name}`, { skip: kind.skip }, () => {
    let scene: Scene
    before(async () => {
      scene = await openScene(kind)
    })
    after(() => scene.close())
    specifyKeeping(() => scene)
    specifyForgetting(() => scene)
  })
}

function specifyKeeping(sceneHere: () => Scene): void {
  test('issues once for fifty who ask at once, and not at all afterwards', async () => {
    const scene = sceneHere()
    const { service, cacheOf } = scene
    scene.issuedCount = 0
    const identity = await createIdentity(service.tenant)
    const cache = cacheOf()
    const tokens = await atOnce(50, () => cache.tokenFor({ identity, ...chat }))
    assert.deepEqual(await cacheOf().tokenFor({ identity, ...chat }), tokens[0])
    assert.deepEqual([new Set(tokens.map(({ token }) => token)).size, scene.issuedCount], [1, 1])
    const { exp, acsScope } = claimsOf(tokens[0]?.token ?? '')
    assert.deepEqual([exp * 1000, acsScope], [tokens[0]?.expiresAtMs, 'chat'])
  })

  test('gives a stolen store to nobody', async () => {
    const scene = sceneHere()
    const { service, cacheOf } = scene
    const identity = await createIdentity(service.tenant)
    const { token } = await cacheOf().tokenFor({ identity, ...chat })
    const loot = await scene.loot()
    const pieces = [token, ...token.split('.'), claimsOf(token).jti, identity, identity.slice(2)]
    for (const piece of [...pieces, identity.split('_')[1] ?? '', '"chat"']) {
      assert.equal(loot.includes(piece), false, piece)
      assert.equal(loot.includes(Buffer.from(piece).toString('base64url')), false, piece)
    }
    scene.issuedCount = 0
    const thief = cacheOf({ secrets: [{ id: 'k1', secret: randomBytes(32) }] })
    assert.notEqual((await thief.tokenFor({ identity, ...chat })).token, token)
    assert.equal(scene.issuedCount, 1)
  })

  test('reads what an older secret has sealed, and forgets it too', async () => {
    const { service, cacheOf } = sceneHere()
    const identity = await createIdentity(service.tenant)
    const { token } = await cacheOf().tokenFor({ identity, ...chat })
    const rotated = cacheOf({ secrets: [{ id: 'k2', secret: randomBytes(48) }, ...secrets] })
    assert.equal((await rotated.tokenFor({ identity, ...chat })).token, token)
    await rotated.forgetIdentity(identity)
    assert.notEqual((await cacheOf().tokenFor({ identity, ...chat })).token, token)
  })
}

function specifyForgetting(sceneHere: () => Scene): void {
  test('forgets what was revoked, by identity, by token and by cut-off of the feed', async () => {
    const { service, cacheOf } = sceneHere()
    const identity = await createIdentity(service.tenant)
    const [resourceId = '', identityId = ''] = identity.slice(6).split('_')
    const cache = cacheOf()
    const ask = async () => (await cache.tokenFor({ identity, ...chat })).token
    const first = await ask()
    await postRevoke(service.tenant, identity)
    assert.equal(await ask(), first)
    const of = { resourceId, generation: 2 } as const
    const forgettings: ((token: string) => Promise<void>)[] = [
      () => cache.forgetIdentity(identity),
      (token) => cache.forgetToken(token),
      () => cache.forget({ ...of, kind: 'identity', subject: identityId }),
      (token) => cache.forget({ ...of, kind: 'token', subject: claimsOf(token).jti }),
      () => cache.forget({ ...of, kind: 'access-key', subject: 'primary' }),
    ]
    for (const forget of forgettings) {
      const before = await ask()
      await forget(before)
      assert.notEqual(await ask(), before)
    }
    assert.deepEqual(await liveness(service.tenant, [first, await ask()]), [false, true])
  })

  test('keeps nothing that was forgotten while it was being issued', async () => {
    const { service, cacheOf, counting } = sceneHere()
    const identity = await createIdentity(service.tenant)
    const tokens: string[] = []
    const cache = cacheOf({
      service: {
        ...counting,
        getToken: async (user, scopes, options) => {
          const issued = await service.client.getToken(user, scopes, options)
          tokens.push(issued.token)
          if (tokens.length === 1) {
            await service.client.revokeTokens(user)
            await cache.forgetIdentity(identity)
          }
          return issued
        },
      },
    })
    const { token } = await cache.tokenFor({ identity, ...chat })
    assert.deepEqual(tokens.slice(1), [token])
    assert.equal((await cacheOf().tokenFor({ identity, ...chat })).token, token)
    assert.deepEqual(await liveness(service.tenant, [token]), [true])
  })
}

describe('the table of sealed tokens', () => {
  test('loses what has expired', async () => {
    const [kind] = databaseKinds
    assert.ok(kind !== undefined)
    const { dialect } = kind
    const db = await kind.open()
    await migrate(db, { dialect, pattern: 'one-to-one', tokenCache: true })
    const service = await newService()
    const store = sqlStore({ db, dialect })
    const cache = createTokenCache({ service: service.client, store, secrets })
    const identity = await createIdentity(service.tenant)
    const { expiresAtMs } = await cache.tokenFor({ identity, ...chat })
    assert.equal(await store.removeExpired(expiresAtMs - 1), 0)
    assert.equal(await store.removeExpired(expiresAtMs), 1)
  })
})

describe('keys in Redis', { skip: lacks(redis) }, () => {
  test('end with the last token that they are of', async () => {
    const { socket: path } = await theRedis()
    const client = await createClient({ socket: { path, tls: false } }).connect()
    const store = redisStore({ client, prefix: 'ending:' })
    const service = await newService()
    const cache = createTokenCache({ service: service.client, store, secrets })
    const identity = await createIdentity(service.tenant)
    const long = await cache.tokenFor({ identity, scopes: ['chat'], lifetimeMinutes: 120 })
    const short = await cache.tokenFor({ identity, ...chat })
    const keys = (await client.keys('ending:*')).sort()
    const ends = await Promise.all(keys.map((key) => client.pExpireTime(key)))
    const [ofIdentity = 0, ...ofTokens] = ends
    assert.equal(ofIdentity, long.expiresAtMs)
    assert.deepEqual(ofTokens.sort(), [short.expiresAtMs, long.expiresAtMs])
    await cache.forgetToken(short.token)
    await store.clear()
    assert.deepEqual(await client.keys('ending:*'), [])
    await client.close()
  })
})
