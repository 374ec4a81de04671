/**
 * Two servers on one database, and everything else that voids tokens or changes what is in memory:
 * what the one has answered, the other knows.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { parseEnvironmentFile } from '@parley/server/admin/environment-file'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import { type ServerProcess, startServer } from '../server-process.ts'
import { type Answer, send, signed } from '../world.ts'
import { newDataDir } from './place.ts'

const version = 'api-version=2025-03-02-preview'
const arm = 'api-version=2025-09-01'
const subscriptions = 'api-version=2022-12-01'
const group = 'resourceGroups/parley/providers/Microsoft.Communication/communicationServices'

/** A resource of a test, as its owner calls it on any server. */
interface Owned {
  readonly path: string
  readonly keys: Readonly<Record<'primaryKey' | 'secondaryKey', string>>
  readonly host: string
}

describe('two servers on one database', () => {
  let outside: TemporaryPostgres
  let one: ServerProcess
  let other: ServerProcess
  before(async () => {
    outside = await startTemporaryPostgres()
    one = await startNode()
    other = await startNode()
  })
  after(async () => {
    await Promise.all([one.stop(), other.stop()])
    await outside.close()
  })

  function startNode(): Promise<ServerProcess> {
    const { username, host, port, database } = outside.postgres.connection
    return startServer({
      dataDir: newDataDir(),
      settings: {
        PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
        PARLEY_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
        PARLEY_ISSUER: 'https://parley.example',
        PARLEY_DOMAIN: 'parley.test',
      },
    })
  }

  function administrate(server: ServerProcess, method: string, path: string, body?: object) {
    const file = readFileSync(server.banner.environmentFile, 'utf8')
    const authorization = `Bearer ${parseEnvironmentFile(file)['PARLEY_ADMIN_TOKEN']}`
    const headers = { authorization, 'content-type': 'application/json' }
    const request = body === undefined ? { method, path } : { method, path, body }
    return send(server.banner.httpOrigin, { ...request, headers })
  }

  async function createOwned(server: ServerProcess, subscriptionId: string): Promise<Owned> {
    const name = `named-${randomBytes(6).toString('hex')}`
    const path = `/subscriptions/${subscriptionId}/${group}/${name}`
    const body = { location: 'global', properties: { dataLocation: 'Europe' } }
    const put = await administrate(server, 'PUT', `${path}?${arm}`, body)
    assert.equal(put.status, 201, put.text)
    const { body: keys } = await administrate(server, 'POST', `${path}/listKeys?${arm}`)
    return { path, keys: keys as unknown as Owned['keys'], host: `${name}.parley.test` }
  }

  function firstSubscription(): string {
    const file = readFileSync(one.banner.environmentFile, 'utf8')
    return parseEnvironmentFile(file)['PARLEY_SUBSCRIPTION_ID'] ?? ''
  }

  /** Calls with the primary key that the owner has. */
  function call(
    server: ServerProcess,
    { keys, host }: Owned,
    request: { readonly path: string; readonly body: object },
  ): Promise<Answer> {
    const { httpOrigin } = server.banner
    const accessKey = Buffer.from(keys.primaryKey, 'base64')
    const asked = { method: 'POST', accessKey, host, ...request }
    return send(httpOrigin, signed(httpOrigin, asked, Date.now()))
  }

  async function issue(
    server: ServerProcess,
    owned: Owned,
    createTokenWithScopes: readonly string[] = ['chat'],
  ): Promise<string> {
    const path = `/identities?${version}`
    const answer = await call(server, owned, { path, body: { createTokenWithScopes } })
    assert.equal(answer.status, 201, answer.text)
    return answer.body.accessToken.token
  }

  function introspect(server: ServerProcess, owned: Owned, token: string): Promise<Answer> {
    return call(server, owned, { path: '/introspect', body: { tokens: [token] } })
  }

  test('both serve a resource the moment it is made', async () => {
    for (let round = 0; round < 20; round++) {
      const owned = await createOwned(one, firstSubscription())
      const token = await issue(other, owned)
      assert.equal((await introspect(one, owned, token)).body.value[0]?.active, true)
    }
  })

  test('both refuse a regenerated key and its tokens, and take the new one', async () => {
    for (let round = 0; round < 20; round++) {
      const owned = await createOwned(one, firstSubscription())
      const token = await issue(other, owned)
      const asked = { keyType: 'Primary' }
      const path = `${owned.path}/regenerateKey?${arm}`
      const answer = await administrate(one, 'POST', path, asked)
      assert.equal(answer.status, 200, answer.text)
      assert.equal((await introspect(other, owned, token)).status, 401)
      const renewed = { ...owned, keys: answer.body as unknown as Owned['keys'] }
      for (const server of [other, one]) {
        assert.equal((await introspect(server, renewed, token)).body.value[0]?.active, false)
      }
    }
  })

  test('both open no more than what a step-down has left', async () => {
    const owned = await createOwned(one, firstSubscription())
    for (let round = 0; round < 40; round++) {
      const [issues, takes] = round % 2 === 0 ? [one, other] : [other, one]
      const token = await issue(issues, owned, ['voip', 'voip.join'])
      const [, payload = ''] = token.split('.')
      const { sub } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
      const body = { targets: [{ identity: sub, scopes: ['voip.join'] }] }
      const answer = await call(takes, owned, { path: '/parley/stepDowns', body })
      assert.equal(answer.status, 200, answer.text)
      for (const server of [issues, takes]) {
        const told = await introspect(server, owned, token)
        assert.match(told.text, /"active":true,"scope":"voip\.join"/)
      }
    }
  })

  test('both let nobody in to a deleted resource, or one of a cancelled subscription', async () => {
    const deleted = await createOwned(one, firstSubscription())
    const token = await issue(other, deleted)
    const { status } = await administrate(one, 'DELETE', `${deleted.path}?${arm}`)
    assert.ok(status < 300)
    assert.equal((await introspect(other, deleted, token)).status, 401)
    const hex = randomBytes(6).toString('hex')
    const subscriptionId = `00000000-0000-4000-8000-${hex}`
    const place = `/subscriptions/${subscriptionId}`
    const made = await administrate(one, 'PUT', `${place}?${subscriptions}`, {})
    assert.ok(made.status < 300, made.text)
    const owned = await createOwned(other, subscriptionId)
    await issue(one, owned)
    const provider = `${place}/providers/Microsoft.Subscription`
    const cancelled = await administrate(one, 'POST', `${provider}/cancel?${subscriptions}`)
    assert.equal(cancelled.status, 200, cancelled.text)
    assert.equal((await introspect(other, owned, token)).status, 401)
    await administrate(other, 'POST', `${provider}/enable?${subscriptions}`)
    assert.equal((await introspect(one, owned, token)).status, 200)
  })

  test('both have only the new signing key after an emergency', async () => {
    const owned = await createOwned(one, firstSubscription())
    const [ofOne, ofOther] = [await issue(one, owned), await issue(other, owned)]
    const path = '/parley/signingKeys/:rotate'
    const rotated = await administrate(one, 'POST', path, { emergency: true })
    assert.equal(rotated.status, 200, rotated.text)
    for (const server of [other, one]) {
      for (const token of [ofOne, ofOther]) {
        assert.equal((await introspect(server, owned, token)).body.value[0]?.active, false)
      }
    }
    for (const [issues, asked] of [
      [one, other],
      [other, one],
    ] as const) {
      const token = await issue(issues, owned)
      assert.equal((await introspect(asked, owned, token)).body.value[0]?.active, true)
    }
  })
})
