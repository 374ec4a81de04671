/**
 * A server on a database that somebody else runs.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connectDatabase } from '@parley/server/database/connect'
import { startEmbeddedPostgres } from '@parley/server/database/embedded/embedded-postgres'
import {
  factsHere,
  silentLog,
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import { launchServer, startServer } from '../server-process.ts'
import { assertNothingIsLeft, killed, newDataDir } from './place.ts'

const clean = { code: 0, signal: null }
const introspect = { method: 'POST', path: '/introspect' }
const create = { method: 'POST', path: '/identities?api-version=2025-03-02-preview' }
const withToken = { ...create, body: { createTokenWithScopes: ['chat'] } }

describe('a server with PARLEY_DATABASE_URL', () => {
  let outside: TemporaryPostgres
  let databaseCount = 0
  before(async () => {
    outside = await startTemporaryPostgres()
  })
  after(() => outside.close())

  /** Names an empty database by the path of its socket. */
  async function newSettings(): Promise<{ readonly PARLEY_DATABASE_URL: string }> {
    databaseCount += 1
    await outside.database.unsafe(`create database world_${databaseCount}`)
    return { PARLEY_DATABASE_URL: urlOf(`world_${databaseCount}`) }
  }

  function urlOf(database: string): string {
    const { username, host, port } = outside.postgres.connection
    return `postgres://${username}:secret@/${database}?host=${host}&port=${port}`
  }

  test('starts none of its own', async () => {
    const dataDir = newDataDir()
    const server = await startServer({ dataDir, settings: await newSettings() })
    assert.equal((await server.call(create)).status, 201)
    assert.equal(existsSync(join(dataDir, 'postgres')), false)
    assert.deepEqual(await server.stop(), clean)
    assertNothingIsLeft(dataDir)
  })

  test('shares its database with a second server, that goes on when it is killed', async () => {
    const [first, second] = [newDataDir(), newDataDir()]
    const settings = {
      ...(await newSettings()),
      PARLEY_MASTER_KEY: Buffer.alloc(32, 5).toString('base64'),
    }
    const server = await startServer({ dataDir: first, settings })
    const next = await startServer({ dataDir: second, settings })
    const { body } = await server.call(create)
    await killed(server)
    const path = `/identities/${encodeURIComponent(body.identity.id)}?api-version=2026-07-22`
    assert.equal((await next.call({ method: 'GET', path })).status, 200)
    assert.equal(next.accessKey.toString('hex'), server.accessKey.toString('hex'))
    assert.deepEqual(await next.stop(), clean)
  })

  test('is kept out by a server that must be alone on the database', async () => {
    const settings = await newSettings()
    const address = { kind: 'url', url: settings.PARLEY_DATABASE_URL } as const
    const alone = await connectDatabase({ address, connectionsMax: 1 })
    assert.ok(alone.ok)
    // What servers of version 0.1 do.
    await alone.value`select pg_try_advisory_lock(1346458700)`
    const refused = launchServer({ dataDir: newDataDir(), settings })
    assert.deepEqual(await refused.ended, { code: 1, signal: null })
    const alreadyThere = 'A Parley server of version 0.1 works on this database'
    assert.match(refused.stderr(), new RegExp(`^Parley cannot start: ${alreadyThere}`))
    await alone.value.end()
  })

  test('tells which database does not let it in, and no password', async () => {
    const settings = { PARLEY_DATABASE_URL: urlOf('nowhere') }
    const refused = launchServer({ dataDir: newDataDir(), settings })
    assert.deepEqual(await refused.ended, { code: 1, signal: null })
    assert.match(refused.stderr(), /^Parley cannot start: The database nowhere at .+ does not let/)
    assert.doesNotMatch(refused.stderr(), /secret|^ +at /m)
  })

  test('refuses while its database is away, and serves again when it is back', async () => {
    const away = await startTemporaryPostgres()
    const { username, host, port, database } = away.postgres.connection
    const settings = {
      PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
    }
    const dataDir = newDataDir()
    const server = await startServer({ dataDir, settings })
    const { body } = await server.call(withToken)
    const ask = () => server.call({ ...introspect, body: { tokens: [body.accessToken.token] } })
    assert.equal((await ask()).body.value[0]?.active, true)
    await away.database.end({ timeout: 1 })
    await away.postgres.stop()
    // Its lease may have most of a second left, in which nobody else can be answered either.
    const stoppedAt = performance.now()
    let { status, headers } = await ask()
    while (status === 200 && performance.now() < stoppedAt + 2000) {
      ;({ status, headers } = await ask())
    }
    assert.deepEqual([status, headers['retry-after']], [503, '1'])
    const clusterDirectory = join(away.directory, 'postgres')
    const again = await startEmbeddedPostgres({
      clusterDirectory,
      log: silentLog,
      facts: factsHere,
    })
    assert.ok(again.ok)
    assert.equal(again.value.connection.host, host)
    let answer = await ask()
    const deadlineAt = performance.now() + 10_000
    while (answer.status === 503 && performance.now() < deadlineAt) answer = await ask()
    assert.equal(answer.body.value[0]?.active, true)
    assert.equal((await server.call(create)).status, 201)
    assert.deepEqual(await server.stop(), clean)
    assertNothingIsLeft(dataDir)
    await again.value.stop()
    await away.close()
  })
})
