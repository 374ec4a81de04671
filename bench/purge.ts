import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { exchangeOnce } from './connection.ts'
import { type Control, controlOf } from './control.ts'
import { insertBulk, openDatabaseOf } from './database.ts'
import { type Bench, type Claim, median } from './harness.ts'
import type { LoadResult } from './load.ts'
import { createIdentities } from './population.ts'
import { createWorkDirectory, type ParleyServer, startParley } from './servers.ts'
import { issueRequest } from './tokens.ts'

const bulk = { identities: 1_000_000, tokens: 300_000 }
const smallCount = 5
/** A resource of each round, whose purge outlasts one measurement. */
const slice = { identities: 80_000, tokens: 20_000 }
/** Tokens that others ask for in a second, while their latency is measured: a busy evening. */
const perSecond = 1000
const connections = 32
const finishSecondsMax = 600

/**
 * Deleting a resource with a million identities: when it is answered, how long its purge takes, and
 * what those notice of it who issue tokens in another resource all the while.
 *
 * Latency is wall time, which a neighbour on the machine moves by a multiple. So each round deletes
 * a resource of its own, some ten seconds of purge, and its ratio is made of what was measured just
 * before and just after that. The large one shows how long a purge takes while others are served.
 */
export async function measurePurge(bench: Bench): Promise<Claim[]> {
  const work = createWorkDirectory()
  const dataDirectory = join(work.path, 'data')
  const parley = await startParley(dataDirectory)
  try {
    const control = controlOf(parley, dataDirectory)
    const identities = await createIdentities(bench, parley, 1000)
    const db = await openDatabaseOf(parley)
    const large = await control.create('large')
    await insertBulk(db, large.resourceId, bulk)
    const smallMs: number[] = []
    for (let made = 0; made < smallCount; made++) {
      const name = `small-${made}`
      await insertBulk(db, (await control.create(name)).resourceId, { identities: 1, tokens: 1 })
      smallMs.push(await deletionMs(parley, control, name))
    }
    const slices: { readonly name: string; readonly resourceId: string }[] = []
    for (let round = 0; round < bench.pace.rounds; round++) {
      const name = `slice-${round}`
      const { resourceId } = await control.create(name)
      await insertBulk(db, resourceId, slice)
      slices.push({ name, resourceId })
    }
    await db.end()
    const issuing = () => issueOthers(bench, parley, identities)
    await issuing()
    const before: LoadResult[] = []
    const during: LoadResult[] = []
    for (const { name, resourceId } of slices) {
      before.push(await issuing())
      await deletionMs(parley, control, name)
      during.push(await issuing())
      const purge = await control.findPurge(resourceId)
      if (purge?.finishedOn !== undefined) throw new Error('the purge was over too soon')
      await untilPurged(control, resourceId)
    }
    const startedAtMs = performance.now()
    const largeMs = await deletionMs(parley, control, 'large')
    for (;;) {
      await issuing()
      const purge = await control.findPurge(large.resourceId)
      if (purge?.finishedOn !== undefined) break
    }
    const tookSeconds = (performance.now() - startedAtMs) / 1000
    return claimsOf(bench, { before, during, smallMs, largeMs, tookSeconds })
  } finally {
    await parley.stop()
    work.remove()
  }
}

interface Measured {
  readonly before: readonly LoadResult[]
  readonly during: readonly LoadResult[]
  readonly smallMs: readonly number[]
  readonly largeMs: number
  readonly tookSeconds: number
}

function claimsOf(bench: Bench, measured: Measured): Claim[] {
  const { before, during, smallMs, largeMs, tookSeconds } = measured
  const p99s = (rounds: readonly LoadResult[]) => rounds.map(({ p99Ms }) => p99Ms)
  const p50s = (rounds: readonly LoadResult[]) => rounds.map(({ p50Ms }) => p50Ms)
  bench.note(
    `  issue at ${perSecond} per s: p50 ${median(p50s(before)).toFixed(1)} ms before and ` +
      `${median(p50s(during)).toFixed(1)} during, p99 ${median(p99s(before)).toFixed(1)} and ` +
      `${median(p99s(during)).toFixed(1)}`,
  )
  bench.note(
    `  deletion answered after ${largeMs.toFixed(1)} ms with a million identities, ` +
      `${smallMs.map((ms) => ms.toFixed(1)).join(', ')} ms with one`,
  )
  return [
    {
      text: 'p99 of issue elsewhere, during the purge / before',
      figures: during.map(({ p99Ms }, round) => p99Ms / (before[round]?.p99Ms ?? Number.NaN)),
      unit: 'x',
      limit: 2,
    },
    {
      text: 'purge of 1,000,000 identities and 300,000 tokens, under load',
      figures: [tookSeconds],
      unit: 's',
      limit: finishSecondsMax,
    },
    {
      text: 'deletion answered, 1,000,000 identities / 1',
      figures: [largeMs / median(smallMs)],
      unit: 'x',
    },
  ]
}

const lookEveryMs = 100

async function untilPurged(control: Control, resourceId: string): Promise<void> {
  while ((await control.findPurge(resourceId))?.finishedOn === undefined) await delay(lookEveryMs)
}

async function deletionMs(parley: ParleyServer, control: Control, name: string): Promise<number> {
  const request = control.deletion(name)
  const sentAtMs = performance.now()
  const { status } = await exchangeOnce(parley.http, request)
  if (status !== 200) throw new Error(`the deletion of ${name} was answered ${status}`)
  return performance.now() - sentAtMs
}

function issueOthers(
  bench: Bench,
  parley: ParleyServer,
  identities: readonly string[],
): Promise<LoadResult> {
  const { pid, postmasterPidFile, http, accessKey } = parley
  return bench.load.run({
    server: { pid, postmasterPidFile },
    endpoint: http,
    connections,
    requests: identities.map((id) => issueRequest(http, accessKey, id)),
    expectedStatus: 200,
    warmUpMs: bench.pace.warmUpMs,
    measureMs: bench.pace.measureMs,
    perSecond,
    sampleEvery: 1000,
  })
}
