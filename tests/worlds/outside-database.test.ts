/**
 * A server on a database that somebody else runs.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import { launchServer, startServer } from '../server-process.ts'
import { assertNothingIsLeft, killed, newDataDir } from './place.ts'

const clean = { code: 0, signal: null }
const create = { method: 'POST', path: '/identities?api-version=2025-03-02-preview' }

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

  test('keeps its database from a second server, until it is killed', async () => {
    const [first, second] = [newDataDir(), newDataDir()]
    const settings = {
      ...(await newSettings()),
      PARLEY_MASTER_KEY: Buffer.alloc(32, 5).toString('base64'),
    }
    const server = await startServer({ dataDir: first, settings })
    const { body } = await server.call(create)
    const refused = launchServer({ dataDir: second, settings })
    assert.deepEqual(await refused.ended, { code: 1, signal: null })
    const use = 'Another Parley server works on this database. Stop it, or use another database.'
    assert.equal(refused.stderr(), `Parley cannot start: ${use}\n`)
    assert.equal((await server.call(create)).status, 201)
    await killed(server)
    const next = await startServer({ dataDir: second, settings })
    const path = `/identities/${encodeURIComponent(body.identity.id)}?api-version=2026-07-22`
    assert.equal((await next.call({ method: 'GET', path })).status, 200)
    assert.equal(next.accessKey.toString('hex'), server.accessKey.toString('hex'))
    assert.deepEqual(await next.stop(), clean)
  })

  test('tells which database does not let it in, and no password', async () => {
    const settings = { PARLEY_DATABASE_URL: urlOf('nowhere') }
    const refused = launchServer({ dataDir: newDataDir(), settings })
    assert.deepEqual(await refused.ended, { code: 1, signal: null })
    assert.match(refused.stderr(), /^Parley cannot start: The database nowhere at .+ does not let/)
    assert.doesNotMatch(refused.stderr(), /secret|^ +at /m)
  })

  test('ends when its database does, and says why', async () => {
    const ended = await startTemporaryPostgres()
    const { username, host, database } = ended.postgres.connection
    const settings = {
      PARLEY_DATABASE_URL: `postgres://${username}@localhost/${database}?host=${host}`,
    }
    const dataDir = newDataDir()
    const server = await startServer({ dataDir, settings })
    await ended.close()
    assert.deepEqual(await server.ended, { code: 1, signal: null })
    assert.match(server.stderr(), /"level":"fatal".*"msg":"the server cannot go on"/)
    assertNothingIsLeft(dataDir)
  })
})
