import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { Database } from '../database/connect.ts'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate } from '../database/migrate.ts'
import { createLoneFeed } from '../events/lone-feed.ts'
import { isCutOffEvent, type LogEvent } from '../events/model.ts'
import { openLog } from '../foundation/log.ts'
import { createOneAtATime } from '../foundation/one-at-a-time.ts'
import { createPlatform } from '../foundation/platform.ts'
import { createSealer } from '../foundation/seal.ts'
import { createResourceDirectory } from '../resources/directory.ts'
import { defaultSettings, type StoredResource } from '../resources/model.ts'
import { insertResource } from '../resources/store.ts'
import { insertSubscription } from '../resources/subscriptions.ts'
import { insertFirstKeys } from './creation.ts'
import { followResources } from './following.ts'
import { createKeyRing } from './key-ring.ts'
import { createOverlapWatch } from './overlaps.ts'
import { regenerateAccessKey } from './regenerate.ts'

const noonMs = Date.parse('2026-03-01T12:00:00Z')
const minuteMs = 60_000

describe('the watch over overlaps', () => {
  let temporary: TemporaryPostgres
  let db: Database
  before(async () => {
    temporary = await startTemporaryPostgres()
    db = temporary.database
    assert.ok((await migrate(db, noonMs)).ok)
  })
  after(() => temporary.close())

  /** A resource in a room of its own, whose clock stands where a test sets it. */
  async function createRoom() {
    const clock = { nowMs: noonMs }
    const platform = createPlatform({ now: () => clock.nowMs, monotonicNow: () => 0, randomBytes })
    const sealer = createSealer(Buffer.alloc(32, 1), platform)
    const [keyRing, resources] = [createKeyRing(), createResourceDirectory()]
    const { tail, feed } = await createLoneFeed(db, platform.now)
    feed.follow(followResources({ memory: () => db, sealer, resources, keyRing }))
    const { log } = openLog({ level: 'silent', fileDescriptor: 2 })
    const oneAtATime = createOneAtATime(10)
    const shared = { db, platform, sealer, feed, keyRing, resources, log, oneAtATime }
    const watch = createOverlapWatch(shared)
    const resource: StoredResource = {
      ...defaultSettings,
      resourceId: platform.newGuid(),
      subscriptionId: platform.newGuid(),
      resourceGroup: 'group',
      name: `name-${randomBytes(4).toString('hex')}`,
      dataLocation: 'UK',
      isSubscriptionEnabled: true,
      createdBy: 'test',
      createdAtMs: noonMs,
      updatedBy: 'test',
      updatedAtMs: noonMs,
    }
    const { resourceId, subscriptionId } = resource
    await insertSubscription(db, { subscriptionId, displayName: '', atMs: noonMs })
    assert.ok(await insertResource(db, resource))
    keyRing.put(resourceId, await insertFirstKeys(db, resourceId, { platform, sealer }))
    resources.put(resource)
    const regenerate = (slot: 'primary' | 'secondary', overlapMinutes: number) =>
      regenerateAccessKey(
        { ...shared, noteOverlapEnd: watch.note },
        {
          resource,
          slot,
          overlapMinutes,
          by: { actor: 'test', operation: 'Test', requestId: '', atMs: clock.nowMs },
        },
      )
    const nextEvent = () =>
      new Promise<LogEvent>((resolve) => {
        feed.follow({
          apply: (event) => {
            void tail.whenApplied(event.seq).then(() => resolve(event))
            return undefined
          },
        })
      })
    return { watch, clock, keyRing, resourceId, regenerate, nextEvent }
  }

  function keysOf({ keyRing, resourceId }: Awaited<ReturnType<typeof createRoom>>) {
    const keys = keyRing.keysOf(resourceId)
    return keys.map(({ slot, generation }) => `${slot}.${generation}`).sort()
  }

  test('ends an overlap when its instant has come, by itself', async () => {
    const room = await createRoom()
    const { clock, watch, resourceId } = room
    await room.regenerate('primary', 5)
    assert.deepEqual(keysOf(room), ['primary.1', 'primary.2', 'secondary.1'])
    const event = room.nextEvent()
    // As the timer sees it the instant is a millisecond away; when it has run it has come.
    clock.nowMs = noonMs + 5 * minuteMs - 1
    watch.note(noonMs + 5 * minuteMs - 1)
    clock.nowMs = noonMs + 5 * minuteMs
    const ended = await event
    assert.ok(isCutOffEvent(ended))
    const { kind, subject, generation } = ended
    assert.deepEqual([kind, subject, generation], ['access-key', 'primary', 2])
    assert.deepEqual(keysOf(room), ['primary.2', 'secondary.1'])
    const [entry] = await db`
      select actor, operation from audit_entry where resource_id = ${resourceId}
      order by seq desc limit 1`
    assert.deepEqual(entry, { actor: 'server', operation: 'Parley_EndKeyOverlap' })
    await watch.close()
  })

  test('ends all that is due, and leaves what is not', async () => {
    const room = await createRoom()
    await room.regenerate('primary', 5)
    await room.regenerate('secondary', 6)
    const other = await createRoom()
    await other.regenerate('primary', 5)
    room.clock.nowMs = noonMs + 6 * minuteMs - 1
    await room.watch.endDue()
    assert.deepEqual(keysOf(room), ['primary.2', 'secondary.1', 'secondary.2'])
    const left = await db`select slot from access_key where former_until is not null`
    assert.deepEqual([...left], [{ slot: 'secondary' }])
    room.clock.nowMs = noonMs + 6 * minuteMs
    await room.watch.endDue()
    assert.deepEqual(keysOf(room), ['primary.2', 'secondary.2'])
    await room.watch.close()
    await other.watch.close()
  })

  test('waits for nothing once it is closed', async () => {
    const room = await createRoom()
    await room.watch.close()
    await room.regenerate('primary', 1)
    room.clock.nowMs = noonMs + minuteMs
    assert.equal(room.watch.note(noonMs), undefined)
    assert.deepEqual(keysOf(room), ['primary.1', 'primary.2', 'secondary.1'])
  })
})
