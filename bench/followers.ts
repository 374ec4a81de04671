import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { exchangeOnce, printAuthority } from './connection.ts'
import { openDatabaseOf } from './database.ts'
import type { FollowersOrder, KnownTimes, SnapshotCost } from './follower-process.ts'
import type { Bench, Claim } from './harness.ts'
import { createIdentities } from './population.ts'
import { cpuMicroseconds } from './processes.ts'
import { signedRequest } from './requests.ts'
import { createWorkDirectory, type ParleyServer, startParley } from './servers.ts'

const { FOLLOWERS: followersText = '1000', CUT_OFFS: cutOffsText = '1000000' } = process.env
const [followerCount, cutOffCount] = [Number(followersText), Number(cutOffsText)]

/** Events of a round at the least: a p99 of fewer is their maximum. */
const eventsMin = 100
/** Events before those: followers live for days, and compile at their first events only. */
const firstCount = 40

/** Revocations in a second, and the time in which the last follower must know, at p99. */
const rates = [
  { perSecond: 10, limitMs: 50 },
  { perSecond: 100, limitMs: 100 },
] as const

/**
 * How the followers of the bench are run. In life they are as many machines; here all of them share
 * the cores of the server, and what they cost is part of the time. So those that are held to the
 * limit fetch by `nodeFetch`, which anybody may, in four processes; for those in one process by the
 * platform's `fetch`, the default, of which the way through a message costs twice as much, the same
 * is printed without a limit.
 */
const manners = [
  { name: 'nodeFetch, 4 processes', fetch: 'node', processCount: 4, hasLimit: true },
  { name: 'fetch, 1 process', fetch: 'platform', processCount: 1, hasLimit: false },
] as const

type Manner = (typeof manners)[number]

/**
 * Verifiers elsewhere: 1,000 connections to one server, all of the same resource, in processes of
 * their own on the same machine. Measured is the time from when the event was appended, by the
 * clock of the database and right before its commit, to when the last of them would refuse, and the
 * same from when the request was sent; and the CPU that the server
 * spends on an event beyond what it spends on the same revocation without followers. Then what a
 * verifier pays for a snapshot of 1,000,000 cut-offs: CPU of its process, and what it keeps.
 */
export async function measureFollowers(bench: Bench): Promise<Claim[]> {
  const work = createWorkDirectory()
  const parley = await startParley(join(work.path, 'data'))
  try {
    const claims: Claim[] = []
    for (const manner of manners) {
      for (const rate of rates) claims.push(...(await measureRate(bench, parley, rate, manner)))
    }
    return [...claims, ...(await measureSnapshot(bench, parley))]
  } finally {
    await parley.stop()
    work.remove()
  }
}

async function measureRate(
  bench: Bench,
  parley: ParleyServer,
  { perSecond, limitMs }: (typeof rates)[number],
  manner: Manner,
): Promise<Claim[]> {
  const figures: Record<'p99Ms' | 'sentP99Ms' | 'cpuUs' | 'followerUs', number[]> = {
    ...{ p99Ms: [], sentP99Ms: [], cpuUs: [], followerUs: [] },
  }
  const eventCount = Math.max(eventsMin, Math.round((perSecond * bench.pace.measureMs) / 1000))
  for (let round = 0; round < bench.pace.rounds; round++) {
    const [first, alone, followed] = [
      await createIdentities(bench, parley, firstCount),
      await createIdentities(bench, parley, eventCount),
      await createIdentities(bench, parley, eventCount),
    ]
    const { cpuUs: aloneUs } = await revokeAll(parley, alone, perSecond)
    const { processCount } = manner
    const children: ChildProcess[] = []
    for (let index = 0; index < processCount; index++) {
      const count = Math.round(followerCount / processCount)
      children.push((await startFollowers(parley, { count, fetch: manner.fetch })).child)
    }
    await revokeAll(parley, first, perSecond)
    await lastTimesOf(children, first)
    const beganUs = followerCpuUs(children)
    const { sentAt, cpuUs } = await revokeAll(parley, followed, perSecond)
    const knownAt = await lastTimesOf(children, followed)
    const followersUs = followerCpuUs(children) - beganUs
    for (const child of children) await end(child)
    const took = (since: ReadonlyMap<string, bigint>) =>
      [...since].map(([id, at]) => Number((knownAt.get(id) ?? at) - at) / 1e6)
    figures.p99Ms.push(percentile(took(await appendedTimes(parley, followed)), 99))
    figures.sentP99Ms.push(percentile(took(sentAt), 99))
    figures.cpuUs.push((cpuUs - aloneUs) / (eventCount * followerCount))
    figures.followerUs.push(followersUs / (eventCount * followerCount))
  }
  const what = `${followerCount} followers (${manner.name}), ${perSecond} revocations a second`
  const limit = manner.hasLimit ? { limit: limitMs } : {}
  return [
    { text: `p99, ${what}`, figures: figures.p99Ms, unit: 'ms', ...limit },
    { text: `p99 from the request, ${what}`, figures: figures.sentP99Ms, unit: 'ms' },
    { text: `CPU an event and follower, ${what}`, figures: figures.cpuUs, unit: 'us' },
    { text: `the same in followers, ${what}`, figures: figures.followerUs, unit: 'us' },
  ]
}

/** When each revocation was appended: nanoseconds on the clock that all processes share. */
async function appendedTimes(
  parley: ParleyServer,
  identities: readonly string[],
): Promise<ReadonlyMap<string, bigint>> {
  const db = await openDatabaseOf(parley)
  const rows = await db<{ readonly subject: string; readonly micros: string }[]>`
    select subject, floor(extract(epoch from appended_at) * 1000000)::text as micros
    from revocation_event
    where kind = 'identity'
    and subject = any(${identities.map((id) => id.slice(-36))})
  `
  await db.end()
  if (rows.length !== identities.length) throw new Error('an event is not in the log')
  const ahead = wallAheadNs()
  return new Map(rows.map(({ subject, micros }) => [subject, BigInt(micros) * 1000n - ahead]))
}

/** By how much the wall clock is ahead of the one that processes share, to some microseconds. */
function wallAheadNs(): bigint {
  const before = Date.now()
  let now = before
  while (now === before) now = Date.now()
  return BigInt(now) * 1_000_000n - process.hrtime.bigint()
}

/** Revokes one identity after the other at a steady rate. */
async function revokeAll(
  parley: ParleyServer,
  identities: readonly string[],
  perSecond: number,
): Promise<{ readonly sentAt: ReadonlyMap<string, bigint>; readonly cpuUs: number }> {
  const { http, accessKey } = parley
  const sentAt = new Map<string, bigint>()
  const beganAt = performance.now()
  const beganUs = cpuMicroseconds(parley)
  const answers: Promise<unknown>[] = []
  for (const [index, id] of identities.entries()) {
    await delay(Math.max(0, beganAt + (index * 1000) / perSecond - performance.now()))
    const name = encodeURIComponent(id)
    const path = `/identities/${name}/:revokeAccessTokens?api-version=2023-10-01`
    const request = signedRequest(http, accessKey, { method: 'POST', path })
    sentAt.set(id.slice(-36), process.hrtime.bigint())
    answers.push(
      exchangeOnce(http, request).then(({ status }) => {
        if (status !== 204) throw new Error(`a revocation was answered ${status}`)
      }),
    )
  }
  await Promise.all(answers)
  return { sentAt, cpuUs: cpuMicroseconds(parley) - beganUs }
}

async function startFollowers(
  parley: ParleyServer,
  { count, fetch }: { readonly count: number; readonly fetch: FollowersOrder['fetch'] },
): Promise<{ readonly child: ChildProcess; readonly cost: SnapshotCost }> {
  const { http, accessKey } = parley
  const request = { method: 'POST', path: '/parley/verifierCredentials', body: '{}' } as const
  const { body } = await exchangeOnce(http, signedRequest(http, accessKey, request))
  const { secret } = JSON.parse(body.toString()) as { readonly secret: string }
  const endpoint = `http://${printAuthority(http)}`
  const order: FollowersOrder = {
    ...{ endpoint, credential: secret, count, fetch, issuer: endpoint },
    jwksUrl: `${endpoint}/.well-known/jwks.json`,
  }
  const path = fileURLToPath(new URL('./follower-process.js', import.meta.url))
  const child = fork(path, [JSON.stringify(order)], { execArgv: ['--expose-gc'] })
  const [cost] = (await once(child, 'message')) as [SnapshotCost]
  return { child, cost }
}

/** Ends the followers as a crash would: a pool of connections would keep their process for long. */
async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** When the last follower of several processes knew of each. */
async function lastTimesOf(
  children: readonly ChildProcess[],
  identities: readonly string[],
): Promise<ReadonlyMap<string, bigint>> {
  const last = new Map<string, bigint>()
  for (const child of children) {
    for (const [id, at] of await timesOf(child, identities)) {
      const known = last.get(id)
      if (known === undefined || known < at) last.set(id, at)
    }
  }
  return last
}

/** CPU that processes of followers have used, in microseconds. */
function followerCpuUs(children: readonly ChildProcess[]): number {
  return children.reduce(
    (sum, { pid }) => sum + (pid === undefined ? 0 : cpuMicroseconds({ pid })),
    0,
  )
}

/** When the last follower knew of each, which all of them must within a while. */
async function timesOf(
  child: ChildProcess,
  identities: readonly string[],
): Promise<ReadonlyMap<string, bigint>> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const told = once(child, 'message') as Promise<[KnownTimes]>
    child.send('times')
    const [times] = await told
    const known = new Map(times.map(([id, at]) => [id, BigInt(at)]))
    if (identities.every((id) => known.has(id.slice(-36)))) return known
    await delay(100)
  }
  throw new Error('a follower missed a revocation')
}

async function measureSnapshot(bench: Bench, parley: ParleyServer): Promise<Claim[]> {
  const db = await openDatabaseOf(parley)
  await db`alter table revocation_event disable trigger revocation_event_announced`
  await db`
    with numbered as (
      update event_sequence
      set last_seq = last_seq + ${cutOffCount}
      returning last_seq - ${cutOffCount} as seq_before
    )
    insert into revocation_event (resource_id, seq, kind, subject, generation, forget_at)
    select
      (select resource_id from resource where deleted_at is null order by created_at limit 1),
      seq_before + place, 'identity', gen_random_uuid(), 2, now() + interval '1 day'
    from numbered
    cross join generate_series(1, ${cutOffCount}::int) as place
  `
  await db`alter table revocation_event enable trigger revocation_event_announced`
  await db`vacuum analyze revocation_event`
  await db.end()
  await serves(parley)
  const costs: SnapshotCost[] = []
  for (let round = 0; round < bench.pace.rounds; round++) {
    const { child, cost } = await startFollowers(parley, { count: 1, fetch: 'platform' })
    await end(child)
    costs.push(cost)
  }
  const what = `${cutOffCount} cut-offs in a verifier`
  return [
    { text: `CPU, ${what}`, figures: costs.map((one) => one.cpuSeconds), unit: 's', limit: 0.4 },
    { text: `memory, ${what}`, figures: costs.map((one) => one.megabytes), unit: 'MB', limit: 20 },
  ]
}

/** Waits until the server knows what was put into its log behind its back. */
async function serves({ http, accessKey }: ParleyServer): Promise<void> {
  const request = { method: 'GET', path: '/parley/verifierCredentials' } as const
  for (let attempt = 0; attempt < 300; attempt++) {
    await delay(1000)
    const { status } = await exchangeOnce(http, signedRequest(http, accessKey, request))
    if (status === 200) return
  }
  throw new Error('the server does not catch up')
}

function percentile(figures: readonly number[], percent: number): number {
  const sorted = figures.toSorted((one, other) => one - other)
  return sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? Number.NaN
}
