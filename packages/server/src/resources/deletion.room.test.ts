import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { RevocationEvent } from '@parley/protocol'
import type { Database } from '../database/connect.ts'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate } from '../database/migrate.ts'
import { createLoneFeed } from '../events/lone-feed.ts'
import { isCutOffEvent } from '../events/model.ts'
import { createOneAtATime } from '../foundation/one-at-a-time.ts'
import { createPlatform } from '../foundation/platform.ts'
import { deleteResource, deleteSubscription } from './deletion.ts'
import { createResourceDirectory } from './directory.ts'
import { defaultSettings, type StoredResource } from './model.ts'
import { insertResource } from './store.ts'
import { deletePurgedSubscriptions, findSubscription, insertSubscription } from './subscriptions.ts'

const noonMs = Date.parse('2026-03-01T12:00:00Z')
const platform = createPlatform({ now: () => noonMs, monotonicNow: () => 0, randomBytes })
const deleter = { actor: 'test', operation: 'Test', requestId: 'r', atMs: noonMs }

describe('a deletion', () => {
  let temporary: TemporaryPostgres
  let db: Database
  before(async () => {
    temporary = await startTemporaryPostgres()
    db = temporary.database
    assert.ok((await migrate(db, noonMs)).ok)
  })
  after(() => temporary.close())

  /** A subscription with resources, and what is told of their deletion. */
  async function createRoom(count: number) {
    const resources = createResourceDirectory()
    const { feed } = await createLoneFeed(db, platform.now)
    const told: RevocationEvent[] = []
    feed.follow({
      apply: (event) => {
        if (isCutOffEvent(event)) told.push(event)
        return undefined
      },
    })
    const oneAtATime = createOneAtATime(10)
    const room = { db, feed, resources, oneAtATime }
    const subscriptionId = platform.newGuid()
    await insertSubscription(db, { subscriptionId, displayName: 'Test', atMs: noonMs })
    const made: StoredResource[] = []
    for (let index = 0; index < count; index += 1) {
      const resource: StoredResource = {
        ...defaultSettings,
        resourceId: platform.newGuid(),
        subscriptionId,
        resourceGroup: 'Group',
        name: `name-${randomBytes(4).toString('hex')}`,
        dataLocation: 'UK',
        isSubscriptionEnabled: true,
        createdBy: 'test',
        createdAtMs: noonMs,
        updatedBy: 'test',
        updatedAtMs: noonMs,
      }
      assert.ok(await insertResource(db, resource))
      resources.put(resource)
      made.push(resource)
    }
    const [first] = made
    assert.ok(first !== undefined)
    return { room, subscriptionId, made, first, told }
  }

  const subjectsOf = (events: readonly RevocationEvent[]) =>
    events.map(({ kind, subject, generation }) => `${kind} ${subject} ${generation}`).sort()

  const cutOffOf = ({ resourceId }: StoredResource) => `resource ${resourceId} 4294967295`

  test('of a resource has told every follower when it returns, and leaves the others', async () => {
    const { room, first, told } = await createRoom(2)
    const elsewhere = { ...first, resourceGroup: 'Other' }
    assert.equal(await deleteResource(room, elsewhere, deleter), false)
    assert.deepEqual(told, [])
    const shouted = { ...first, resourceGroup: 'GROUP', name: first.name.toUpperCase() }
    assert.equal(await deleteResource(room, shouted, deleter), true)
    assert.deepEqual(subjectsOf(told), [cutOffOf(first)])
    assert.equal(await deleteResource(room, first, deleter), false)
    assert.equal(told.length, 1)
  })

  test('of a subscription has told of each resource, by one number after the other', async () => {
    const { room, subscriptionId, made, told } = await createRoom(3)
    assert.equal(await deleteSubscription(room, subscriptionId, deleter), true)
    assert.deepEqual(subjectsOf(told), made.map(cutOffOf).sort())
    const [firstSeq = 0] = told.map(({ seq }) => seq).sort((one, other) => one - other)
    assert.deepEqual(new Set(told.map(({ seq }) => seq - firstSeq)), new Set([0, 1, 2]))
    assert.equal(await deleteSubscription(room, subscriptionId, deleter), false)
  })

  test('leaves the row of a subscription until those of its resources have gone', async () => {
    const { room, subscriptionId, first } = await createRoom(1)
    await deleteSubscription(room, subscriptionId, deleter)
    assert.equal(await findSubscription(db, subscriptionId), undefined)
    const countRows = async () => {
      await deletePurgedSubscriptions(db)
      return (await db`select from subscription where subscription_id = ${subscriptionId}`).length
    }
    assert.equal(await countRows(), 1)
    await db`delete from resource where resource_id = ${first.resourceId}`
    assert.equal(await countRows(), 0)
  })

  test('notes where each resource was for the purge', async () => {
    const { room, subscriptionId, first } = await createRoom(1)
    await deleteResource(room, first, deleter)
    const [row] = await db`
      select subscription_id, resource_group, name, began_at, finished_at
      from resource_purge where resource_id = ${first.resourceId}`
    assert.deepEqual(row, {
      subscription_id: subscriptionId,
      resource_group: 'Group',
      name: first.name,
      began_at: new Date(noonMs),
      finished_at: null,
    })
  })
})
