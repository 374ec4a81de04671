import { join } from 'node:path'
import type { Database } from '@parley/server/database/connect'
import { exchangeOnce } from './connection.ts'
import { type Control, controlOf } from './control.ts'
import { insertBulk, openDatabaseOf } from './database.ts'
import { type Bench, type Claim, median } from './harness.ts'
import { cpuNanoseconds } from './processes.ts'
import { createWorkDirectory, type ParleyServer, startParley } from './servers.ts'

const tokenCount = 1_000_000
const roundsMax = 5
/** Regenerations of one round for each of the two; the first of them voids the tokens. */
const warmUps = 20

/**
 * Regenerating an access key under which a million tokens live, against one under which a single
 * token lives. Before each round the ledger is told that all of them were issued under the key of
 * that moment, so that each round voids a million.
 */
export async function measureRegenerate(bench: Bench): Promise<Claim[]> {
  const work = createWorkDirectory()
  const dataDirectory = join(work.path, 'data')
  const parley = await startParley(dataDirectory)
  try {
    const control = controlOf(parley, dataDirectory)
    const db = await openDatabaseOf(parley)
    const [many, one] = [await control.create('many'), await control.create('one')]
    await insertBulk(db, many.resourceId, { identities: 10_000, tokens: tokenCount })
    await insertBulk(db, one.resourceId, { identities: 1, tokens: 1 })
    for (let done = 0; done < warmUps; done++) await regenerate(parley, control, 'one')
    const costs: Record<'many' | 'one', Cost[]> = { many: [], one: [] }
    const rounds = Math.min(bench.pace.rounds, roundsMax)
    for (let round = 0; round < rounds; round++) {
      await bringToLife(db, many.resourceId)
      await bringToLife(db, one.resourceId)
      // What comes second has warm caches: the two take turns at that as well.
      const order = round % 2 === 0 ? (['many', 'one'] as const) : (['one', 'many'] as const)
      await regenerate(parley, control, 'one')
      await bringToLife(db, one.resourceId)
      for (const name of order) costs[name].push(await regenerate(parley, control, name))
    }
    await db.end()
    for (const name of ['many', 'one'] as const) {
      const [cpu, ms] = [costs[name].map(cpuOf), costs[name].map(msOf)]
      bench.note(
        `  ${name === 'many' ? '1,000,000 live tokens' : '1 live token'}: ` +
          `${median(cpu).toFixed(0)} us CPU, ${median(ms).toFixed(1)} ms`,
      )
    }
    const ratio = (figureOf: (cost: Cost) => number) =>
      costs.many.map((cost, round) => figureOf(cost) / figureOf(costs.one[round] ?? cost))
    const text = 'regenerate a key with 1,000,000 live tokens / with 1'
    return [
      { text: `${text}, CPU`, figures: ratio(cpuOf), unit: 'x', limit: 1.25 },
      { text: `${text}, latency`, figures: ratio(msOf), unit: 'x' },
    ]
  } finally {
    await parley.stop()
    work.remove()
  }
}

interface Cost {
  readonly cpuMicroseconds: number
  readonly ms: number
}

const cpuOf = ({ cpuMicroseconds }: Cost) => cpuMicroseconds
const msOf = ({ ms }: Cost) => ms

async function regenerate(parley: ParleyServer, control: Control, name: string): Promise<Cost> {
  const request = control.regeneration(name)
  const before = cpuNanoseconds(parley)
  const sentAtMs = performance.now()
  const { status, body } = await exchangeOnce(parley.http, request)
  const ms = performance.now() - sentAtMs
  if (status !== 200) throw new Error(`regenerating was answered ${status}: ${body}`)
  return { cpuMicroseconds: (cpuNanoseconds(parley) - before) / 1000, ms }
}

/** Puts every token of a resource under the present generation of its primary key. */
async function bringToLife(db: Database, resourceId: string): Promise<void> {
  await db`
    update access_token
    set access_key_generation = access_key.generation
    from access_key
    where access_token.resource_id = ${resourceId}
    and access_key.resource_id = ${resourceId}
    and access_key.slot = 'primary'
    and access_token.access_key_generation <> access_key.generation
  `
  await db`vacuum access_token`
  await db`checkpoint`
}
