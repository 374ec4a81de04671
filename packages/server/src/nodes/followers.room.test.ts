import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { connectDatabase, type Database } from '../database/connect.ts'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate } from '../database/migrate.ts'
import type { LogEvent } from '../events/model.ts'
import { openLog } from '../foundation/log.ts'
import { endFollowers, insertFollower, listFollowers, renewFollowers } from './follower-store.ts'
import { createFollowerWait, waitMsFor } from './followers.ts'

const { log } = openLog({ level: 'silent', fileDescriptor: 2 })
const now = new Date('2026-03-01T10:30:00Z')
const waitMs = 400

describe('the waiting for followers', () => {
  let temporary: TemporaryPostgres
  let db: Database
  before(async () => {
    temporary = await startTemporaryPostgres()
    db = temporary.database
    assert.ok((await migrate(db, now.getTime())).ok)
  })
  after(() => temporary.close())

  async function newResource(): Promise<string> {
    const [subscriptionId, resourceId] = [randomUUID(), randomUUID()]
    await db`insert into subscription values (${subscriptionId}, ${now})`
    await db`
      insert into resource (
        resource_id, subscription_id, resource_group, name, data_location, created_at)
      values (${resourceId}, ${subscriptionId}, 'g', ${resourceId}, 'here', ${now})`
    return resourceId
  }

  async function enter(resourceId: string, appliedSeq = 0): Promise<string> {
    const followerId = randomUUID()
    assert.ok(await insertFollower(db, { resourceId, followerId, appliedSeq, waitMs }, 3))
    return followerId
  }

  const cutOff = (resourceId: string, seq: number): LogEvent => ({
    ...{ kind: 'identity', resourceId, subject: randomUUID(), generation: 2, seq, forgetAtMs: 0 },
  })
  const memory = () => db
  const newWait = () =>
    createFollowerWait({ db, memory, log, monotonicNow: () => performance.now() })

  /** Whether a voiding is answered within so long. */
  async function isConfirmed(events: readonly LogEvent[], withinMs: number): Promise<boolean> {
    const confirmed = newWait()
      .confirm(events)
      .then(() => true)
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), withinMs)
    })
    const outcome = await Promise.race([confirmed, late])
    clearTimeout(timer)
    return outcome
  }

  test('is over when all have applied the last cut-off of their resource', async () => {
    const resourceId = await newResource()
    const [one, other] = [await enter(resourceId), await enter(resourceId)]
    const wait = newWait()
    let isAnswered = false
    const events = [cutOff(resourceId, 3), cutOff(resourceId, 5), cutOff(resourceId, 4)]
    const answered = wait.confirm(events).then(() => {
      isAnswered = true
    })
    await renewFollowers(db, resourceId, [{ followerId: one, seq: 5 }])
    await renewFollowers(db, resourceId, [{ followerId: other, seq: 4 }])
    assert.equal(isAnswered, false)
    await renewFollowers(db, resourceId, [{ followerId: other, seq: 6 }])
    await answered
    assert.equal((await listFollowers(db, [resourceId])).length, 2)
  })

  test('lasts no longer than the wait of who is silent, whom it takes out', async () => {
    const resourceId = await newResource()
    await enter(resourceId)
    const startedAt = performance.now()
    await newWait().confirm([cutOff(resourceId, 9)])
    const tookMs = performance.now() - startedAt
    assert.ok(tookMs >= waitMs && tookMs < waitMs + 1000, `${tookMs} ms`)
    assert.deepEqual(await listFollowers(db, [resourceId]), [])
  })

  test('lasts no longer either for one that renews and applies nothing, which stays', async () => {
    const resourceId = await newResource()
    const followerId = await enter(resourceId)
    const renewing = setInterval(
      () => void renewFollowers(db, resourceId, [{ followerId, seq: 1 }]),
      50,
    )
    const startedAt = performance.now()
    await newWait().confirm([cutOff(resourceId, 9)])
    clearInterval(renewing)
    assert.ok(performance.now() - startedAt < waitMs + 1000)
    assert.equal((await listFollowers(db, [resourceId])).length, 1)
  })

  test('is for nobody where nothing was cut off', async () => {
    const resourceId = await newResource()
    await enter(resourceId)
    const changed = { kind: 'resource-changed', resourceId, seq: 9 } as const
    assert.ok(await isConfirmed([changed], waitMs / 2))
    assert.ok(await isConfirmed([], waitMs / 2))
    assert.ok(await isConfirmed([cutOff(await newResource(), 9)], waitMs / 2))
  })

  test('goes by the longest wait there is where the table cannot be read', async () => {
    const address = { kind: 'embedded', connection: temporary.postgres.connection } as const
    const connected = await connectDatabase({ address, connectionsMax: 1 })
    assert.ok(connected.ok)
    await connected.value.end()
    let nowMs = 0
    const wait = createFollowerWait({
      db: connected.value,
      memory: () => connected.value,
      log: { warn: () => undefined, error: () => undefined },
      monotonicNow: () => nowMs,
    })
    const startedAt = performance.now()
    const confirmed = wait.confirm([cutOff(randomUUID(), 1)])
    nowMs = waitMsFor(2000)
    await confirmed
    assert.ok(performance.now() - startedAt >= waitMsFor(2000) - 5)
  })

  test('takes out in its rounds who stands still, and nobody else', async () => {
    const resourceId = await newResource()
    const [silent, live] = [await enter(resourceId), await enter(resourceId)]
    let nowMs = 0
    const wait = createFollowerWait({ db, memory, log, monotonicNow: () => nowMs })
    await wait.sweep()
    nowMs = waitMs
    await renewFollowers(db, resourceId, [{ followerId: live, seq: 1 }])
    await wait.sweep()
    const left = await listFollowers(db, [resourceId])
    assert.deepEqual(
      left.map(({ followerId }) => followerId),
      [live],
    )
    assert.notEqual(silent, live)
  })

  test('does not end who was renewed since it was looked at', async () => {
    const resourceId = await newResource()
    const followerId = await enter(resourceId)
    const rows = await listFollowers(db, [resourceId])
    await renewFollowers(db, resourceId, [{ followerId, seq: 1 }])
    assert.equal(await endFollowers(db, rows), 0)
  })

  test('is told the last cut-off of its own resource, whatever else the log has', async () => {
    const [resourceId, other] = [await newResource(), await newResource()]
    const followerId = await enter(resourceId)
    const insert = (owner: string, seq: number, kind: string) => db`
      insert into revocation_event (resource_id, seq, kind, subject, generation, forget_at)
      values (
        ${owner}, ${seq}, ${kind}, ${owner}, ${kind === 'resource-changed' ? 0 : 2}, ${now})`
    const told = () => renewFollowers(db, resourceId, [{ followerId, seq: 0 }])
    assert.deepEqual(await told(), [0])
    await insert(resourceId, 101, 'resource')
    await insert(other, 102, 'resource')
    await insert(resourceId, 103, 'resource-changed')
    assert.deepEqual(await told(), [101])
    const gone = { followerId: randomUUID(), seq: 0 }
    const both = await renewFollowers(db, resourceId, [{ followerId, seq: 7 }, gone])
    assert.deepEqual(both, [101, undefined])
    assert.deepEqual(await renewFollowers(db, other, [{ followerId, seq: 7 }]), [undefined])
  })

  test('has no place for more than it may, and none in a deleted resource', async () => {
    const resourceId = await newResource()
    const tries = Array.from({ length: 6 }, () =>
      insertFollower(db, { resourceId, followerId: randomUUID(), appliedSeq: 0, waitMs }, 3),
    )
    const entered = (await Promise.all(tries)).filter(Boolean)
    assert.equal(entered.length, 3)
    const nobody = { resourceId: randomUUID(), followerId: randomUUID(), appliedSeq: 0, waitMs }
    assert.equal(await insertFollower(db, nobody, 3), false)
  })
})
