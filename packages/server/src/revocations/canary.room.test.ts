import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { createVerifier } from '@parley/verifier/node'
import { connectDatabase, type Database, type DatabaseAddress } from '../database/connect.ts'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '../database/embedded/temporary-postgres.ts'
import { migrate } from '../database/migrate.ts'
import { dropExpiredTokenPartitions, makeRoomForTokens } from '../database/partitions.ts'
import { deleteForgottenEvents, findLastSeq } from '../events/store.ts'
import { openLog } from '../foundation/log.ts'
import type { Watched } from '../foundation/metrics.ts'
import { createPlatform } from '../foundation/platform.ts'
import { createNode } from '../nodes/node.ts'
import { nodeDatabase } from '../nodes/session.ts'
import { listResources } from '../resources/store.ts'
import { findSubscription, listSubscriptions } from '../resources/subscriptions.ts'
import { followCutOffs } from '../tokens/cut-offs.ts'
import { createTokenSigner } from '../tokens/sign.ts'
import { startCanary } from './canary.ts'
import { canaryResource } from './canary-store.ts'

const { log } = openLog({ level: 'silent', fileDescriptor: 2 })
const issuer = 'https://parley.example'
const [pair, stranger] = [newPair('one'), newPair('other')]

function newPair(kid: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }
  return { jwk, sign: createTokenSigner({ kid, algorithm: 'ES256', privateKey }) }
}

/** Counts of a canary that is watched. */
function countsOf(watched: readonly Watched[]) {
  const read = (name: string) => {
    const one = watched.find((number) => number.name === `parley_canary_${name}_total`)
    assert.ok(one !== undefined && one.type !== 'histogram')
    return one.read()
  }
  const failures = read('failures')
  assert.ok(typeof failures !== 'number')
  return {
    passed: Number(read('passed')),
    witnessed: Number(read('witnessed')),
    failures: Object.fromEntries(
      failures
        .filter(({ value }) => value > 0)
        .map(({ labels, value }) => [labels['stage'], value]),
    ),
  }
}

describe('a canary', () => {
  let temporary: TemporaryPostgres
  let address: DatabaseAddress
  let db: Database
  let closers: (() => Promise<void>)[] = []
  before(async () => {
    temporary = await startTemporaryPostgres()
    address = { kind: 'embedded', connection: temporary.postgres.connection }
    const connected = await connectDatabase({ address, connectionsMax: 8 })
    assert.ok(connected.ok)
    db = connected.value
    assert.ok((await migrate(db, Date.now())).ok)
    await makeRoomForTokens(db, Date.now())
  })
  after(async () => {
    await db.end()
    await temporary.close()
  })
  afterEach(async () => {
    for (const close of closers.toReversed()) await close()
    closers = []
  })

  /** Starts a node with a canary. */
  async function startNode(broken: { isDeaf?: boolean; isStrange?: boolean } = {}) {
    let aheadMs = 0
    const monotonicNow = () => performance.now() + aheadMs
    const platform = createPlatform({ now: Date.now, monotonicNow, randomBytes })
    const startSeq = await findLastSeq(db)
    const database = nodeDatabase(address, db)
    const node = createNode({ database, platform, log, startSeq })
    const { jwk } = broken.isStrange === true ? stranger : pair
    const verifier = createVerifier({ keys: { keys: [jwk] }, issuer, now: Date.now })
    if (broken.isDeaf !== true) node.feed.follow(followCutOffs(verifier, async () => undefined))
    assert.ok((await node.start()).ok)
    closers.push(() => node.close())
    const { sign } = pair
    const canary = await startCanary({ db, platform, log, node, verifier, sign, issuer })
    closers.push(() => canary.stop())
    const counts = () => countsOf(canary.watched)
    const sleepFor = (ms: number) => {
      aheadMs += ms
    }
    return { node, canary, counts, sleepFor }
  }

  /** Looks until something is so. */
  async function until(isSo: () => boolean): Promise<void> {
    const deadlineAt = performance.now() + 8000
    while (!isSo()) {
      assert.ok(performance.now() < deadlineAt, 'it becomes so')
      await db`select pg_sleep(0.02)`
    }
  }

  test('has fared well when it has started, and does so each second', async () => {
    const { canary, counts } = await startNode()
    assert.equal(canary.isWell(), true)
    assert.deepEqual(counts(), { passed: 1, witnessed: 0, failures: {} })
    const startedAt = performance.now()
    await until(() => counts().passed === 3)
    const tookMs = performance.now() - startedAt
    assert.ok(tookMs > 1500 && tookMs < 4000, `${tookMs} ms`)
  })

  test('is accepted and then refused by every node, and sent by the eldest', async () => {
    const [eldest, second, third] = [await startNode(), await startNode(), await startNode()]
    await until(() => [second, third].every(({ counts }) => counts().witnessed >= 3))
    for (const { counts } of [eldest, second, third]) assert.deepEqual(counts().failures, {})
    // Each sends one of its own at its start.
    assert.deepEqual([second.counts().passed, third.counts().passed], [1, 1])
    assert.ok(eldest.counts().passed >= 3)
  })

  test('is sent by another when the eldest sends none any more', async () => {
    const [eldest, second] = [await startNode(), await startNode()]
    await eldest.canary.stop()
    await until(() => second.counts().passed >= 3)
    assert.equal(second.canary.isWell(), true)
  })

  test('tells of a node that hears of no revocation', async () => {
    const deaf = await startNode({ isDeaf: true })
    assert.deepEqual(deaf.counts(), { passed: 0, witnessed: 0, failures: { refuse: 1 } })
    assert.equal(deaf.canary.isWell(), false)
    await startNode()
    await until(() => (deaf.counts().failures['refuse'] ?? 0) >= 3)
    assert.equal(deaf.counts().witnessed, 0)
  })

  test('tells of a node that refuses the tokens of the others', async () => {
    const strange = await startNode({ isStrange: true })
    assert.deepEqual(strange.counts().failures, { accept: 1 })
    const before = strange.counts().failures['accept'] ?? 0
    const good = await startNode()
    assert.deepEqual(good.counts(), { passed: 1, witnessed: 0, failures: {} })
    await until(() => (strange.counts().failures['accept'] ?? 0) > before)
    assert.equal(strange.canary.isWell(), false)
  })

  test('is not well five seconds after it was the last time', async () => {
    const { canary, sleepFor } = await startNode()
    sleepFor(4900)
    assert.equal(canary.isWell(), true)
    sleepFor(200)
    assert.equal(canary.isWell(), false)
  })

  test('lives in a resource that nobody sees', async () => {
    await startNode()
    const { resourceId } = canaryResource
    const [row] = await db<{ readonly subscription_id: string }[]>`
      select subscription_id from resource where resource_id = ${resourceId}`
    assert.ok(row !== undefined)
    assert.deepEqual(await listResources(db), [])
    assert.deepEqual(await listSubscriptions(db, { afterId: undefined, entriesMax: 9 }), [])
    assert.equal(await findSubscription(db, row.subscription_id), undefined)
    const [count] = await db`
      select (select count(*) from access_key) as keys, (select count(*) from audit_entry) as acts`
    assert.deepEqual(count, { keys: 0, acts: 0 })
  })

  test('goes on under another identity when its own was taken away as old', async () => {
    const { counts } = await startNode()
    const { resourceId } = canaryResource
    await db.begin(async (transaction) => {
      await transaction`delete from access_token where resource_id = ${resourceId}`
      await transaction`delete from identity where resource_id = ${resourceId}`
    })
    const { passed } = counts()
    await until(() => counts().passed > passed + 1)
    assert.deepEqual(counts().failures, {})
  })

  test('is forgotten: its tokens when they are over, its revocations after a day', async () => {
    const { canary, node } = await startNode()
    await canary.stop()
    await node.close()
    const dayMs = 24 * 60 * 60 * 1000
    const nowMs = Date.now() + dayMs + 7 * 60_000
    await dropExpiredTokenPartitions(db, nowMs)
    await deleteForgottenEvents(db, nowMs)
    const [left] = await db`
      select
        (select count(*) from access_token) as tokens,
        (select count(*) from revocation_event) as events`
    assert.deepEqual(left, { tokens: 0, events: 0 })
    await makeRoomForTokens(db, Date.now())
  })

  test('leaves nothing behind of processes that are long gone', async () => {
    const old = new Date(Date.now() - 25 * 60 * 60 * 1000)
    const { resourceId } = canaryResource
    await startNode()
    await db`delete from access_token where resource_id = ${resourceId}`
    await db`update identity set created_at = ${old} where resource_id = ${resourceId}`
    const { counts } = await startNode()
    assert.equal(counts().passed, 1)
    const rows = await db`
      select from identity where resource_id = ${resourceId} and created_at = ${old}`
    assert.equal(rows.length, 0)
  })
})
