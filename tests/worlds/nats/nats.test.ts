/**
 * Nodes on one database and a verifier, with three NATS servers between them that are killed and
 * stopped: whatever happens to NATS, what was revoked is accepted by nobody.
 */
import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { NatsConnection } from '@nats-io/transport-node'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import { type NatsCluster, lacksNats as skip, startNats } from '../../nats-cluster.ts'
import { type ServerProcess, startServer } from '../../server-process.ts'
import { newDataDir } from '../place.ts'
import {
  createHistory,
  createWithToken,
  followOverNats,
  type History,
  issuer,
  type NatsFollower,
  revoke,
  until,
} from './history.ts'

if (skip !== false) console.log(`skipped: NATS as a carrier (${skip})`)

describe('two nodes and a verifier over three NATS servers', { skip }, () => {
  let outside: TemporaryPostgres
  let nats: NatsCluster
  let servers: readonly [ServerProcess, ServerProcess]
  let connection: NatsConnection
  let follower: NatsFollower
  let history: History
  before(async () => {
    const folder = join(dirname(newDataDir()), 'nats')
    ;[outside, nats] = await Promise.all([startTemporaryPostgres(), startNats(3, folder)])
    servers = [await startNode(), await startNode()]
    connection = await nats.connect()
    follower = await followOverNats(servers[0], connection)
    history = createHistory(servers, follower)
  })
  after(async () => {
    follower?.following.close()
    await connection?.close()
    await Promise.all((servers ?? []).map((server) => server.stop()))
    await nats?.close()
    await outside?.close()
  })

  function startNode(): Promise<ServerProcess> {
    const { username, host, port, database } = outside.postgres.connection
    return startServer({
      dataDir: newDataDir(),
      settings: {
        PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
        PARLEY_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
        PARLEY_ISSUER: issuer,
        PARLEY_NATS_URL: nats.urls,
        PARLEY_NATS_REPLICAS: '3',
      },
    })
  }

  const rides = () => until(follower.following.isCarried, 'the verifier rides on NATS')

  test('hand the verifier over to NATS, and keep it there while revocations go on', async () => {
    await rides()
    await history.during(async () => {
      await delay(3000)
      assert.equal(follower.following.isCarried(), true)
    })
    await history.settle()
  })

  test('hear each other over NATS where the database says nothing', async () => {
    const { database } = outside
    await database.unsafe('alter table revocation_event disable trigger user')
    const tookMs: number[] = []
    for (let round = 0; round < 30; round++) {
      const { id } = await createWithToken(servers[0])
      const startedAt = performance.now()
      assert.equal((await revoke(servers[1], id)).status, 204)
      tookMs.push(performance.now() - startedAt)
    }
    await database.unsafe('alter table revocation_event enable trigger user')
    const median = tookMs.toSorted((one, other) => one - other)[15] ?? Number.NaN
    // Renewals alone, each 200 ms, would make it 100 and more.
    assert.ok(median < 60, `${median} ms`)
  })

  test('publish what a node that is gone has committed and not published', async () => {
    const patient = await followOverNats(servers[0], connection, 10_000)
    await until(patient.following.isCarried, 'the patient verifier rides on NATS')
    const { id, token } = await createWithToken(servers[0])
    assert.equal(patient.judge(token), 'ok')
    const [resourceId, identityId] = id.slice('8:acs:'.length).split('_')
    await outside.database`
      with numbered as (
        update event_sequence
        set last_seq = last_seq + 1
        returning last_seq
      )
      insert into revocation_event (resource_id, seq, kind, subject, generation, forget_at)
      select ${resourceId ?? ''}, last_seq, 'identity', ${identityId ?? ''}, 4000000000,
        now() + interval '1 day'
      from numbered`
    await until(() => patient.judge(token) === 'void', 'the cut-off is published')
    assert.equal(patient.following.isCarried(), true)
    patient.following.close()
  })

  test('lose nothing when the server that leads the stream is killed', async () => {
    await rides()
    const name = await nats.leader()
    const leader = nats.servers.find((server) => server.name === name)
    assert.ok(leader !== undefined, name)
    await history.during(async () => {
      await leader.kill()
      await delay(3000)
    })
    await history.settle()
    await rides()
    leader.start()
    await nats.whenReady()
  })

  test('go on without NATS, and come back to it', async () => {
    await rides()
    await history.during(async () => {
      await Promise.all(nats.servers.map((server) => server.kill()))
      await until(() => !follower.following.isCarried(), 'the verifier leaves NATS')
      await until(follower.following.isFresh, 'the verifier follows the server itself')
      await delay(1000)
      assert.equal(follower.following.isFresh(), true)
    })
    await history.settle()
    for (const server of nats.servers) server.start()
    await nats.whenReady()
    await history.during(rides)
    await history.settle()
  })

  test('are not deceived by what lay in servers that were stopped', async () => {
    await rides()
    await history.during(async () => {
      for (const server of nats.servers) server.signal('SIGSTOP')
      await until(() => !follower.following.isCarried(), 'the verifier leaves NATS')
      await delay(2000)
      for (const server of nats.servers) server.signal('SIGCONT')
      await delay(1000)
    })
    await history.settle()
    await rides()
  })
})
