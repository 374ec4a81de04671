import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Database, DatabaseAddress } from '@parley/server/database/connect'
import { startTemporaryPostgres } from '@parley/server/database/embedded/temporary-postgres'
import { migrate } from '@parley/server/database/migrate'
import { insertIdentities } from '@parley/server/identities/store'
import { defaultSettings } from '@parley/server/resources/model'
import { insertResource } from '@parley/server/resources/store'
import { insertSubscription } from '@parley/server/resources/subscriptions'
import { startGenerations } from '@parley/server/revocations/store'
import { type BenchNode, startBenchNode } from './corridor-node.ts'
import { type Bench, type Claim, median } from './harness.ts'

const revocationsInRound = 2000
const nodeCounts = [1, 2, 4]

/**
 * The corridor: what it costs that a revocation is answered only when every node knows of it.
 *
 * Nodes are processes of their own on one embedded PostgreSQL. The one that revokes does what the
 * server does without HTTP before it: the statement, then the wait. The wait is what confirmation
 * adds to the same write; the time from the answer of the statement to the moment at which the last
 * node knows is what the promise rests on.
 */
export async function measureCorridor(bench: Bench): Promise<Claim[]> {
  const temporary = await startTemporaryPostgres()
  const claims: Claim[] = []
  try {
    const address = { kind: 'embedded', connection: temporary.postgres.connection } as const
    const { database: db } = temporary
    const migrated = await migrate(db, Date.now())
    if (!migrated.ok) throw new Error(migrated.fault.message)
    const place = await createIdentityToRevoke(db)
    for (const count of nodeCounts)
      claims.push(...(await measureNodes(bench, db, { address, count, place })))
  } finally {
    await temporary.close()
  }
  return claims
}

interface Place {
  readonly resourceId: string
  readonly identityId: string
}

async function createIdentityToRevoke(db: Database): Promise<Place> {
  const place = { resourceId: randomUUID(), identityId: randomUUID() }
  const subscriptionId = randomUUID()
  const resource = {
    ...defaultSettings,
    resourceId: place.resourceId,
    subscriptionId,
    resourceGroup: 'bench',
    name: 'bench',
    dataLocation: 'Europe',
    isSubscriptionEnabled: true,
    createdBy: 'bench',
    createdAtMs: Date.now(),
    updatedBy: 'bench',
    updatedAtMs: Date.now(),
  } as const
  await insertSubscription(db, { subscriptionId, displayName: 'bench', atMs: Date.now() })
  await insertResource(db, resource)
  await insertIdentities(db, place.resourceId, {
    identityIds: [place.identityId],
    atMs: Date.now(),
  })
  return place
}

async function measureNodes(
  bench: Bench,
  db: Database,
  setting: { readonly address: DatabaseAddress; readonly count: number; readonly place: Place },
): Promise<Claim[]> {
  const { address, count, place } = setting
  const here = await startBenchNode(address)
  const others = await Promise.all(Array.from({ length: count - 1 }, () => startOther(address)))
  const noticeMs = await measureNotice(db)
  const rounds: Round[] = []
  for (let round = 0; round < bench.pace.rounds; round++) {
    rounds.push(await revokeInTurn(db, here, place))
  }
  const told = await Promise.all(others.map(timesOf))
  await here.close()
  const committed = new Map(rounds.flatMap(({ committedAt }) => [...committedAt]))
  const lastMs = [...committed].map(([seq, at]) => {
    const moments = [here.appliedAt, ...told].map((times) => times.get(seq) ?? at)
    return Math.max(...moments.map((moment) => Number(moment - at) / 1e6))
  })
  const nodes = count === 1 ? '1 node' : `${count} nodes`
  const addsMs = rounds.map(({ addedMs }) => median(addedMs))
  const writeMs = median(rounds.map(({ writtenMs }) => median(writtenMs)))
  bench.note(
    `  ${nodes}: write ${writeMs.toFixed(2)} ms, ` +
      `notice ${noticeMs.toFixed(2)} ms, ${committed.size} revocations`,
  )
  return [
    {
      text: `confirmation adds, median, ${nodes}`,
      figures: addsMs,
      unit: 'ms',
      limit: noticeMs + 2,
    },
    {
      text: `confirmation adds, p99, ${nodes}`,
      figures: rounds.map(({ addedMs }) => percentile(addedMs, 99)),
      unit: 'ms',
    },
    { text: `written to applied, last node, p50, ${nodes}`, figures: [median(lastMs)], unit: 'ms' },
    {
      text: `written to applied, last node, p99, ${nodes}`,
      figures: [percentile(lastMs, 99)],
      unit: 'ms',
      limit: 5,
    },
  ]
}

/** What one round of revocations took. */
interface Round {
  readonly writtenMs: readonly number[]
  readonly addedMs: readonly number[]
  /** When the statement was answered, by number of its event. */
  readonly committedAt: ReadonlyMap<number, bigint>
}

async function revokeInTurn(db: Database, node: BenchNode, place: Place): Promise<Round> {
  const { resourceId, identityId } = place
  const round = {
    writtenMs: [] as number[],
    addedMs: [] as number[],
    committedAt: new Map<number, bigint>(),
  }
  for (let index = 0; index < revocationsInRound; index++) {
    const revoked = { identityIds: [identityId], atMs: Date.now() }
    const startedAt = process.hrtime.bigint()
    const events = await startGenerations(db, resourceId, revoked)
    const writtenAt = process.hrtime.bigint()
    const { seq } = await node.feed.publish(events)
    const confirmedAt = process.hrtime.bigint()
    round.writtenMs.push(Number(writtenAt - startedAt) / 1e6)
    round.addedMs.push(Number(confirmedAt - writtenAt) / 1e6)
    round.committedAt.set(seq, writtenAt)
  }
  return round
}

/** One notice to oneself and back, the median of some. */
async function measureNotice(db: Database): Promise<number> {
  let heard: () => void = () => undefined
  const listening = await db.listen('bench', () => heard())
  const took: number[] = []
  for (let index = 0; index < 200; index++) {
    const startedAt = performance.now()
    const arrived = new Promise<void>((resolve) => {
      heard = resolve
    })
    await Promise.all([db.notify('bench', ''), arrived])
    took.push(performance.now() - startedAt)
  }
  await listening.unlisten()
  return median(took)
}

async function startOther(address: DatabaseAddress): Promise<ChildProcess> {
  const path = fileURLToPath(new URL('./corridor-node.js', import.meta.url))
  const child = fork(path, [JSON.stringify(address)])
  await once(child, 'message')
  return child
}

async function timesOf(child: ChildProcess): Promise<ReadonlyMap<number, bigint>> {
  const told = once(child, 'message') as Promise<[[number, string][]]>
  child.send('times')
  const [times] = await told
  return new Map(times.map(([seq, at]) => [seq, BigInt(at)]))
}

function percentile(figures: readonly number[], percent: number): number {
  const sorted = figures.toSorted((one, other) => one - other)
  return sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? Number.NaN
}
