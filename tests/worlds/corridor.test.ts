/**
 * Three servers on one database: what one of them has answered holds on all of them, while they
 * work, when one is killed, and when one is held up.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import { type ServerProcess, startServer } from '../server-process.ts'
import type { Answer } from '../world.ts'
import { killed, newDataDir } from './place.ts'

const version = 'api-version=2025-03-02-preview'
const walkersAtOnce = 12

/** A lease, and what a busy machine adds to it. */
const leaseMs = 1000
const busyMs = 2000

describe('three servers on one database', () => {
  let outside: TemporaryPostgres
  let servers: readonly [ServerProcess, ServerProcess, ServerProcess]
  before(async () => {
    outside = await startTemporaryPostgres()
    const [one, two, three] = [await startNode(), await startNode(), await startNode()]
    servers = [one, two, three]
  })
  after(async () => {
    for (const server of servers) server.child.kill('SIGCONT')
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
        PARLEY_ISSUER: 'https://parley.example',
      },
    })
  }

  test('never call a token live after its revocation or deletion was answered', async () => {
    let voidedCount = 0
    const walk = async (walker: number) => {
      for (let round = 0; round < 100; round++) {
        const [issues, voids, asked] = rotated(servers, walker + round)
        const { id, token } = await createWithToken(issues)
        if (round % 10 === 0) assert.equal(await isLive(asked, token), true)
        const isDeletion = round % 3 === 0
        const answer = isDeletion ? await deleteIdentity(voids, id) : await revoke(voids, id)
        assert.equal(answer.status, 204)
        for (const server of [asked, issues]) assert.equal(await isLive(server, token), false)
        voidedCount += 1
      }
    }
    await Promise.all(Array.from({ length: walkersAtOnce }, (_, walker) => walk(walker)))
    assert.equal(voidedCount, 100 * walkersAtOnce)
  })

  test('keep that while their connections for events are cut again and again', async () => {
    let isDone = false
    let cuts = 0
    const cut = async () => {
      while (!isDone) {
        const rows = await outside.database`
          select pg_terminate_backend(pid)
          from pg_stat_activity
          where application_name = 'parley node'
          order by random()
          limit 1
        `
        cuts += rows.length
        await outside.database`select pg_sleep(0.1)`
      }
    }
    const walk = async (walker: number) => {
      for (let round = 0; round < 30; round++) {
        const [issues, voids, asked] = rotated(servers, walker + round)
        const { id, token } = await createWithToken(issues)
        assert.equal((await revoke(voids, id)).status, 204)
        const answer = await introspect(asked, token)
        if (answer.status !== 503) assert.deepEqual(answer.body, { active: false })
      }
    }
    const cutting = cut()
    await Promise.all(Array.from({ length: walkersAtOnce }, (_, walker) => walk(walker)))
    isDone = true
    await cutting
    assert.ok(cuts > 3, `${cuts} cuts`)
  })

  test('refuse after they were stopped and continued, until they have caught up', async () => {
    const [stopped, voids] = servers
    for (let round = 0; round < 3; round++) {
      const { id, token } = await createWithToken(voids)
      const other = await createWithToken(voids)
      assert.equal(await isLive(stopped, token), true)
      assert.equal(await isLive(stopped, other.token), true)
      stopped.child.kill('SIGSTOP')
      const startedAt = performance.now()
      assert.equal((await revoke(voids, id)).status, 204)
      const waitedMs = performance.now() - startedAt
      assert.ok(waitedMs < leaseMs + busyMs, `${waitedMs} ms`)
      const asked = Array.from({ length: 20 }, () => introspect(stopped, token))
      stopped.child.kill('SIGCONT')
      for (const { status, body } of await Promise.all(asked)) {
        if (status !== 503) assert.deepEqual(body, { active: false })
      }
      assert.equal(await untilAnswered(() => introspect(stopped, token)), false)
      assert.equal(await untilAnswered(() => introspect(stopped, other.token)), true)
    }
  })

  test('wait at most a lease longer when one of them was killed', async () => {
    const [dead, voids, asked] = servers
    const { id, token } = await createWithToken(dead)
    await killed(dead)
    const startedAt = performance.now()
    assert.equal((await revoke(voids, id)).status, 204)
    const waitedMs = performance.now() - startedAt
    assert.ok(waitedMs < leaseMs + busyMs, `${waitedMs} ms`)
    assert.equal(await isLive(asked, token), false)
    const next = await createWithToken(voids)
    const nextAt = performance.now()
    assert.equal((await revoke(asked, next.id)).status, 204)
    assert.ok(performance.now() - nextAt < leaseMs, 'the dead one is waited for once')
    const restarted = await startNode()
    servers = [restarted, voids, asked]
    assert.equal(await isLive(restarted, token), false)
    assert.equal(await isLive(restarted, (await createWithToken(voids)).token), true)
  })
})

function rotated(
  [one, two, three]: readonly [ServerProcess, ServerProcess, ServerProcess],
  by: number,
): readonly [ServerProcess, ServerProcess, ServerProcess] {
  if (by % 3 === 0) return [one, two, three]
  return by % 3 === 1 ? [two, three, one] : [three, one, two]
}

async function createWithToken(server: ServerProcess) {
  const body = { createTokenWithScopes: ['chat'] }
  const answer = await server.call({ method: 'POST', path: `/identities?${version}`, body })
  assert.equal(answer.status, 201, answer.text)
  return { id: answer.body.identity.id, token: answer.body.accessToken.token }
}

function revoke(server: ServerProcess, id: string): Promise<Answer> {
  const path = `/identities/${encodeURIComponent(id)}/:revokeAccessTokens?${version}`
  return server.call({ method: 'POST', path })
}

function deleteIdentity(server: ServerProcess, id: string): Promise<Answer> {
  const path = `/identities/${encodeURIComponent(id)}?${version}`
  return server.call({ method: 'DELETE', path })
}

function introspect(server: ServerProcess, token: string): Promise<Answer> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return server.call({ method: 'POST', path: '/introspect', headers, body: `token=${token}` })
}

async function isLive(server: ServerProcess, token: string): Promise<boolean> {
  const { status, body, text } = await introspect(server, token)
  assert.equal(status, 200, text)
  return body.active
}

/** Asks again as long as the answer is 503, as `Retry-After` tells a client to. */
async function untilAnswered(ask: () => Promise<Answer>): Promise<boolean> {
  const deadlineAt = performance.now() + 10_000
  for (;;) {
    const { status, body } = await ask()
    if (status === 200) return body.active
    assert.equal(status, 503)
    assert.ok(performance.now() < deadlineAt, 'it comes back')
  }
}
