/**
 * Where secrets lie: sealed in the database, and in the clear in no log and in no heap. What looks
 * for them is shown each time to find a secret that was planted.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { parseEnvironmentFile } from '@parley/server/admin/environment-file'
import type { Operation } from '@parley/server/contract/operation'
import { versionsIn } from '@parley/server/contract/versions'
import { createPlatform } from '@parley/server/foundation/platform'
import { createSealer } from '@parley/server/foundation/seal'
import { describeOperations } from '@parley/server/operations'
import { findSecrets, noteAnswer, noteSigningKeys, noteText, type Secrets } from '../secrets.ts'
import { type ServerProcess, startServer } from '../server-process.ts'
import { type Answer, send, type TestRequest } from '../world.ts'
import { newDataDir, openDatabaseOf } from './place.ts'

const platform = createPlatform({ now: Date.now, monotonicNow: () => 0, randomBytes })
const version = 'api-version=2025-03-02-preview'

/** A server of these tests, and what it must not show. */
interface Guarded {
  readonly server: ServerProcess
  readonly dataDir: string
  readonly environment: Readonly<Record<string, string>>
  readonly secrets: Secrets
}

async function startGuarded(
  settings: Readonly<Record<string, string>>,
  launch: { readonly nodeOptions?: readonly string[]; readonly cwd?: string } = {},
): Promise<Guarded> {
  const dataDir = newDataDir()
  const masterKey = randomBytes(32)
  const PARLEY_MASTER_KEY = masterKey.toString('base64')
  const server = await startServer({
    dataDir,
    settings: { PARLEY_MASTER_KEY, ...settings },
    ...launch,
  })
  const environment = parseEnvironmentFile(readFileSync(server.banner.environmentFile, 'utf8'))
  const secrets: Secrets = new Map()
  noteText(secrets, 'master key', PARLEY_MASTER_KEY)
  noteText(secrets, 'admin token', environment['PARLEY_ADMIN_TOKEN'] ?? '')
  for (const [name, value] of Object.entries(environment)) {
    const accessKey = /;accesskey=(.*)$/.exec(value)?.[1]
    if (accessKey !== undefined) noteText(secrets, name, accessKey)
  }
  assert.equal(secrets.size, 8)
  const guarded = { server, dataDir, environment, secrets }
  await noteKeysOf(guarded)
  return guarded
}

/** Those that there are at the moment: rotating them makes more. */
async function noteKeysOf({ dataDir, secrets }: Guarded): Promise<void> {
  const db = await openDatabaseOf(dataDir)
  const sealer = createSealer(secrets.get('master key') ?? Buffer.alloc(0), platform)
  await noteSigningKeys(secrets, db, sealer)
  await db.end()
}

function bearer(token: string): TestRequest['headers'] {
  return { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
}

/** Calls every operation there is, as everybody and with whatever body, those that delete last. */
async function callEverything(guarded: Guarded): Promise<number> {
  const { server, environment, secrets } = guarded
  const { httpOrigin } = server.banner
  const keep = (answer: Answer) => {
    noteAnswer(secrets, answer.text)
    return answer
  }
  const path = `/identities?${version}`
  const wanted = { createTokenWithScopes: ['chat', 'voip'] }
  const { body } = keep(await server.call({ method: 'POST', path, body: wanted }))
  const { identity, accessToken } = body
  const { token } = accessToken
  const bodies = [
    {},
    { scopes: ['chat'] },
    { token },
    { tokens: [token, 'x'] },
    '{',
    { keyType: 1 },
  ]
  const wrongKey = randomBytes(64)
  let count = 0
  for (const operation of inOrder(describeOperations())) {
    const { method } = operation
    const place = pathOf(operation, identity.id, environment)
    for (const sent of method === 'GET' ? [undefined] : bodies) {
      const request = { method, path: place, ...(sent === undefined ? {} : { body: sent }) }
      keep(await server.call({ ...request, accessKey: wrongKey }))
      keep(await send(httpOrigin, request))
      keep(await send(httpOrigin, { ...request, headers: { ...bearer(token) } }))
      const admin = bearer(environment['PARLEY_ADMIN_TOKEN'] ?? '')
      keep(await send(httpOrigin, { ...request, headers: { ...admin } }))
      keep(await server.call(request))
      count += 5
    }
  }
  return count
}

function inOrder(operations: readonly Operation[]): readonly Operation[] {
  // The same deletion with a receipt comes after it, and finds nobody.
  const deletes = ({ id, method }: Operation) =>
    id === 'Parley_DeleteIdentity' ? 2 : Number(method === 'DELETE')
  return operations.toSorted((one, other) => deletes(one) - deletes(other))
}

function pathOf(
  { path, versions }: Operation,
  id: string,
  environment: Readonly<Record<string, string>>,
): string {
  const values: Readonly<Record<string, string | undefined>> = {
    id,
    subscriptionId: environment['PARLEY_SUBSCRIPTION_ID'],
    resourceGroupName: environment['PARLEY_RESOURCE_GROUP'],
    communicationServiceName: environment['PARLEY_RESOURCE_NAME'],
  }
  const place = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? 'x')
  return versions === 'unversioned' ? place : `${place}?api-version=${versionsIn(versions).at(-1)}`
}

/** Random bytes that base64 and base64url print differently, so that each form is told apart. */
function plantedBytes(count: number): Buffer {
  const start = Buffer.from('fbffbf', 'hex')
  return Buffer.concat([start, randomBytes(count - start.length)])
}

describe('after a run of every operation', () => {
  let guarded: Guarded
  const planted = plantedBytes(48)
  before(async () => {
    guarded = await startGuarded({ PARLEY_LOG_LEVEL: 'debug', PARLEY_REFUSAL_REASONS: 'on' })
    assert.ok((await callEverything(guarded)) > 100)
    await noteKeysOf(guarded)
  })
  after(() => guarded.server.stop())

  test('a dump of the database holds no secret', async () => {
    const { dataDir, secrets } = guarded
    const db = await openDatabaseOf(dataDir)
    const dump = async () => {
      const tables = await db<{ name: string }[]>`
        select tablename as name
        from pg_tables
        where schemaname = 'public'`
      const texts: string[] = []
      for (const { name } of tables) {
        const rows = await db.unsafe<{ row: string }[]>(
          `select whole::text as row from ${name} whole`,
        )
        texts.push(name, ...rows.map(({ row }) => row))
      }
      return Buffer.from(texts.join('\n'))
    }
    const dumped = await dump()
    assert.ok(dumped.includes('CommunicationIdentity_Delete') && dumped.includes('\\x'))
    assert.deepEqual(findSecrets(dumped, secrets), [])

    await db`create table planted (raw bytea, text text)`
    await db`insert into planted values (${planted}, ${planted.toString('base64url')})`
    assert.deepEqual(findSecrets(await dump(), new Map([['planted', planted]])), [
      'planted, hex',
      'planted, base64url',
    ])
    await db`checkpoint`
    await db.end()
  })

  test('no file of the database holds one either, its journal included', () => {
    const { dataDir, secrets } = guarded
    const folder = join(dataDir, 'postgres')
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name))
    assert.ok(files.some((file) => file.includes('pg_wal')))
    const found = new Set<string>()
    const foundPlanted = new Set<string>()
    for (const file of files) {
      const bytes = readFileSync(file)
      for (const one of findSecrets(bytes, secrets)) found.add(`${file}: ${one}`)
      const isJournal = file.includes('pg_wal') ? 'journal' : 'table'
      for (const one of findSecrets(bytes, new Map([['planted', planted]]))) {
        foundPlanted.add(`${isJournal}: ${one}`)
      }
    }
    assert.deepEqual([...found], [])
    assert.deepEqual([...foundPlanted].sort(), [
      'journal: planted, base64url',
      'journal: planted, raw',
      'table: planted, base64url',
      'table: planted, raw',
    ])
  })

  test('the log at its most talkative holds no secret', async () => {
    const { server, secrets } = guarded
    await server.stop()
    const log = Buffer.from(`${server.stderr()}`)
    for (const { id } of describeOperations()) {
      assert.ok(log.includes(`"operation":"${id}"`), `${id} is not in the log`)
    }
    assert.ok(log.includes('"reason":"signature-differs"'))
    assert.deepEqual(findSecrets(log, secrets), [])
    const requestId = /"requestId":"([^"]+)"/.exec(server.stderr())?.[1] ?? ''
    const seen: Secrets = new Map()
    noteText(seen, 'planted', requestId)
    assert.ok(findSecrets(log, seen).includes('planted as text, raw'))
  })
})

describe('the heap of a server', () => {
  const planted = plantedBytes(64)
  /** Strings are cut in a snapshot unless this says otherwise. */
  const nodeOptions = [
    '--heapsnapshot-signal=SIGUSR2',
    '--report-on-signal',
    '--report-signal=SIGHUP',
    '--heap-snapshot-string-limit=1000000',
    '--import',
    'data:text/javascript,' +
      'globalThis.planted=Buffer.from(process.env.PLANTED,"hex").toString("base64")',
  ]
  let guarded: Guarded
  let folder = ''
  before(async () => {
    folder = join(newDataDir(), 'snapshots')
    mkdirSync(folder, { recursive: true })
    const PLANTED = planted.toString('hex')
    guarded = await startGuarded({ PLANTED }, { nodeOptions, cwd: folder })
  })
  after(() => guarded.server.stop())

  async function takeSnapshot(): Promise<Buffer> {
    guarded.server.child.kill('SIGUSR2')
    return writtenWhole('Heap.')
  }

  /** Waits for the next file of a kind and for its end, and takes it away. */
  async function writtenWhole(prefix: string): Promise<Buffer> {
    const deadlineMs = performance.now() + 60_000
    for (let size = -1; ; await delay(200)) {
      assert.ok(performance.now() < deadlineMs, `a file ${prefix}* was written`)
      const name = readdirSync(folder).find((one) => one.startsWith(prefix))
      if (name === undefined) continue
      const file = join(folder, name)
      const isSettled = statSync(file).size === size && size > 0
      size = statSync(file).size
      if (!isSettled) continue
      const bytes = readFileSync(file)
      if (!bytes.subarray(-10).toString().trimEnd().endsWith('}')) continue
      rmSync(file)
      return bytes
    }
  }

  /** The planted secret is kept as one of ours would be: a string that something refers to. */
  function assertClean(snapshot: Buffer): void {
    assert.deepEqual(findSecrets(snapshot, new Map([['planted', planted]])), ['planted, base64'])
    assert.deepEqual(findSecrets(snapshot, guarded.secrets), [])
  }

  test('holds no secret after the start', async () => {
    assertClean(await takeSnapshot())
  })

  test('holds none after some traffic, and after new keys', async () => {
    const { server, environment } = guarded
    const admin = bearer(environment['PARLEY_ADMIN_TOKEN'] ?? '')
    for (let count = 0; count < 20; count++) {
      const body = { createTokenWithScopes: ['chat'] }
      const path = `/identities?${version}`
      assert.equal((await server.call({ method: 'POST', path, body })).status, 201)
    }
    const rotate = { method: 'POST', path: '/parley/signingKeys/:rotate', headers: { ...admin } }
    const { httpOrigin } = server.banner
    for (const body of [{}, { emergency: true }]) {
      assert.equal((await send(httpOrigin, { ...rotate, body })).status, 200)
      await noteKeysOf(guarded)
    }
    const list = { method: 'GET', path: '/parley/auditEntries', headers: { ...admin } }
    assert.equal((await send(httpOrigin, list)).status, 200)
    assertClean(await takeSnapshot())
  })

  test('belongs to a process whose reports of itself lost the master key', async () => {
    guarded.server.child.kill('SIGHUP')
    const report = await writtenWhole('report.')
    // The planted secret stands in its environment too, where a report shows it.
    assert.ok(findSecrets(report, new Map([['planted', planted]])).includes('planted, hex'))
    assert.deepEqual(findSecrets(report, guarded.secrets), [])
  })
})
