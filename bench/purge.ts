import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { insertBulk, openDatabaseOf } from './database.ts'
import { type Bench, type Claim, median } from './harness.ts'
import type { LoadResult } from './load.ts'
import { createIdentities } from './population.ts'
import { createWorkDirectory, type ParleyServer, startParley } from './servers.ts'
import { issueRequest } from './tokens.ts'

const bulk = {
  identities: Number(process.env['N'] ?? 1_000_000),
  tokens: Number(process.env['T'] ?? 300_000),
}
const connections = 32

export async function measurePurge(bench: Bench): Promise<Claim[]> {
  const work = createWorkDirectory()
  const dataDirectory = join(work.path, 'data')
  let parley = await startParley(dataDirectory)
  try {
    const identities = await createIdentities(bench, parley, 1000)
    const db = await openDatabaseOf(parley)
    const [first] = await db`select subscription_id from resource`
    const resourceId = randomUUID()
    await db`insert into resource (resource_id, subscription_id, resource_group, name, data_location, created_at)
      values (${resourceId}, ${first?.['subscription_id']}, 'g', 'gone', 'Europe', now())`
    let t = performance.now()
    await insertBulk(db, resourceId, bulk)
    bench.note(`inserted in ${(performance.now() - t) / 1000} s`)
    for (const perSecond of [1000, undefined]) {
      const before: LoadResult[] = []
      for (let i = 0; i < 5; i++) before.push(await issue(bench, parley, identities, perSecond))
      bench.note(
        `before ${perSecond}: p99 ${before.map((r) => r.p99Ms.toFixed(1))} p50 ${before.map((r) => r.p50Ms.toFixed(1))} n ${before.map((r) => r.count)}`,
      )
    }
    await db.begin(async (tx) => {
      await tx`update resource set deleted_at = now() where resource_id = ${resourceId}`
      await tx`insert into resource_purge (resource_id, subscription_id, resource_group, name, began_at) values (${resourceId}, ${first?.['subscription_id']}, 'g', 'gone', now())`
    })
    await db.end()
    await parley.stop()
    parley = await startParley(dataDirectory)
    t = performance.now()
    const db2 = await openDatabaseOf(parley)
    let turn = 0
    for (;;) {
      const perSecond = turn++ % 2 === 0 || process.env['PACED'] ? 1000 : undefined
      const r = process.env['IDLE']
        ? await delay(2000)
        : await issue(bench, parley, identities, perSecond)
      const [row] =
        await db2`select identities_deleted, tokens_deleted, finished_at from resource_purge`
      bench.note(
        `${((performance.now() - t) / 1000).toFixed(0)} s ${perSecond}: p99 ${r?.p99Ms.toFixed(1)} p50 ${r?.p50Ms.toFixed(1)} n ${r?.count}; ${JSON.stringify(row)}`,
      )
      if (row?.['finished_at']) break
    }
    await db2.end()
    return []
  } finally {
    await parley.stop()
    work.remove()
  }
}

function issue(
  bench: Bench,
  parley: ParleyServer,
  identities: readonly string[],
  perSecond?: number,
) {
  return bench.load.run({
    server: {
      pid: parley.pid,
      ...(parley.postmasterPidFile ? { postmasterPidFile: parley.postmasterPidFile } : {}),
    },
    endpoint: parley.http,
    connections,
    requests: identities.map((id) => issueRequest(parley.http, parley.accessKey, id)),
    expectedStatus: 200,
    warmUpMs: 300,
    measureMs: 3000,
    sampleEvery: 1000,
    ...(perSecond === undefined ? {} : { perSecond }),
  })
}
void median
