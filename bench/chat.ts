import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from '@parley/server/database/connect'
import { exchangeOnce } from './connection.ts'
import { openDatabaseOf } from './database.ts'
import { type Bench, type Claim, type Contender, compare, median } from './harness.ts'
import { createIdentities, issueTokens } from './population.ts'
import { cpuMicroseconds } from './processes.ts'
import { plainRequest } from './requests.ts'
import { createWorkDirectory, type ParleyServer, startParley } from './servers.ts'

const connections = 64
const peopleCount = 4
const threadCount = 16
const version = 'api-version=2025-03-15'
const content = 'Come on everybody, lets go for lunch together.'
/** Messages of the thread whose pages are read, the size of a page, and the last page of them. */
const long = { messages: 1_000_000, page: 200, lastPage: 1000 }
const samplesInRound = 20

/** A thread with the people in it, each by the token that it holds. */
interface Place {
  readonly path: string
  readonly tokens: readonly string[]
}

/**
 * Sending a message (token verified, membership judged, stored durably, counted, its notice kept
 * and given to the nodes) against the same two inserts, in a transaction through the driver alone,
 * by as many callers at a time; CPU of the process that asks and of the database together. And the
 * first page of a thread of a million messages against the 1,000th.
 */
export async function measureChat(bench: Bench): Promise<Claim[]> {
  const work = createWorkDirectory()
  const parley = await startParley(join(work.path, 'data'))
  const db = await openDatabaseOf(parley, 8)
  try {
    const places = await makePlaces(bench, parley)
    const [sending] = await compare(bench, [parleySending(parley, places)])
    const inserting: number[] = []
    for (let round = -1; round < bench.pace.rounds; round++) {
      const cost = await costOfInserts(bench, parley, db)
      if (round >= 0) inserting.push(cost)
    }
    bench.report({
      name: 'two inserts through the driver',
      microseconds: inserting,
      busiestMicroseconds: [],
      perSecond: [],
    })
    const [place] = places
    if (place === undefined) throw new Error('there is a thread')
    const [first, last] = await costOfPages(bench, parley, { db, place })
    return [
      {
        text: `send a message / two inserts, at ${connections} connections`,
        figures: sending.microseconds.map((cost, round) => cost / (inserting[round] ?? Number.NaN)),
        unit: 'x',
        limit: 3,
      },
      { text: 'first page of 1,000,000 messages', figures: first, unit: 'ms' },
      {
        text: `page ${long.lastPage} / page 1 of 1,000,000 messages`,
        figures: last.map((cost, round) => cost / (first[round] ?? Number.NaN)),
        unit: 'x',
        limit: 1.2,
      },
    ]
  } finally {
    await db.end()
    await parley.stop()
    work.remove()
  }
}

function authorized(token: string): string[] {
  return [`authorization: Bearer ${token}`]
}

async function makePlaces(bench: Bench, parley: ParleyServer): Promise<readonly Place[]> {
  const identities = await createIdentities(bench, parley, peopleCount)
  const count = identities.length
  const tokens = await issueTokens(bench, parley, { identities, count })
  const participants = identities.map((id) => {
    return { communicationIdentifier: { communicationUser: { id } } }
  })
  const body = JSON.stringify({ topic: 'Lunch', participants })
  const request = { method: 'POST', path: `/chat/threads?${version}`, body } as const
  const places: Place[] = []
  for (let index = 0; index < threadCount; index++) {
    const asked = plainRequest(parley.http, request, authorized(tokens[0] ?? ''))
    const reply = await exchangeOnce(parley.http, asked)
    if (reply.status !== 201) throw new Error(`a thread is answered ${reply.status}`)
    const { chatThread } = JSON.parse(reply.body.toString()) as { chatThread: { id: string } }
    places.push({ path: `/chat/threads/${encodeURIComponent(chatThread.id)}/messages`, tokens })
  }
  return places
}

function parleySending(parley: ParleyServer, places: readonly Place[]): Contender {
  const body = JSON.stringify({ content, senderDisplayName: 'Bench' })
  return {
    name: `Parley http: send a message, ${connections} connections`,
    server: parley,
    endpoint: parley.http,
    connections,
    expectedStatus: 201,
    prepare: () =>
      places.flatMap(({ path, tokens }) =>
        tokens.map((token) => {
          const request = { method: 'POST', path: `${path}?${version}`, body } as const
          return plainRequest(parley.http, request, authorized(token))
        }),
      ),
    check: (samples) => {
      const ids = samples.map((sample) => (JSON.parse(sample.body.toString()) as { id: string }).id)
      if (ids.some((id) => !/^[0-9]{13}$/.test(id))) throw new Error('a message has an id')
    },
  }
}

/** Microseconds of CPU for each pair of inserts: of this process and of the database. */
async function costOfInserts(bench: Bench, parley: ParleyServer, db: Database): Promise<number> {
  const [thread] = await db<{ resource_id: string; thread_id: string; created_by: string }[]>`
    select resource_id, thread_id, created_by from chat_thread limit 1
  `
  if (thread === undefined) throw new Error('there is a thread')
  const { resource_id: resource, thread_id: threadId, created_by: sender } = thread
  const [{ last } = { last: 0 }] = await db<{ last: number }[]>`
    select coalesce(min(message_id), 0) as last from chat_message where resource_id = ${resource}
  `
  let next = last
  let count = 0
  const endAt = performance.now() + bench.pace.measureMs
  const before = { own: process.cpuUsage(), server: cpuMicroseconds(parley) }
  const insertUntilTheEnd = async () => {
    while (performance.now() < endAt) {
      next -= 1
      const id = next
      await db.begin(async (transaction) => {
        await transaction`
          insert into chat_message (
            resource_id, thread_id, message_id, sequence, kind, sender_id, sender_display_name,
            content, version
          )
          values (
            ${resource}, ${threadId}, ${id}, ${id}, 'text', ${sender}, 'Bench', ${content}, ${id}
          )
        `
        await transaction`
          insert into usage_record (resource_id, hour, meter, used)
          values (${resource}, date_trunc('hour', now()), 'chat-messages-sent', 1)
        `
      })
      count += 1
    }
  }
  await Promise.all(Array.from({ length: connections }, insertUntilTheEnd))
  const own = process.cpuUsage(before.own)
  return (own.user + own.system + cpuMicroseconds(parley) - before.server) / count
}

/** Milliseconds of a first page, and of one far below, one figure of each for every round. */
async function costOfPages(
  bench: Bench,
  parley: ParleyServer,
  { db, place }: { readonly db: Database; readonly place: Place },
): Promise<readonly [readonly number[], readonly number[]]> {
  await fillThread(db, place)
  await delay(1000)
  const first = `${place.path}?maxPageSize=${long.page}&${version}`
  let last = first
  for (let page = 1; page < long.lastPage; page++) last = (await readPage(parley, place, last)).next
  const figures: [number[], number[]] = [[], []]
  for (let round = 0; round < bench.pace.rounds; round++) {
    for (const [index, path] of [first, last].entries()) {
      const took: number[] = []
      for (let sample = 0; sample < samplesInRound; sample++) {
        took.push((await readPage(parley, place, path)).tookMs)
      }
      figures[index]?.push(median(took))
    }
  }
  return figures
}

async function fillThread(db: Database, { path }: Place): Promise<void> {
  const [, coded = ''] = /19%3A([\w-]{43})1%40/.exec(path) ?? []
  const threadId = Buffer.from(coded, 'base64url').toString('hex').slice(32)
  await db.begin(async (transaction) => {
    // A million checks of one foreign key say nothing about reading.
    await transaction`set local session_replication_role = replica`
    await transaction`
      insert into chat_message (
        resource_id, thread_id, message_id, sequence, kind, sender_id, content, version
      )
      select resource_id, thread_id, number, number, 'text', created_by, ${content}, number
      from chat_thread, generate_series(1, ${long.messages}::integer) as number
      where thread_id = ${threadId}::uuid
    `
  })
  await db`vacuum analyze chat_message`
}

async function readPage(
  parley: ParleyServer,
  { tokens }: Place,
  path: string,
): Promise<{ readonly next: string; readonly tookMs: number }> {
  const request = plainRequest(parley.http, { method: 'GET', path }, authorized(tokens[0] ?? ''))
  const startedAt = performance.now()
  const reply = await exchangeOnce(parley.http, request)
  const tookMs = performance.now() - startedAt
  if (reply.status !== 200) throw new Error(`${path} answers ${reply.status}`)
  const { nextLink } = JSON.parse(reply.body.toString()) as { readonly nextLink: string }
  const { pathname, search } = new URL(nextLink)
  return { next: pathname + search, tookMs }
}
