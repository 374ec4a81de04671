import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { listAuditEntries } from '../audit/store.ts'
import { insertSampleCalls, noCalls } from '../calls/sample-rows.ts'
import { insertSampleChat } from '../chat/sample-rows.ts'
import type { Database, Transaction } from '../database/connect.ts'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate } from '../database/migrate.ts'
import { ensureTokenPartitions } from '../database/partitions.ts'
import { insertIdentities, upsertNamedIdentity } from '../identities/store.ts'
import { insertSamplePhones, noPhones } from '../phones/sample-rows.ts'
import { purgeSteps } from '../purge-steps.ts'
import { insertSampleRelays } from '../relays/sample-rows.ts'
import { insertSampleRooms } from '../rooms/sample-rows.ts'
import { recordTokens } from '../tokens/store.ts'
import { type PurgeStep, type PurgeWorld, startPurger } from './purge.ts'
import { deleteOldPurges, listPurges } from './purge-store.ts'
import { markResourcesDeleted } from './store.ts'

const nowMs = Date.parse('2026-03-01T10:30:00Z')
const now = new Date(nowMs)
const later = new Date(nowMs + 3_600_000)

/** Tables with a resource's id in which rows stay on purpose; the migration says why. */
const outliving = [
  'audit_entry',
  'resource_purge',
  'revocation_event',
  'revocation_follower',
  'usage_hour',
  'usage_record',
]
/** Tables of a resource that have a few rows at most, which go with its row. */
const small = ['access_key', 'resource']

let temporary: TemporaryPostgres
let sql: Database
let madeCount = 0
before(async () => {
  temporary = await startTemporaryPostgres()
  sql = temporary.database
  assert.ok((await migrate(sql, nowMs)).ok)
  assert.deepEqual((await ensureTokenPartitions(sql, nowMs)).postponed, [])
})
after(() => temporary.close())

interface Made {
  readonly resourceId: string
  readonly subscriptionId: string
}

/** A resource with rows in every table, `count` identities and as many tokens for each third. */
async function makeResource(count: number): Promise<Made> {
  madeCount += 1
  const id = (kind: number) =>
    `00000000-0000-0000-${kind}000-${String(madeCount).padStart(12, '0')}`
  const made = { subscriptionId: id(1), resourceId: id(2) }
  const { subscriptionId, resourceId } = made
  await sql`insert into subscription values (${subscriptionId}, ${now})`
  await sql`
    insert into resource (
      resource_id, subscription_id, resource_group, name, data_location, created_at)
    values (${resourceId}, ${subscriptionId}, 'group', ${`name-${madeCount}`}, 'here', ${now})`
  await sql`
    insert into access_key (resource_id, slot, sealed_key, created_at)
    values (${resourceId}, 'primary', 'sealed', ${now}), (${resourceId}, 'secondary', 'x', ${now})`
  await sql`
    insert into identity (resource_id, identity_id, custom_id_hash, created_at)
    select ${resourceId}, gen_random_uuid(), sha256(number::text::bytea), ${now}
    from generate_series(1, ${count}::integer) as number`
  await sql`
    insert into access_token (resource_id, identity_id, jti, scopes, issued_at, expires_at)
    select ${resourceId}, identity_id, gen_random_uuid(), 1, ${now}, ${later}
    from identity
    cross join generate_series(1, 3)
    where resource_id = ${resourceId}`
  await sql`
    insert into entra_assignment (
      resource_id, family, tenant_id, object_id, principal_type, client_ids, created_at)
    select ${resourceId}, 'entra', 't', number::text, 'user', '{}', ${now}
    from generate_series(1, ${count}::integer) as number`
  await insertSampleRooms(sql, resourceId, { count, now, later })
  await insertSampleChat(sql, resourceId, now)
  await insertSampleCalls(sql, resourceId, now)
  await insertSampleRelays(sql, resourceId, { now, later })
  await insertSamplePhones(sql, resourceId, now)
  return made
}

async function deleteResource({ subscriptionId, resourceId }: Made): Promise<void> {
  const [{ name } = { name: '' }] = await sql<{ name: string }[]>`
    select name from resource where resource_id = ${resourceId}`
  const place = { subscriptionId, resourceGroup: 'group', name }
  const events = await sql.begin((db) => markResourcesDeleted(db, place, nowMs))
  assert.deepEqual(
    events.map((event) => event.resourceId),
    [resourceId],
  )
}

async function tablesOfResources(): Promise<readonly string[]> {
  const tables = await sql<{ name: string }[]>`
    select relname as name
    from pg_class
    join pg_attribute on attrelid = pg_class.oid and attname = 'resource_id'
    where relnamespace = 'public'::regnamespace
      and relkind in ('r', 'p')
      and not relispartition
    order by relname`
  return tables.map(({ name }) => name)
}

async function countRows(resourceId: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const table of await tablesOfResources()) {
    if (outliving.includes(table)) continue
    const [row] = await sql<{ count: number }[]>`
      select count(*)::integer as count from ${sql(table)} where resource_id = ${resourceId}`
    counts[table] = row?.count ?? 0
  }
  return counts
}

async function reportOf(resourceId: string) {
  const reports = await listPurges(sql, { after: undefined, reportsMax: 1000 })
  const { identitiesDeleted, tokensDeleted, finishedAtMs } =
    reports.find((report) => report.resourceId === resourceId) ?? {}
  return { identitiesDeleted, tokensDeleted, finishedAtMs }
}

/** A purger that says when a resource is purged. */
function startWatched(changes: Partial<PurgeWorld> = {}) {
  const purged: string[] = []
  const failures: unknown[] = []
  let heard: () => void = () => undefined
  const log = {
    info: ({ resourceId }: { readonly resourceId: string }) => {
      purged.push(resourceId)
      heard()
    },
    error: (line: unknown) => {
      failures.push(line)
      heard()
    },
  } as unknown as PurgeWorld['log']
  const purger = startPurger({
    db: sql,
    steps: purgeSteps,
    now: () => nowMs,
    newGuid: () => '11111111-1111-1111-1111-111111111111',
    log,
    answeredCount: () => 0,
    ...changes,
  })
  const until = async (isReached: () => boolean) => {
    while (!isReached()) {
      await new Promise<void>((resolve) => {
        heard = resolve
      })
    }
  }
  const untilPurged = (id: string) => until(() => purged.includes(id))
  return { purger, purged, failures, untilPurged, until }
}

const emptied = {
  access_key: 0,
  access_token: 0,
  ...noCalls,
  ...noPhones,
  chat_endpoint: 0,
  chat_erasure: 0,
  chat_message: 0,
  chat_message_person: 0,
  chat_notice: 0,
  chat_participant: 0,
  chat_receipt: 0,
  chat_thread: 0,
  entra_assignment: 0,
  identity: 0,
  relay_policy: 0,
  relay_user: 0,
  resource: 0,
  room: 0,
  room_participant: 0,
  verifier_credential: 0,
}

describe('the steps of the purge', () => {
  test('empty every table that has rows of a resource', async () => {
    const stepped = purgeSteps.map(({ table }) => table)
    assert.deepEqual([...outliving, ...small, ...stepped].sort(), await tablesOfResources())
  })
})

describe('a purge', () => {
  test('leaves no row of the resource, and every row of another', async () => {
    const [deleted, other] = [await makeResource(1000), await makeResource(10)]
    const before = await countRows(other.resourceId)
    assert.ok(Object.values(before).every((count) => count > 0))
    await deleteResource(deleted)
    const { purger, untilPurged } = startWatched()
    await untilPurged(deleted.resourceId)
    await purger.stop()
    assert.deepEqual(await countRows(deleted.resourceId), emptied)
    assert.deepEqual(await countRows(other.resourceId), before)
    assert.deepEqual(await reportOf(deleted.resourceId), {
      identitiesDeleted: 1000,
      tokensDeleted: 3000,
      finishedAtMs: nowMs,
    })
    const { identities, tokens, finished, unfinished } = purger.totals
    assert.deepEqual([identities, tokens, finished, unfinished], [1000, 3000, 1, 0])
  })

  test('begins when it is woken', async () => {
    const { purger, untilPurged } = startWatched()
    const deleted = await makeResource(1)
    await deleteResource(deleted)
    purger.wake()
    await untilPurged(deleted.resourceId)
    await purger.stop()
  })

  test('is told in the audit log, by the server', async () => {
    const deleted = await makeResource(1)
    const { resourceId, subscriptionId } = deleted
    await deleteResource(deleted)
    const { purger, untilPurged } = startWatched()
    await untilPurged(resourceId)
    await purger.stop()
    const entries = await listAuditEntries(sql, { afterSeq: 0, entriesMax: 10, resourceId })
    const group = `/subscriptions/${subscriptionId}/resourceGroups/group`
    const type = 'Microsoft.Communication/communicationServices'
    const target = `${group}/providers/${type}/name-${madeCount}`
    assert.deepEqual(
      entries.map(({ actor, operation, target }) => ({ actor, operation, target })),
      [{ actor: 'server', operation: 'Parley_PurgeResource', target }],
    )
  })

  test('never touches a resource that lives, whatever a report says', async () => {
    const [alive, deleted] = [await makeResource(3), await makeResource(3)]
    await deleteResource(alive)
    await sql`update resource set deleted_at = null where resource_id = ${alive.resourceId}`
    await deleteResource(deleted)
    const { purger, untilPurged } = startWatched()
    await untilPurged(deleted.resourceId)
    await purger.stop()
    const { identity, access_token, resource } = await countRows(alive.resourceId)
    assert.deepEqual([identity, access_token, resource], [3, 9, 1])
    await sql`delete from resource_purge where resource_id = ${alive.resourceId}`
  })

  test('takes a deleted subscription with its last resource, and no other', async () => {
    const [first, second, cancelled] = [
      await makeResource(1),
      await makeResource(1),
      await makeResource(1),
    ]
    const { subscriptionId } = first
    const { resourceId } = second
    await sql`
      update resource set subscription_id = ${subscriptionId} where resource_id = ${resourceId}`
    await sql`update subscription set deleted_at = ${now} where subscription_id = ${subscriptionId}`
    const isThere = async (id: string) =>
      (await sql`select from subscription where subscription_id = ${id}`).count === 1
    for (const [made, isLeft] of [
      [first, true],
      [second, false],
    ] as const) {
      await deleteResource({ ...made, subscriptionId })
      const { purger, untilPurged } = startWatched()
      await untilPurged(made.resourceId)
      await purger.stop()
      assert.equal(await isThere(subscriptionId), isLeft)
    }
    await deleteResource(cancelled)
    const { purger, untilPurged } = startWatched()
    await untilPurged(cancelled.resourceId)
    await purger.stop()
    assert.equal(await isThere(cancelled.subscriptionId), true)
  })
})

/** A database that takes back every n-th transaction, after everything in it was done. */
function losingEvery(db: Database, n: number): Database {
  let begunCount = 0
  const begin = (act: (transaction: Transaction) => Promise<unknown>) =>
    db.begin(async (transaction) => {
      const value = await act(transaction)
      begunCount += 1
      if (begunCount % n === 0) throw new Error('the batch is lost')
      return value
    })
  const get = (_: Database, name: keyof Database) => (name === 'begin' ? begin : db[name])
  return new Proxy(db, { get } as ProxyHandler<Database>)
}

/** More than any batch deletes. */
const lateCount = 5000

describe('a purge that is broken off', () => {
  test('is gone on with by the next start, and counts each row once', async () => {
    const deleted = await makeResource(600)
    // Chat goes first, and this is about what comes after it.
    const first = purgeSteps.findIndex(({ table }) => table === 'access_token')
    for (const step of purgeSteps.slice(0, first)) {
      const batch = { after: '', rowsMax: 10_000 }
      await step.deleteRows(sql, deleted.resourceId, batch)
    }
    await deleteResource(deleted)
    for (let start = 0; start < 4; start++) {
      const { purger, failures, until } = startWatched({ db: losingEvery(sql, first + 2) })
      await until(() => failures.length > 0)
      await purger.stop()
    }
    const halfway = await countRows(deleted.resourceId)
    const report = await reportOf(deleted.resourceId)
    assert.ok(halfway['access_token'] !== 1800, 'some rows are gone')
    assert.equal(report.tokensDeleted, 1800 - (halfway['access_token'] ?? 0))
    assert.equal(report.finishedAtMs, undefined)
    const { purger, untilPurged } = startWatched()
    await untilPurged(deleted.resourceId)
    await purger.stop()
    assert.deepEqual(await reportOf(deleted.resourceId), {
      identitiesDeleted: 600,
      tokensDeleted: 1800,
      finishedAtMs: nowMs,
    })
  })

  test('does not keep the next one', async () => {
    const [broken, next] = [await makeResource(1), await makeResource(1)]
    await deleteResource(broken)
    await deleteResource(next)
    const steps = purgeSteps.map(
      (step): PurgeStep => ({
        ...step,
        deleteRows: (db, resourceId, batch) => {
          if (resourceId === broken.resourceId) throw new Error('broken')
          return step.deleteRows(db, resourceId, batch)
        },
      }),
    )
    const { purger, untilPurged, failures } = startWatched({ steps })
    await untilPurged(next.resourceId)
    await purger.stop()
    assert.equal(failures.length, 1)
  })

  test('waits for identities that were being made when the resource was deleted', async () => {
    const deleted = await makeResource(5)
    const { resourceId } = deleted
    let commit: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      commit = resolve
    })
    let inserted: () => void = () => undefined
    const isInserted = new Promise<void>((resolve) => {
      inserted = resolve
    })
    const making = sql.begin(async (db) => {
      await db`
        insert into identity (resource_id, identity_id, created_at)
        select ${resourceId}, gen_random_uuid(), ${now}
        from generate_series(1, ${lateCount}::integer)`
      inserted()
      await held
    })
    await isInserted
    await deleteResource(deleted)
    // The last batch of the identities finds none, and the others are committed after it.
    let emptyBatches = 0
    const steps = purgeSteps.map(
      (step): PurgeStep => ({
        ...step,
        async deleteRows(db, id, batch) {
          const gone = await step.deleteRows(db, id, batch)
          if (id === resourceId && step.table === 'identity' && gone.rowCount === 0) {
            emptyBatches += 1
            commit()
          }
          return gone
        },
      }),
    )
    const { purger, failures, untilPurged } = startWatched({ steps })
    await untilPurged(resourceId)
    await purger.stop()
    await making
    assert.deepEqual(failures, [])
    assert.ok(emptyBatches >= 2)
    assert.equal((await reportOf(resourceId)).identitiesDeleted, 5 + lateCount)
    assert.deepEqual(await countRows(resourceId), emptied)
  })
})

describe('while a batch is under way', () => {
  test('another resource is served, and the deleted one refuses', async () => {
    const [deleted, other] = [await makeResource(50), await makeResource(1)]
    await deleteResource(deleted)
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let reached: () => void = () => undefined
    const isReached = new Promise<void>((resolve) => {
      reached = resolve
    })
    const steps = purgeSteps.map(
      (step): PurgeStep => ({
        ...step,
        async deleteRows(db, resourceId, batch) {
          const gone = await step.deleteRows(db, resourceId, batch)
          if (step.table === 'identity') reached()
          if (step.table === 'identity') await held
          return gone
        },
      }),
    )
    const { purger, untilPurged } = startWatched({ steps })
    await isReached
    assert.equal(await issueIn(other.resourceId), 'recorded')
    assert.equal(await issueIn(deleted.resourceId), 'resource-deleted')
    release()
    await untilPurged(deleted.resourceId)
    await purger.stop()
  })
})

async function issueIn(resourceId: string) {
  const [identity] = await sql<{ identityId: string }[]>`
    select identity_id as "identityId" from identity where resource_id = ${resourceId} limit 1`
  const issuedAtSeconds = nowMs / 1000
  const line = {
    identityId: identity?.identityId ?? resourceId,
    tokenId: crypto.randomUUID(),
    scopeMask: 1,
    accessKey: undefined,
    issuedAtSeconds,
    expiresAtSeconds: issuedAtSeconds + 3600,
  }
  const [recorded] = await recordTokens(sql, resourceId, { lines: [line], nowMs })
  return recorded?.kind
}

describe('a resource that is not live', () => {
  const ends = [
    [
      'subscription-disabled',
      ({ subscriptionId }: Made) =>
        sql`update subscription set state = 'Disabled' where subscription_id = ${subscriptionId}`,
    ],
    ['resource-deleted', deleteResource],
    [
      'resource-deleted',
      ({ resourceId }: Made) => sql`delete from resource where resource_id = ${resourceId}`,
    ],
  ] as const
  for (const [standing, end] of ends) {
    test(`takes no token and no identity any more: ${standing}`, async () => {
      const made = await makeResource(1)
      const { resourceId } = made
      const tokensBefore = await countRows(resourceId)
      assert.equal(await issueIn(resourceId), 'recorded')
      await end(made)
      const before = await countRows(resourceId)
      assert.equal(await issueIn(resourceId), standing)
      const identityIds = [crypto.randomUUID()]
      assert.equal(await insertIdentities(sql, resourceId, { identityIds, atMs: nowMs }), standing)
      const customIdHash = Buffer.from(`hash-${madeCount}`)
      const named = { identityId: crypto.randomUUID(), customIdHash, atMs: nowMs }
      assert.equal(await upsertNamedIdentity(sql, resourceId, named), standing)
      assert.deepEqual(await countRows(resourceId), before)
      assert.equal(tokensBefore['access_token'], 3)
      await sql`delete from resource_purge where resource_id = ${resourceId}`
    })
  }
})

describe('the report of a purge', () => {
  test('is kept for 90 days after the end', async () => {
    const deleted = await makeResource(1)
    await deleteResource(deleted)
    const dayMs = 86_400_000
    await deleteOldPurges(sql, nowMs + 900 * dayMs)
    assert.equal((await reportOf(deleted.resourceId)).identitiesDeleted, 0, 'not before its end')
    const { purger, untilPurged } = startWatched()
    await untilPurged(deleted.resourceId)
    await purger.stop()
    await deleteOldPurges(sql, nowMs + 90 * dayMs - 1)
    assert.equal((await reportOf(deleted.resourceId)).identitiesDeleted, 1)
    await deleteOldPurges(sql, nowMs + 90 * dayMs)
    assert.equal((await reportOf(deleted.resourceId)).identitiesDeleted, undefined)
  })
})
