import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { fail, ok, printIdentityName } from '@parley/protocol'
import { findChainBreak, firstPreviousHash } from '../audit/model.ts'
import { listAuditEntries } from '../audit/store.ts'
import { connectDatabase, type Database, type DatabaseAddress } from '../database/connect.ts'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate } from '../database/migrate.ts'
import type { LogEvent } from '../events/model.ts'
import { listEventsAfter } from '../events/store.ts'
import { cutOffForEver, insertIdentities } from '../identities/store.ts'
import { type CutOff, createVoiding } from '../identities/voiding.ts'
import { defaultSettings, type Resource } from '../resources/model.ts'
import { insertResource } from '../resources/store.ts'
import { insertSubscription } from '../resources/subscriptions.ts'
import { cutOffGenerations } from './store.ts'

const notOwned = fail({ kind: 'identity-not-owned' })

async function openPool(address: DatabaseAddress): Promise<Database> {
  const connected = await connectDatabase({ address, connectionsMax: 2 })
  assert.ok(connected.ok)
  return connected.value
}

async function inTurn<Item, Answer>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Answer>,
): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  for (const item of items) answers.push(await ask(item))
  return answers
}

describe('groups of voidings', () => {
  let temporary: TemporaryPostgres
  let db: Database
  before(async () => {
    temporary = await startTemporaryPostgres()
    db = temporary.database
    const migrated = await migrate(db, 0)
    assert.ok(migrated.ok, JSON.stringify(migrated))
  })
  after(() => temporary.close())

  async function newResource(): Promise<Resource> {
    const subscriptionId = randomUUID()
    await insertSubscription(db, { subscriptionId, displayName: 'test', atMs: 0 })
    const resource = {
      ...{ ...defaultSettings, resourceId: randomUUID(), subscriptionId, resourceGroup: 'group' },
      ...{ name: randomUUID(), dataLocation: 'UK' as const, isSubscriptionEnabled: true },
      ...{ createdBy: '', createdAtMs: 0, updatedBy: '', updatedAtMs: 0 },
    } as const
    await insertResource(db, resource)
    return resource
  }

  async function newIdentities(resourceId: string, count: number): Promise<readonly string[]> {
    const identityIds = Array.from({ length: count }, () => randomUUID())
    await insertIdentities(db, resourceId, { identityIds, atMs: 0 })
    return identityIds
  }

  /** A server's voiding of one sort, and what it published. */
  function voidingOn(
    pool: Database,
    resource: Resource,
    cutOff: CutOff = cutOffGenerations,
    isOnce = false,
  ) {
    const published: (readonly LogEvent[])[] = []
    const feed = {
      publish: async (events: readonly LogEvent[]) => {
        // What is read of the log does not tell which one it is.
        published.push(events.map(({ timeline: _, ...event }) => event))
        for (const { timeline } of events) assert.equal(timeline, '00000001')
        return { seq: 0, confirmedAtMs: 0 }
      },
      follow: () => undefined,
    }
    const room = { db: pool, feed, now: () => 1_800_000_000_000, findResource: () => resource }
    const voidIdentity = createVoiding(room, { cutOff, isOnce })
    const { resourceId } = resource
    const caller = { resourceId, accessKey: undefined, actor: 'access-key/primary.1' }
    const ask = (identityId: string, requestId = '') => {
      const params = { id: printIdentityName({ resourceId, identityId }) }
      return voidIdentity({ caller, params, requestId }, 'Test')
    }
    return { ask, published }
  }

  const eventsOf = async ({ resourceId }: Resource) => {
    const { events } = await listEventsAfter(db, 0, 10_000)
    return events.filter((event) => event.resourceId === resourceId)
  }
  const entriesOf = ({ resourceId }: Resource) =>
    listAuditEntries(db, { afterSeq: 0, entriesMax: 10_000, resourceId })
  const entries = () =>
    listAuditEntries(db, { afterSeq: 0, entriesMax: 10_000, resourceId: undefined })

  test('answers each of a group by itself, and enters those alone that it cut off', async () => {
    const resource = await newResource()
    const [one = '', two = ''] = await newIdentities(resource.resourceId, 2)
    const { ask, published } = voidingOn(db, resource)
    const asked = [two, randomUUID(), one, two]
    const answers = await Promise.all(asked.map((id, index) => ask(id, `request-${index}`)))
    assert.deepEqual(answers, [ok(undefined), notOwned, ok(undefined), ok(undefined)])
    const told = (await entriesOf(resource)).map(({ requestId, actor }) => [requestId, actor])
    assert.deepEqual(
      told,
      ['request-0', 'request-2', 'request-3'].map((id) => [id, 'access-key/primary.1']),
    )
    assert.equal(published.length, 1)
    const inOrder = published[0]?.toSorted((first, second) => first.seq - second.seq)
    assert.deepEqual(inOrder, await eventsOf(resource))
    assert.deepEqual(
      new Set(inOrder?.map((event) => 'subject' in event && event.subject)),
      new Set([one, two]),
    )
  })

  test('enters nothing where a group names nobody', async () => {
    const resource = await newResource()
    const { ask, published } = voidingOn(db, resource)
    const head = (await entries()).length
    const answers = await Promise.all([randomUUID(), randomUUID()].map((id) => ask(id)))
    assert.deepEqual(answers, [notOwned, notOwned])
    assert.equal((await entries()).length, head)
    assert.deepEqual(published, [[]])
  })

  test('enters of two that delete the same identity the one that did', async () => {
    const resource = await newResource()
    const [one = ''] = await newIdentities(resource.resourceId, 1)
    const { ask } = voidingOn(db, resource, cutOffForEver, true)
    const answers = await Promise.all([ask(one, 'first'), ask(one, 'second')])
    assert.deepEqual(answers, [ok(undefined), notOwned])
    assert.deepEqual(
      (await entriesOf(resource)).map(({ requestId }) => requestId),
      ['first'],
    )
  })

  test('keeps nothing of a group that cannot be entered, and all of the next', async () => {
    const resource = await newResource()
    const [one = ''] = await newIdentities(resource.resourceId, 1)
    const { ask, published } = voidingOn(db, resource)
    await db`alter table audit_entry add constraint broken check (request_id <> 'bad') not valid`
    const failed = await Promise.allSettled([ask(one, 'good'), ask(one, 'bad')])
    assert.deepEqual(
      failed.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    assert.deepEqual([await eventsOf(resource), published], [[], []])
    assert.deepEqual(await ask(one, 'next'), ok(undefined))
    await db`alter table audit_entry drop constraint broken`
    const [event, ...more] = await eventsOf(resource)
    assert.deepEqual(
      [event !== undefined && 'generation' in event && event.generation, more],
      [2, []],
    )
    assert.deepEqual(
      (await entriesOf(resource)).map(({ requestId }) => requestId),
      ['next'],
    )
  })

  test('of 3 servers at once over the same identities: one log, one chain, none lost', async () => {
    const resource = await newResource()
    const identityIds = await newIdentities(resource.resourceId, 24)
    const doomed = identityIds.slice(0, 6)
    const kept = identityIds.slice(6)
    const address = { kind: 'embedded', connection: temporary.postgres.connection } as const
    const pools = await Promise.all([1, 2, 3].map(() => openPool(address)))
    const servers = pools.map((pool) => ({
      revoking: voidingOn(pool, resource),
      deleting: voidingOn(pool, resource, cutOffForEver, true),
    }))
    const revoked = servers.flatMap(({ revoking }, server) =>
      Array.from({ length: 8 }, (_, caller) => {
        // Each goes through them in an order of its own, so that groups overlap crosswise.
        const step = server * 2 + 1
        const order = identityIds.map(
          (_, turn) => identityIds[(caller * 5 + turn * step) % 24] ?? '',
        )
        return inTurn(order, (identityId) => revoking.ask(identityId))
      }),
    )
    const deleted = servers.flatMap(({ deleting }) => doomed.map((id) => deleting.ask(id)))
    const answers = (await Promise.all(revoked)).flat()
    const deletions = (await Promise.all(deleted)).filter(({ ok: isDone }) => isDone)
    assert.equal(deletions.length, doomed.length)
    const acts = deletions.length + answers.filter(({ ok: isDone }) => isDone).length
    await Promise.all(pools.map((pool) => pool.end()))

    const events = await eventsOf(resource)
    const first = events[0]?.seq ?? 0
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, index) => first + index),
    )
    const published = servers.flatMap(({ revoking, deleting }) => [
      ...revoking.published.flat(),
      ...deleting.published.flat(),
    ])
    assert.deepEqual(
      published.toSorted((one, other) => one.seq - other.seq),
      events,
    )
    for (const identityId of kept) {
      const generations = events.flatMap((event) =>
        'subject' in event && event.subject === identityId ? [event.generation] : [],
      )
      const inOrder = generations.map((_, index) => index + 2)
      assert.deepEqual(generations, inOrder)
      assert.ok(generations.length > 0)
    }
    assert.equal((await entriesOf(resource)).length, acts)
    const all = await entries()
    assert.equal(findChainBreak(all, { seq: 0, hash: firstPreviousHash }), undefined)
  })
})
