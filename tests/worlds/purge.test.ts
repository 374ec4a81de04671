/**
 * The purge of a large resource by a server that is killed again and again.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { loadCutOffs } from '@parley/server/tokens/cut-offs'
import { createVerifier } from '@parley/verifier/node'
import { type ServerProcess, startServer } from '../server-process.ts'
import { type Answer, send, signed, type TestRequest } from '../world.ts'
import {
  assertNothingIsLeft,
  newDataDir,
  openDatabaseOf,
  postmasterOf,
  untilNobodyIsLeft,
} from './place.ts'

const issuer = 'https://parley.test'
const settings = { PARLEY_ISSUER: issuer }
const version = 'api-version=2023-10-01'
const insertedIdentities = 100_000
const insertedTokens = 60_000
const issuedCount = 5
const killCount = 6
const lookEveryMs = 5

/** Tables whose rows outlive their resource on purpose. */
const outliving = ['audit_entry', 'resource_purge', 'revocation_event']

/** A server and its administrator. */
interface Administered {
  readonly server: ServerProcess
  readonly manage: (request: TestRequest) => Promise<Answer>
  readonly dataDir: string
  readonly subscriptionId: string
}

async function start(dataDir: string): Promise<Administered> {
  const server = await startServer({ dataDir, settings })
  const lines = readFileSync(server.banner.environmentFile, 'utf8').split('\n')
  const read = (name: string) =>
    lines
      .find((line) => line.startsWith(`${name}=`))
      ?.slice(name.length + 1)
      .replaceAll("'", '') ?? ''
  const authorization = `Bearer ${read('PARLEY_ADMIN_TOKEN')}`
  const manage = (request: TestRequest) => {
    const headers = { authorization, 'content-type': 'application/json' }
    return send(server.banner.httpOrigin, { ...request, headers })
  }
  return { server, manage, dataDir, subscriptionId: read('PARLEY_SUBSCRIPTION_ID') }
}

function pathOf({ subscriptionId }: Administered, name: string, action = ''): string {
  const group = `/subscriptions/${subscriptionId}/resourceGroups/world`
  const type = 'Microsoft.Communication/communicationServices'
  return `${group}/providers/${type}/${name}${action}?api-version=2023-04-01`
}

interface Held {
  readonly name: string
  readonly resourceId: string
  readonly accessKey: Buffer
  readonly ids: readonly string[]
  readonly tokens: readonly string[]
}

/** A resource with some identities, and a token for each. */
async function makeResource(at: Administered, name: string): Promise<Held> {
  const body = { location: 'global', properties: { dataLocation: 'Europe' } }
  const created = await at.manage({ method: 'PUT', path: pathOf(at, name), body })
  assert.equal(created.status, 201, created.text)
  const listed = await at.manage({ method: 'POST', path: pathOf(at, name, '/listKeys') })
  const { primaryKey } = listed.body as unknown as { readonly primaryKey: string }
  const accessKey = Buffer.from(primaryKey, 'base64')
  const ids: string[] = []
  const tokens: string[] = []
  for (let issued = 0; issued < issuedCount; issued++) {
    const asked = { createTokenWithScopes: ['chat'] }
    const path = `/identities?${version}`
    const answer = await call(at, accessKey, { method: 'POST', path, body: asked })
    assert.equal(answer.status, 201)
    ids.push(answer.body.identity.id)
    tokens.push(answer.body.accessToken.token)
  }
  return { name, resourceId: ids[0]?.slice(6, 42) ?? '', accessKey, ids, tokens }
}

function call({ server }: Administered, accessKey: Buffer, request: TestRequest): Promise<Answer> {
  const { httpOrigin } = server.banner
  return send(httpOrigin, signed(httpOrigin, { accessKey, ...request }, Date.now()))
}

async function insertBulk({ dataDir }: Administered, { resourceId }: Held): Promise<void> {
  const db = await openDatabaseOf(dataDir)
  await db`
    insert into identity (resource_id, identity_id, created_at)
    select ${resourceId}, gen_random_uuid(), now()
    from generate_series(1, ${insertedIdentities}::integer)`
  await db`
    insert into access_token (resource_id, identity_id, jti, scopes, issued_at, expires_at)
    select ${resourceId}, identity_id, gen_random_uuid(), 1, now(), now() + interval '20 hours'
    from (
      select identity_id from identity where resource_id = ${resourceId}
      limit ${insertedTokens / 3}::integer
    ) as holder
    cross join generate_series(1, 3)`
  await db.end()
}

/** How many rows each table has of a resource. */
async function countRows({ dataDir }: Administered, { resourceId }: Held) {
  const db = await openDatabaseOf(dataDir)
  const tables = await db<{ name: string }[]>`
    select relname as name
    from pg_class
    join pg_attribute on attrelid = pg_class.oid and attname = 'resource_id'
    where relnamespace = 'public'::regnamespace
    and relkind in ('r', 'p')
    and not relispartition`
  const counts: Record<string, number> = {}
  for (const { name } of tables) {
    if (outliving.includes(name)) continue
    const [row] = await db<{ count: number }[]>`
      select count(*)::integer as count from ${db(name)} where resource_id = ${resourceId}`
    counts[name] = row?.count ?? 0
  }
  await db.end()
  return counts
}

/** What a verifier elsewhere says of tokens that knows the published keys and every cut-off. */
async function verdictsOn({ server, dataDir }: Administered, tokens: readonly string[]) {
  const path = '/.well-known/jwks.json'
  const keys = await send(server.banner.httpOrigin, { method: 'GET', path })
  const verifier = createVerifier({ keys: keys.body as never, issuer, now: Date.now })
  const db = await openDatabaseOf(dataDir)
  await loadCutOffs(db, verifier, Date.now())
  await db.end()
  return tokens.map((token) => verifier.verify(token).ok)
}

interface Report {
  readonly resourceId: string
  readonly identitiesDeleted: number
  readonly tokensDeleted: number
  readonly finishedOn?: string
}

async function reportOf(at: Administered, { resourceId }: Held): Promise<Report> {
  const { body } = await at.manage({ method: 'GET', path: '/parley/purges' })
  const { value } = body as unknown as { readonly value: readonly Report[] }
  const report = value.find((one) => one.resourceId === resourceId)
  assert.ok(report !== undefined, 'the report is there')
  return report
}

/** Looks until as many rows are purged, or all of them. */
async function purged(at: Administered, held: Held, rowCount: number): Promise<Report> {
  for (;;) {
    const report = await reportOf(at, held)
    const { identitiesDeleted, tokensDeleted, finishedOn } = report
    if (finishedOn !== undefined || identitiesDeleted + tokensDeleted >= rowCount) return report
    await delay(lookEveryMs)
  }
}

/** Kills a server at once, every other time with its database. */
async function kill({ server, dataDir }: Administered, round: number): Promise<void> {
  if (round % 2 === 1) process.kill(postmasterOf(dataDir), 'SIGKILL')
  server.child.kill('SIGKILL')
  await server.ended
  await untilNobodyIsLeft(dataDir)
}

const liveOf = ({ tokens }: Held, isLive: boolean) => tokens.map(() => isLive)

describe('kill -9 during the purge of a large resource', () => {
  test('leaves no row behind, counts each once, and costs others none', async (t) => {
    const dataDir = newDataDir()
    let at = await start(dataDir)
    t.after(() => void at.server.child.kill('SIGKILL'))
    const [gone, kept] = [await makeResource(at, 'gone'), await makeResource(at, 'kept')]
    await insertBulk(at, gone)
    const keptBefore = await countRows(at, kept)
    assert.deepEqual(await verdictsOn(at, gone.tokens), liveOf(gone, true))

    const deleted = await at.manage({ method: 'DELETE', path: pathOf(at, 'gone') })
    assert.equal(deleted.status, 200)
    assert.deepEqual(await verdictsOn(at, gone.tokens), liveOf(gone, false))
    const all = insertedIdentities + insertedTokens + 2 * issuedCount
    const reached: number[] = []
    for (let round = 0; round < killCount; round++) {
      const part = Math.floor((all * (round + 1)) / (killCount + 2))
      const { identitiesDeleted, tokensDeleted, finishedOn } = await purged(at, gone, part)
      assert.equal(finishedOn, undefined, 'it is killed while it purges')
      reached.push(identitiesDeleted + tokensDeleted)
      await kill(at, round)
      at = await start(dataDir)
      assert.deepEqual(await verdictsOn(at, gone.tokens), liveOf(gone, false))
      const refused = await call(at, gone.accessKey, {
        method: 'POST',
        path: `/identities?${version}`,
      })
      assert.equal(refused.status, 401)
    }
    t.diagnostic(`killed after ${reached.join(', ')} of ${all} rows`)

    const { identitiesDeleted, tokensDeleted } = await purged(at, gone, Number.POSITIVE_INFINITY)
    assert.deepEqual(
      { identitiesDeleted, tokensDeleted },
      {
        identitiesDeleted: insertedIdentities + issuedCount,
        tokensDeleted: insertedTokens + issuedCount,
      },
    )
    const counts = await countRows(at, gone)
    assert.deepEqual(new Set(Object.values(counts)), new Set([0]), JSON.stringify(counts))

    assert.deepEqual(await countRows(at, kept), keptBefore)
    assert.deepEqual(await verdictsOn(at, kept.tokens), liveOf(kept, true))
    await assertWorks(at, kept)

    const next = await makeResource(at, 'gone')
    assert.notEqual(next.resourceId, gone.resourceId)
    assert.notDeepEqual(next.accessKey, gone.accessKey)
    assert.equal((await countRows(at, next))['identity'], issuedCount)
    for (const id of gone.ids) assert.equal((await issue(at, next, id)).status, 401)
    assert.deepEqual(await verdictsOn(at, gone.tokens), liveOf(gone, false))
    assert.deepEqual(await at.server.stop(), { code: 0, signal: null })
    assertNothingIsLeft(dataDir)
  })
})

function issue(at: Administered, { accessKey }: Held, id: string): Promise<Answer> {
  const path = `/identities/${encodeURIComponent(id)}/:issueAccessToken?${version}`
  return call(at, accessKey, { method: 'POST', path, body: { scopes: ['chat'] } })
}

async function assertWorks(at: Administered, held: Held): Promise<void> {
  for (const id of held.ids) assert.equal((await issue(at, held, id)).status, 200)
  const asked = { method: 'POST', path: '/introspect', body: { tokens: held.tokens } }
  const { body } = await call(at, held.accessKey, asked)
  assert.deepEqual(
    body.value.map(({ active }) => active),
    liveOf(held, true),
  )
}
