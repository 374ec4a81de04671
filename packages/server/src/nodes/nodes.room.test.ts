import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { connectDatabase, type Database, type DatabaseAddress } from '../database/connect.ts'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate } from '../database/migrate.ts'
import type { LogEvent } from '../events/model.ts'
import { appendChanges, findLastSeq } from '../events/store.ts'
import { openLog } from '../foundation/log.ts'
import { createPlatform } from '../foundation/platform.ts'
import type { LeaseTerms } from './model.ts'
import { createNode, type Node } from './node.ts'
import { nodeDatabase } from './session.ts'
import { insertNode, listNodes } from './store.ts'

const { log } = openLog({ level: 'silent', fileDescriptor: 2 })

/** Short leases, so that the tests are. */
const terms: LeaseTerms = { leaseMs: 600, marginMs: 60, renewalMs: 100 }

/** A node of a test, with what it has applied. */
interface TestNode extends Node {
  readonly applied: number[]
  /** Moves its own clock on. */
  readonly sleepFor: (ms: number) => void
  /** Lets it apply nothing until the returned function is called. */
  readonly hold: () => () => void
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
    const startSeq = await findLastSeq(db)
    const node = createNode({ database: nodeDatabase(address), platform, log, startSeq, terms })
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

  test('do not start beside a server that must be alone', async () => {
    const reserved = await db.reserve()
    await reserved`select pg_advisory_lock(1346458700)`
    const platform = createPlatform({ now: Date.now, monotonicNow: () => 0, randomBytes })
    const node = createNode({
      database: nodeDatabase(address),
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
