import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import {
  connectDatabase,
  type Database,
  type DatabaseAddress,
  type Queries,
} from '../database/connect.ts'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate } from '../database/migrate.ts'
import type { LogEvent } from '../events/model.ts'
import { appendChanges, findLastSeq, findLogEnd } from '../events/store.ts'
import type { Histogram } from '../foundation/histogram.ts'
import { openLog } from '../foundation/log.ts'
import { createPlatform } from '../foundation/platform.ts'
import type { LeaseTerms } from './model.ts'
import { createNode, type Node } from './node.ts'
import { nodeDatabase } from './session.ts'
import { endBackend, findBackend, insertNode, listNodes } from './store.ts'

const { log } = openLog({ level: 'silent', fileDescriptor: 2 })

/** Short leases, so that the tests are. */
const terms: LeaseTerms = { leaseMs: 600, marginMs: 60, renewalMs: 100 }

/** A node of a test, with what it has applied. */
interface TestNode extends Node {
  /** Where what follows the feed is read from. */
  readonly memory: () => Queries
  readonly applied: number[]
  /** Moves its own clock on. */
  readonly sleepFor: (ms: number) => void
  /** Lets it apply nothing until the returned function is called. */
  readonly hold: () => () => void
}

/** The durations of events that a node shows. */
function durationsOf(node: Node, what: 'applied' | 'confirmed'): Histogram {
  const name = `parley_revocation_${what}_seconds`
  const watched = node.watched.find((one) => one.name === name)
  assert.ok(watched?.type === 'histogram')
  return watched.histogram
}

/** A number that a node shows. */
function numberOf(node: Node, name: string): number {
  const watched = node.watched.find((one) => one.name === name)
  assert.ok(watched !== undefined && watched.type !== 'histogram')
  return Number(watched.read())
}

describe('nodes on one database', () => {
  let temporary: TemporaryPostgres
  let address: DatabaseAddress
  let db: Database
  let nodes: TestNode[] = []
  before(async () => {
    temporary = await startTemporaryPostgres()
    address = { kind: 'embedded', connection: temporary.postgres.connection }
    const connected = await connectDatabase({ address, connectionsMax: 8 })
    assert.ok(connected.ok)
    db = connected.value
    assert.ok((await migrate(db, Date.now())).ok)
  })
  after(async () => {
    await db.end()
    await temporary.close()
  })

  /** Starts nodes that know the log as it is now. */
  async function startNodes(count: number): Promise<readonly TestNode[]> {
    nodes = []
    for (let number = 1; number <= count; number++) nodes.push(await startNode())
    return nodes
  }

  async function startNode(): Promise<TestNode> {
    let aheadMs = 0
    let gate: Promise<void> | undefined
    const now = () => Date.now()
    const monotonicNow = () => performance.now() + aheadMs
    const platform = createPlatform({ now, monotonicNow, randomBytes })
    const { lastSeq: startSeq, timeline } = await findLogEnd(db)
    const database = nodeDatabase(address, db)
    const node = createNode({ database, platform, log, startSeq, timeline, terms })
    const applied: number[] = []
    node.feed.follow({
      apply: ({ seq }) => {
        if (gate !== undefined) return gate.then(() => void applied.push(seq))
        applied.push(seq)
        return undefined
      },
    })
    assert.ok((await node.start()).ok)
    return {
      ...node,
      memory: database.memory,
      applied,
      sleepFor: (ms) => {
        aheadMs += ms
      },
      hold: () => {
        let release = () => {}
        gate = new Promise((resolve) => {
          release = () => {
            gate = undefined
            resolve()
          }
        })
        return release
      },
    }
  }

  afterEach(async () => {
    await Promise.all(nodes.map((node) => node.close()))
    nodes = []
    assert.deepEqual(await listNodes(db), [])
  })

  /** Voids until the table has so many nodes: a lease or two, where nodes have to be taken out. */
  async function untilCount(node: TestNode, count: number) {
    const deadlineAt = performance.now() + 5000
    for (;;) {
      const rows = await listNodes(db)
      if (rows.length === count) return rows
      assert.ok(performance.now() < deadlineAt, `${rows.length} nodes`)
      await node.feed.publish(await commit())
    }
  }

  /** A cause: commits events and gives them. */
  function commit(count = 1): Promise<readonly LogEvent[]> {
    const resourceIds = Array.from({ length: count }, () => randomUUID())
    return db.begin((transaction) =>
      appendChanges(transaction, { kind: 'resource-changed', resourceIds, atMs: Date.now() }),
    )
  }

  test('all apply what 32 writers append, once and in its order', async () => {
    const [first, second, third] = await startNodes(3)
    assert.ok(first && second && third)
    const startSeq = await findLastSeq(db)
    const write = async (writer: number) => {
      for (let round = 0; round < 20; round++) {
        const { feed } = nodes[(writer + round) % 3] as TestNode
        const events = await commit(1 + ((writer + round) % 3))
        const { seq } = await feed.publish(events)
        for (const node of nodes) {
          assert.ok(!node.isCurrent() || (node.applied.at(-1) ?? 0) >= seq, 'confirmed')
        }
      }
    }
    await Promise.all(Array.from({ length: 32 }, (_, writer) => write(writer)))
    const count = (await findLastSeq(db)) - startSeq
    const all = Array.from({ length: count }, (_, index) => startSeq + 1 + index)
    for (const { applied } of nodes) assert.deepEqual(applied, all)
  })

  test('hear of what is too long for a notice', async () => {
    const [first, second] = await startNodes(2)
    const events = await commit(1500)
    await first?.feed.publish(events)
    assert.deepEqual(
      second?.applied,
      events.map(({ seq }) => seq).toSorted((a, b) => a - b),
    )
  })

  test('go on after their connections were cut, and have missed nothing', async () => {
    const [first, second] = await startNodes(2)
    assert.ok(first && second)
    const startSeq = await findLastSeq(db)
    for (let round = 0; round < 5; round++) {
      await db`
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'parley node'`
      const [one, other] = [await commit(), await commit()]
      await Promise.all([first.feed.publish(one), second.feed.publish(other)])
    }
    const all = Array.from({ length: 10 }, (_, index) => startSeq + 1 + index)
    assert.deepEqual([first.applied, second.applied], [all, all])
    assert.deepEqual([await first.whenCurrent(5000), await second.whenCurrent(5000)], [true, true])
  })

  test('refuse from the end of their lease on, and accept again once it is renewed', async () => {
    const [node] = await startNodes(1)
    assert.ok(node)
    assert.equal(node.isCurrent(), true)
    node.sleepFor(terms.leaseMs - terms.marginMs)
    assert.equal(node.isCurrent(), false)
    assert.equal(await node.whenCurrent(5000), true)
  })

  test('wait for one that is slow', async () => {
    const [fast, slow] = await startNodes(2)
    assert.ok(fast && slow)
    const release = slow.hold()
    const published = fast.feed.publish(await commit())
    const early = await Promise.race([published, fast.whenCurrent(0).then(() => 'waits')])
    assert.equal(early, 'waits')
    assert.equal(slow.isCurrent(), true)
    release()
    const { seq } = await published
    assert.equal(slow.applied.at(-1), seq)
  })

  test('wait no longer than a lease for one that is dead', async () => {
    const [node] = await startNodes(1)
    assert.ok(node)
    const connected = await connectDatabase({ address, connectionsMax: 1 })
    assert.ok(connected.ok)
    const deadId = randomUUID()
    await insertNode(connected.value, { nodeId: deadId, appliedSeq: 0 })
    await connected.value.end()
    const startedAt = performance.now()
    await node.feed.publish(await commit())
    const waitedMs = performance.now() - startedAt
    assert.ok(waitedMs >= terms.leaseMs, `${waitedMs} ms is less than a lease`)
    assert.ok(waitedMs < terms.leaseMs + 200, `${waitedMs} ms is more than a lease`)
    const left = await untilCount(node, 1)
    assert.notEqual(left[0]?.nodeId, deadId)
  })

  test('leave one behind that does not keep up; it refuses until it has', async () => {
    const [fast, slow] = await startNodes(2)
    assert.ok(fast && slow)
    const release = slow.hold()
    const { seq } = await fast.feed.publish(await commit())
    assert.equal(slow.isCurrent(), false)
    await untilCount(fast, 1)
    assert.equal(await slow.whenCurrent(2 * terms.renewalMs), false)
    release()
    assert.equal(await slow.whenCurrent(5000), true)
    assert.ok((slow.applied.at(-1) ?? 0) >= seq)
    assert.equal((await listNodes(db)).length, 2)
  })

  test('know when they join whatever was confirmed without them', async () => {
    const [first] = await startNodes(1)
    assert.ok(first)
    let isDone = false
    let confirmedSeq = 0
    const voidOn = async () => {
      while (!isDone) confirmedSeq = (await first.feed.publish(await commit())).seq
    }
    const voiding = voidOn()
    for (let round = 0; round < 20; round++) {
      const next = await startNode()
      const known = confirmedSeq
      assert.ok(next.isCurrent())
      const startSeq = (next.applied[0] ?? Number.POSITIVE_INFINITY) - 1
      assert.ok(Math.max(startSeq, next.applied.at(-1) ?? 0) >= known)
      await next.close()
    }
    isDone = true
    await voiding
  })

  test('measure every event once on each of them, whether told of or read', async () => {
    const [first, second] = await startNodes(2)
    assert.ok(first && second)
    await first.feed.publish(await commit(3))
    await first.feed.publish(await commit(1500))
    await db`
      select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'parley node'`
    await second.feed.publish(await commit(2))
    for (const node of nodes) assert.equal(durationsOf(node, 'applied').counted.count, 1505)
    const waits = nodes.map((node) => durationsOf(node, 'confirmed').counted.count)
    assert.deepEqual(waits, [2, 1])
  })

  test('measure by the clock of the database how long one took that was held up', async () => {
    const [fast, slow] = await startNodes(2)
    assert.ok(fast && slow)
    const release = slow.hold()
    const published = fast.feed.publish(await commit())
    await db`select pg_sleep(0.06)`
    release()
    await published
    const [fastMs, slowMs] = [fast, slow].map((node) => durationsOf(node, 'applied').counted.sumMs)
    assert.ok(slowMs !== undefined && slowMs >= 55 && slowMs < 1000, `${slowMs} ms`)
    assert.ok(fastMs !== undefined && fastMs < slowMs, `${fastMs} ms`)
    assert.ok(durationsOf(fast, 'confirmed').counted.sumMs >= 55)
  })

  test('tell how they stand', async () => {
    const [first, second] = await startNodes(2)
    assert.ok(first && second)
    const { seq } = await first.feed.publish(await commit())
    const leaseSeconds = numberOf(second, 'parley_node_lease_seconds')
    assert.ok(leaseSeconds > 0 && leaseSeconds <= terms.leaseMs / 1000, `${leaseSeconds} s`)
    assert.equal(numberOf(second, 'parley_nodes'), 2)
    assert.equal(numberOf(second, 'parley_node_applied_seq'), seq)
    assert.ok(numberOf(second, 'parley_database_clock_error_seconds') < 0.05)
    second.sleepFor(terms.leaseMs)
    assert.equal(numberOf(second, 'parley_node_lease_seconds'), 0)
  })

  test('read memory while others hold every connection of the pool', async () => {
    const [node] = await startNodes(1)
    assert.ok(node)
    let isFree = false
    const all = Array.from({ length: 8 }, () => db`select pg_sleep(0.5)`)
    const busy = Promise.all(all).then(() => {
      isFree = true
    })
    const [row] = await node.memory()`select 1 as one`
    assert.deepEqual([row, isFree], [{ one: 1 }, false])
    await busy
  })

  test('read everything again before they join a log that is another one', async () => {
    const [node] = await startNodes(1)
    assert.ok(node)
    await node.feed.publish(await commit(5))
    const monotonicNow = () => performance.now()
    const rounds = [
      { timeline: '00000009', startSeq: await findLastSeq(db), reloads: 1, warnings: 1 },
      { ...(await endOf()), startSeq: (await findLastSeq(db)) + 100, reloads: 1, warnings: 1 },
      { ...(await endOf()), reloads: 0, warnings: 0 },
      { timeline: '', startSeq: await findLastSeq(db), reloads: 1, warnings: 0 },
    ]
    for (const { timeline, startSeq, reloads, warnings } of rounds) {
      const platform = createPlatform({ now: Date.now, monotonicNow, randomBytes })
      const database = nodeDatabase(address, db)
      const warned: string[] = []
      const told = { warn: (_: object, text: string) => void warned.push(text), error: assert.fail }
      const other = createNode({
        ...{ database, platform, startSeq, timeline, terms },
        log: told as unknown as typeof log,
      })
      const reads: number[] = []
      other.feed.follow({
        apply: () => undefined,
        reload: async () => {
          assert.equal(other.isCurrent(), false)
          reads.push(1)
        },
      })
      assert.ok((await other.start()).ok)
      assert.equal(reads.length, reloads)
      assert.equal(warned.filter((text) => text.startsWith('the log is another')).length, warnings)
      await other.close()
    }
  })

  test('take nothing of another log for theirs, and confirm it by time alone', async () => {
    const [node] = await startNodes(1)
    assert.ok(node)
    const seen: string[] = []
    node.feed.follow({
      apply: ({ resourceId }) => {
        seen.push(resourceId)
        return undefined
      },
    })
    const seq = (await findLastSeq(db)) + 1
    const elsewhere = randomUUID()
    const startedAtMs = performance.now()
    const published = node.feed.publish([
      { kind: 'resource-changed', resourceId: elsewhere, seq, timeline: '00000007' },
    ])
    const [here] = await commit()
    assert.ok(here !== undefined)
    assert.deepEqual([here.seq, here.timeline], [seq, node.timeline()])
    await node.feed.publish([here])
    assert.ok(performance.now() - startedAtMs < terms.leaseMs, 'its own is confirmed at once')
    assert.deepEqual(seen, [here.resourceId])
    await published
    assert.ok(performance.now() - startedAtMs >= terms.leaseMs)
    assert.deepEqual(seen, [here.resourceId])
  })

  test('end what is left of a connection that hung, and nobody else', async () => {
    const [node] = await startNodes(1)
    assert.ok(node)
    const connected = await connectDatabase({ address, connectionsMax: 1 })
    assert.ok(connected.ok)
    const backend = await findBackend(connected.value)
    await endBackend(db, { ...backend, startedAt: '2020-01-01' })
    assert.deepEqual(await findBackend(connected.value), backend)
    await endBackend(db, backend)
    const deadlineAt = performance.now() + 5000
    for (let isLeft = true; isLeft; ) {
      const rows = await db`select pid from pg_stat_activity where pid = ${backend.pid}`
      isLeft = rows.length > 0
      assert.ok(performance.now() < deadlineAt, 'it is gone')
    }
    await connected.value.end({ timeout: 0 })
  })

  async function endOf() {
    const { lastSeq: startSeq, timeline } = await findLogEnd(db)
    return { startSeq, timeline }
  }

  test('do not start beside a server that must be alone', async () => {
    const reserved = await db.reserve()
    await reserved`select pg_advisory_lock(1346458700)`
    const platform = createPlatform({ now: Date.now, monotonicNow: () => 0, randomBytes })
    const node = createNode({
      database: nodeDatabase(address, db),
      platform,
      log,
      startSeq: 0,
      terms,
    })
    const started = await node.start()
    await reserved`select pg_advisory_unlock(1346458700)`
    reserved.release()
    assert.equal(started.ok ? '' : started.fault.kind, 'database-in-use')
    await node.close()
  })
})
