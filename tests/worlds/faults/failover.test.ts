/**
 * Three servers on a primary with a standby: the primary is killed while clients revoke, the
 * standby is promoted, and the servers go on by themselves.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { leaseTerms } from '@parley/server/nodes/model'
import { createChance } from './chance.ts'
import { probe, type Scene, walk } from './clients.ts'
import { endFleet, type FleetNode, startFleetNode } from './fleet.ts'
import { followAt } from './followers.ts'
import { complaintsAbout, lostOf } from './history.ts'
import { ask, emptyJournal } from './journal.ts'
import { type Line, layLine } from './line.ts'
import { type Cluster, makeCluster, makeStandby, type Running, run } from './postgres-server.ts'
import { readRemains } from './remains.ts'

const version = 'api-version=2025-03-02-preview'
const walkerCount = 6

/** Acknowledged voidings before the primary is killed, and after the promotion. */
const voidingsCount = 40

/** For so long a node may refuse beyond a lease: it has to connect, to read and to join. */
const graceMs = 1000

/** A primary, a standby that follows it over a line, and nodes that know of both. */
interface Pair {
  primary: Running
  standby: Running
  readonly replication: Line
  /** One line to each of the two, for all nodes. */
  readonly lines: readonly [Line, Line]
  readonly nodes: FleetNode[]
}

const synchronous = { synchronous_standby_names: 'standby', synchronous_commit: 'on' }

async function startPair(settings: Cluster['settings']): Promise<Pair> {
  const first = makeCluster(settings)
  const made = await run(first)
  await made.end('SIGINT')
  const replication = await layLine(first.socket)
  const second = makeStandby(first, replication.port)
  const [primary, standby] = [await run(first), await run(second)]
  const lines = [await layLine(second.socket), await layLine(first.socket)] as const
  const [toStandby, toPrimary] = lines
  // The standby is named first: a node must find out which of the two it can work on.
  const url = () =>
    `postgres://parley@127.0.0.1:${toStandby.port},127.0.0.1:${toPrimary.port}/postgres`
  const nodes: FleetNode[] = []
  for (const name of ['node 1', 'node 2', 'node 3']) {
    nodes.push(await startFleetNode({ name, socket: first.socket, url }))
  }
  return { primary, standby, replication, lines, nodes }
}

async function endPair({ nodes, lines, replication, primary, standby }: Pair): Promise<void> {
  await endFleet(nodes)
  for (const line of [...lines, replication]) await line.close()
  await standby.end('SIGQUIT')
  await primary.end('SIGQUIT')
}

/** Makes a standby the primary; what it has not heard of is lost. */
async function promote(standby: Running): Promise<void> {
  const db = await standby.open()
  await db`select pg_promote()`
  await db.end()
}

/** A cycle of a probe that takes longer was held up by the machine; a lease bears twice that. */
const heldUpMs = 300
const probeEveryMs = 25

/**
 * Asks a new primary what a node needs of it, a new connection and then durable writes, and gives
 * the times in which it was served at once. Where this test is held up, so may be a node, which has
 * its lease's time again from then on.
 */
async function probePrimary(
  primary: Running,
  { now, isOver }: { readonly now: () => number; readonly isOver: () => boolean },
): Promise<readonly { readonly fromMs: number; readonly untilMs: number }[]> {
  const served: { fromMs: number; untilMs: number }[] = []
  const db = await primary.open()
  let fromMs: number | undefined
  while (!isOver()) {
    const askedAtMs = now()
    await db`select pg_logical_emit_message(true, 'probe', '')`
    fromMs ??= now()
    await delay(probeEveryMs)
    if (now() - askedAtMs < heldUpMs) continue
    served.push({ fromMs, untilMs: askedAtMs })
    fromMs = now()
  }
  await db.end()
  return [...served, { fromMs: fromMs ?? now(), untilMs: now() }]
}

describe('three servers on a primary with a synchronous standby', () => {
  let pair: Pair
  before(async () => {
    pair = await startPair(synchronous)
  })
  after(() => endPair(pair))

  test('lose nothing that was acknowledged when the primary is killed', async (context) => {
    const { nodes, primary, standby } = pair
    const [first, ...others] = nodes
    assert.ok(first !== undefined)
    const journal = emptyJournal()
    let isOver = false
    const scene: Scene = {
      nodes: [first, ...others],
      journal,
      live: new Set(),
      graves: [],
      admit: (life) => life(),
      isOver: () => isOver,
    }
    const clients = [
      ...Array.from({ length: walkerCount }, (_, index) => walk(scene, createChance(index))),
      ...nodes.map((node, index) => probe(scene, node, createChance(100 + index))),
      ...nodes.map((node) => followAt(scene, node)),
    ]
    const acknowledged = () =>
      journal.voidings.filter(({ outcome }) => outcome === 'acknowledged').length
    await until(() => acknowledged() >= voidingsCount)
    const before = journal.voidings.length
    const acknowledgedBefore = acknowledged()
    await primary.end('SIGKILL')
    await promote(standby)
    const probing = probePrimary(standby, { now: journal.now, isOver: () => isOver })
    await until(() => acknowledged() >= acknowledgedBefore + voidingsCount)
    isOver = true
    await Promise.all(clients)
    const served = await probing
    for (const times of served) {
      journal.healthy.push(...nodes.map(({ name: at }) => ({ at, ...times })))
    }
    const left = await readRemains(scene, standby)
    const later = journal.voidings.slice(before).filter((one) => one.outcome === 'acknowledged')
    context.diagnostic(`${before} voidings before, ${later.length} acknowledged after`)
    context.diagnostic(`${served.length - 1} times this machine was held up after the promotion`)
    const complaints = complaintsAbout(journal, leaseTerms.leaseMs + graceMs)
    const none = { acceptedVoid: [], diedUnasked: [], refusedAfterHealing: [] }
    assert.deepEqual({ ...complaints, lost: lostOf(journal, left) }, { ...none, lost: [] })
  })
})

describe('three servers on a primary with an asynchronous standby', () => {
  let pair: Pair
  before(async () => {
    pair = await startPair({})
  })
  after(() => endPair(pair))

  test('follow the log of a standby that was behind, and forget nothing', async () => {
    const { nodes, primary, standby, replication } = pair
    const [first, second, third] = nodes
    assert.ok(first !== undefined && second !== undefined && third !== undefined)
    const lost = await createWithToken(first)
    const early = await Promise.all(Array.from({ length: 40 }, () => createWithToken(second)))
    await untilReplayed(primary, standby)
    replication.hold('both')
    // Ten numbers of the log that the standby never hears of.
    for (let count = 0; count < 10; count++) await revoke(third, lost.id)
    const live = await isLive(first, lost.token)
    assert.equal(live, false)
    await primary.end('SIGKILL')
    await promote(standby)
    // And the same ten numbers again, for others.
    for (const [index, { id, token }] of early.entries()) {
      const node = [first, second, third][index % 3] ?? first
      await untilRevoked(node, id)
      for (const each of nodes) assert.notEqual(await isLive(each, token), true)
    }
    for (const node of nodes) {
      await untilAnswered(node, lost.token)
      assert.equal(await isLive(node, lost.token), false, 'what was void stays so')
      const fresh = await createWithToken(node)
      for (const each of nodes) assert.equal(await isLive(each, fresh.token), true)
    }
  })
})

async function createWithToken(node: FleetNode) {
  const body = { createTokenWithScopes: ['chat'] }
  const path = `/identities?${version}`
  const answer = await ask(node, {}, { method: 'POST', path, body })
  assert.equal(answer?.status, 201, answer?.text)
  return { id: answer.body.identity.id, token: answer.body.accessToken.token }
}

async function revoke(node: FleetNode, id: string): Promise<number | undefined> {
  const path = `/identities/${encodeURIComponent(id)}/:revokeAccessTokens?${version}`
  return (await ask(node, {}, { method: 'POST', path }))?.status
}

const comesBackMs = 20_000

async function untilRevoked(node: FleetNode, id: string): Promise<void> {
  const deadlineAt = performance.now() + comesBackMs
  for (;;) {
    const status = await revoke(node, id)
    if (status === 204) return
    assert.ok(status === undefined || status === 503, `${status}`)
    assert.ok(performance.now() < deadlineAt, 'it comes back')
    await delay(20)
  }
}

/** What a node says of a token; `undefined` while it cannot say. */
async function isLive(node: FleetNode, token: string): Promise<boolean | undefined> {
  const request = { method: 'POST', path: '/introspect', body: { tokens: [token] } }
  const answer = await ask(node, {}, request)
  if (answer === undefined || answer.status === 503) return undefined
  assert.equal(answer.status, 200, answer.text)
  return answer.body.value[0]?.active
}

/** Waits until clients have got so far. */
async function until(isSo: () => boolean): Promise<void> {
  const deadlineAt = performance.now() + 60_000
  while (!isSo()) {
    assert.ok(performance.now() < deadlineAt, 'clients get on')
    await delay(20)
  }
}

async function untilAnswered(node: FleetNode, token: string): Promise<void> {
  const deadlineAt = performance.now() + comesBackMs
  while ((await isLive(node, token)) === undefined) {
    assert.ok(performance.now() < deadlineAt, 'it comes back')
    await delay(20)
  }
}

async function untilReplayed(primary: Running, standby: Running): Promise<void> {
  const [from, to] = [await primary.open(), await standby.open()]
  const [written] = await from<{ lsn: string }[]>`select pg_current_wal_lsn()::text as lsn`
  for (;;) {
    const [row] = await to<{ is_there: boolean }[]>`
      select pg_last_wal_replay_lsn() >= ${written?.lsn ?? ''}::text::pg_lsn as is_there
    `
    if (row?.is_there === true) break
    await delay(20)
  }
  await Promise.all([from.end(), to.end()])
}
