/**
 * A verifier elsewhere that is waited for hangs on one of two servers; what the other one answers
 * holds for it too, while the first works, is held up, and is killed.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import { type Following, fetchJwks, followRevocations } from '@parley/verifier'
import { createVerifier } from '@parley/verifier/node'
import { makeCredential } from '../credentials.ts'
import { until } from '../followers.ts'
import { type ServerProcess, startServer } from '../server-process.ts'
import { killed, newDataDir } from './place.ts'

const version = 'api-version=2025-03-02-preview'
const issuer = 'https://parley.example'

describe('a follower of one of two servers', () => {
  let outside: TemporaryPostgres
  let servers: readonly [own: ServerProcess, other: ServerProcess]
  let following: Following
  let judge: (token: string) => string
  before(async () => {
    outside = await startTemporaryPostgres()
    servers = [await startNode(), await startNode()]
    const [own] = servers
    const endpoint = own.banner.httpOrigin
    const keys = await fetchJwks({ url: `${endpoint}/.well-known/jwks.json` })
    assert.ok(keys.ok)
    const verifier = createVerifier({ keys: keys.value, issuer })
    const { secret: credential } = await makeCredential(own, { mayBeWaitedFor: true })
    const how = { acknowledge: true, maxStalenessMs: 10_000 }
    following = followRevocations({ verifier, endpoint, credential, ...how })
    judge = (token) => {
      const verdict = verifier.verify(token)
      return verdict.ok ? 'ok' : verdict.reason
    }
    await following.ready
  })
  after(async () => {
    following.close()
    for (const { child } of servers) child.kill('SIGCONT')
    await Promise.all(servers.map((server) => server.stop()))
    await outside.close()
  })

  function startNode(): Promise<ServerProcess> {
    const { username, host, port, database } = outside.postgres.connection
    return startServer({
      dataDir: newDataDir(),
      settings: {
        PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
        PARLEY_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
        PARLEY_ISSUER: issuer,
      },
    })
  }

  /** A token that the follower accepts. */
  async function acceptedHolder() {
    const [, other] = servers
    const path = `/identities?${version}`
    const asked = { method: 'POST', path, body: { createTokenWithScopes: ['chat'] } }
    const { status, body } = await other.call(asked)
    assert.equal(status, 201)
    const { token } = body.accessToken
    await until(() => judge(token) === 'ok', 'the lease')
    return { id: body.identity.id, token }
  }

  async function revokeAtTheOther(id: string) {
    const path = `/identities/${id}/:revokeAccessTokens?${version}`
    assert.equal((await servers[1].call({ method: 'POST', path })).status, 204)
  }

  test('accepts nothing that the other one has voided', async () => {
    for (let round = 0; round < 20; round++) {
      const { id, token } = await acceptedHolder()
      await revokeAtTheOther(id)
      assert.notEqual(judge(token), 'ok')
    }
  })

  test('nor while its own is held up', async () => {
    const { id, token } = await acceptedHolder()
    servers[0].child.kill('SIGSTOP')
    await revokeAtTheOther(id)
    const verdict = judge(token)
    servers[0].child.kill('SIGCONT')
    assert.notEqual(verdict, 'ok')
    await until(() => judge(token) === 'void', 'healing')
  })

  test('nor when its own was killed', async () => {
    const { id, token } = await acceptedHolder()
    await killed(servers[0])
    await revokeAtTheOther(id)
    assert.notEqual(judge(token), 'ok')
  })
})
