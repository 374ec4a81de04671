import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseIdentityName } from '@parley/protocol'
import { findChainBreak, firstPreviousHash } from '@parley/server/audit/model'
import { listAuditEntries } from '@parley/server/audit/store'
import type { Database } from '@parley/server/database/connect'
import { Connection } from './connection.ts'
import { openDatabaseOf } from './database.ts'
import { type Bench, type Claim, type Contender, compare } from './harness.ts'
import { createIdentities } from './population.ts'
import { signedRequest } from './requests.ts'
import { createWorkDirectory, type ParleyServer, startParley } from './servers.ts'
import { requestsPerRound } from './yardsticks.ts'

const connections = 32
const revocationsPerSecondMin = 10_000

/**
 * Revocations that a whole server absorbs: 32 callers, each of which revokes again when it has its
 * answer. An answer says that the cut-off is on disk, in the audit log, and known on every node;
 * two workers are two nodes, which wait for each other.
 *
 * At the end server and database are killed in the midst of it. Of what had been answered by then
 * each must be in the log after a restart, the numbers of the log without a gap, and the chain of
 * the audit log whole.
 */
export async function measureRevoke(bench: Bench): Promise<Claim[]> {
  const work = createWorkDirectory()
  try {
    const claims: Claim[] = []
    for (const workers of [1, 2]) claims.push(await measureRate(bench, work.path, workers))
    return [...claims, await measureCrash(bench, join(work.path, 'crash'))]
  } finally {
    work.remove()
  }
}

async function measureRate(bench: Bench, folder: string, workers: number): Promise<Claim> {
  const parley = await startParley(join(folder, `workers-${workers}`), { workers })
  try {
    const identities = await createIdentities(bench, parley, requestsPerRound)
    const [series] = await compare(bench, [revoking(parley, identities, workers)])
    const processes = workers === 1 ? 'one process' : `${workers} workers`
    return {
      text: `a revocation, ${connections} callers, wall time (10,000 a second), ${processes}`,
      figures: series.perSecond.map((rate) => 1e6 / rate),
      unit: 'us',
      limit: 1e6 / revocationsPerSecondMin,
    }
  } finally {
    await parley.stop()
  }
}

async function measureCrash(bench: Bench, dataDirectory: string): Promise<Claim> {
  let parley = await startParley(dataDirectory)
  try {
    const fresh = await createIdentities(bench, parley, requestsPerRound)
    const answered = await revokeUntilCrash(parley, fresh, bench.pace.measureMs)
    parley = await startParley(dataDirectory)
    const db = await openDatabaseOf(parley)
    const kept = await findRevoked(db, fresh)
    const lost = [...answered].map(([id, count]) => Math.max(0, count - (kept.get(id) ?? 0)))
    const sum = (counts: Iterable<number>) => [...counts].reduce((all, count) => all + count, 0)
    await checkLogs(db)
    await db.end()
    bench.note(
      `  after kill -9 and a restart: ${sum(kept.values())} revocations in the log, ` +
        `of which ${sum(answered.values())} had been answered`,
    )
    return {
      text: 'answered revocations that kill -9 took back',
      figures: [sum(lost)],
      unit: 'lost',
      limit: 0,
    }
  } finally {
    await parley.stop()
  }
}

function revoking(parley: ParleyServer, identities: readonly string[], workers: number): Contender {
  return {
    name: `Parley http, ${workers} at work: revoke, ${connections} connections`,
    server: parley,
    endpoint: parley.http,
    connections,
    expectedStatus: 204,
    prepare: () => identities.map((id) => revokeRequest(parley, id)),
    check: () => undefined,
  }
}

function revokeRequest({ http, accessKey }: ParleyServer, id: string): Buffer {
  const path = `/identities/${encodeURIComponent(id)}/:revokeAccessTokens?api-version=2023-10-01`
  return signedRequest(http, accessKey, { method: 'POST', path })
}

/** Revokes until the server is killed, and counts what was answered of each identity. */
async function revokeUntilCrash(
  parley: ParleyServer,
  identities: readonly string[],
  afterMs: number,
): Promise<ReadonlyMap<string, number>> {
  const requests = identities.map((id) => revokeRequest(parley, id))
  const answered = new Map<string, number>()
  let sent = 0
  let unexpected: number | undefined
  const next = (connection: Connection): void => {
    const index = sent++ % requests.length
    connection.exchange(requests[index] as Buffer, ({ status }) => {
      if (status !== 204) {
        unexpected = status
        return
      }
      const id = identities[index] as string
      answered.set(id, (answered.get(id) ?? 0) + 1)
      next(connection)
    })
  }
  const open = await Promise.all(
    Array.from({ length: connections }, () => Connection.open(parley.http, () => undefined)),
  )
  for (const connection of open) next(connection)
  await delay(afterMs)
  await parley.crash()
  for (const connection of open) connection.close()
  if (unexpected !== undefined) throw new Error(`${unexpected} instead of 204`)
  return answered
}

/** How often the log says of each identity that it was revoked. */
async function findRevoked(
  db: Database,
  identities: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const ids = new Map(identities.map((id) => [parseIdentityName(id)?.identityId ?? '', id]))
  const rows = await db<{ readonly subject: string; readonly count: string | number }[]>`
    select subject, count(*) as count
    from revocation_event
    join identity on identity.identity_id::text = subject
    where kind = 'identity'
    and subject = any(${[...ids.keys()]}::text[])
    group by subject, identity.generation
    having count(*) = identity.generation - 1
  `
  return new Map(rows.map(({ subject, count }) => [ids.get(subject) ?? '', Number(count)]))
}

/** Numbers of the log without a gap, an entry for each revocation, and a whole chain. */
async function checkLogs(db: Database): Promise<void> {
  const [log] = await db<{ readonly is_whole: boolean; readonly is_told: boolean }[]>`
    with told as (
      select resource_id, count(*)
      from audit_entry
      where operation = 'CommunicationIdentity_RevokeAccessTokens'
      group by resource_id
    )
    select
      count(*) = max(seq) - min(seq) + 1 and max(seq) = (select last_seq from event_sequence)
        as is_whole,
      count(*) filter (where (resource_id, kind) in (select resource_id, 'identity' from told))
        = (select sum(count) from told) as is_told
    from revocation_event
  `
  if (log?.is_whole !== true) throw new Error('the log has gaps')
  if (!log.is_told) throw new Error('the audit log does not tell what the log does')
  let head = { seq: 0, hash: firstPreviousHash }
  for (;;) {
    const asked = { afterSeq: head.seq, entriesMax: 10_000, resourceId: undefined }
    const entries = await listAuditEntries(db, asked)
    const last = entries.at(-1)
    if (last === undefined) return
    const broken = findChainBreak(entries, head)
    if (broken !== undefined) throw new Error(`the audit log is broken at ${broken.seq}`)
    head = last
  }
}
