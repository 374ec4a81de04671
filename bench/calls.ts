import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startTemporaryPostgres } from '@parley/server/database/embedded/temporary-postgres'
import { firstAudioTimes } from './call-audio.ts'
import { type CallClient, openCallClient } from './call-clients.ts'
import { exchangeOnce } from './connection.ts'
import type { Bench, Claim } from './harness.ts'
import { createIdentities } from './population.ts'
import { cpuOfNodes } from './processes.ts'
import { signedRequest } from './requests.ts'
import { createWorkDirectory, type ParleyServer, startParley } from './servers.ts'

/** How much of everything. */
interface Sizes {
  /** Calls of a round in Chromium. */
  readonly calls: number
  /** Rings, and revocations, from one node to another. */
  readonly pairs: number
  readonly idleSockets: number
  readonly idleMs: number
  readonly joins: number
}

const ordinarySizes: Sizes = {
  ...{ calls: 10, pairs: 100, idleSockets: 1000, idleMs: 60_000, joins: 300 },
}

interface Figures {
  readonly audio: number[]
  readonly rings: number[]
  readonly idle: number[]
  readonly joins: number[]
  readonly closes: number[]
  readonly lefts: number[]
}

/**
 * Calls over a mesh, on two nodes that share a database: from accepting to the first sound in
 * Chromium, from the request that calls to the ring at the other node, from a revocation to the end
 * of the socket and to the word at the peer; and what sockets and joins cost the server's own
 * processes, without the database.
 *
 * Wall time is claimed here since it is what people notice. Clients share the cores with the nodes.
 */
export async function measureCalls(bench: Bench, sizes = ordinarySizes): Promise<Claim[]> {
  const work = createWorkDirectory()
  const figures: Figures = { audio: [], rings: [], idle: [], joins: [], closes: [], lefts: [] }
  try {
    for (let round = 0; round < bench.pace.rounds; round++) {
      const temporary = await startTemporaryPostgres(60)
      const { username, host, port, database } = temporary.postgres.connection
      const settings = {
        PARLEY_DATABASE_URL: `postgres://${username}@/${database}?host=${host}&port=${port}`,
        PARLEY_MASTER_KEY: Buffer.alloc(32, 1).toString('base64'),
      }
      const nodes: ParleyServer[] = []
      try {
        for (const name of ['a', 'b']) {
          nodes.push(await startParley(join(work.path, `${round}-${name}`), { settings }))
        }
        await measureRound(bench, nodes as [ParleyServer, ParleyServer], { sizes, figures })
      } finally {
        for (const node of nodes) await node.stop()
        await temporary.close()
      }
    }
  } finally {
    work.remove()
  }
  return claimsOf(figures, sizes)
}

function claimsOf(figures: Figures, { idleSockets }: Sizes): Claim[] {
  const claims: Claim[] = [
    { text: 'ring at another node, median', figures: figures.rings, unit: 'ms', limit: 50 },
    {
      text: 'revocation to the end of the socket of a call, p99',
      figures: figures.closes,
      unit: 'ms',
      limit: 500,
    },
    {
      text: 'revocation to the word at the peer, on another node, p99',
      figures: figures.lefts,
      unit: 'ms',
      limit: 500,
    },
    {
      text: `CPU of an idle socket of calls a minute, of ${idleSockets}`,
      figures: figures.idle,
      unit: 'us',
    },
    { text: 'CPU of a join', figures: figures.joins, unit: 'us' },
  ]
  if (figures.audio.length === 0) return claims
  const text = 'accepting to the first sound in Chromium, mesh, median'
  return [{ text, figures: figures.audio, unit: 'ms', limit: 1000 }, ...claims]
}

async function measureRound(
  bench: Bench,
  [first, second]: readonly [ParleyServer, ParleyServer],
  { sizes, figures }: { readonly sizes: Sizes; readonly figures: Figures },
): Promise<void> {
  const { calls, pairs, idleSockets, idleMs, joins } = sizes
  const people = await createIdentities(bench, first, 2 * pairs)
  const tokens = await Promise.all(people.map((id) => issueCallToken(first, id)))
  const [caller = '', callee = ''] = tokens
  const endpoint = `http://127.0.0.1:${first.http.port}/`
  const ears = { endpoint, tokens: [caller, callee] as const, calleeId: people[1] ?? '', calls }
  const heard = await firstAudioTimes(ears)
  if (heard.length > 0) figures.audio.push(percentile(heard, 0.5))
  figures.idle.push(await idleCost(first, { tokens, idleSockets, idleMs }))
  figures.joins.push(await joinCost(first, { tokens, joins }))
  const times = await pairTimes([first, second], { people, tokens, pairs })
  figures.rings.push(percentile(times.rings, 0.5))
  figures.closes.push(percentile(times.closes, 0.99))
  figures.lefts.push(percentile(times.lefts, 0.99))
}

function percentile(times: readonly number[], part: number): number {
  const sorted = times.toSorted((one, other) => one - other)
  return sorted[Math.ceil(sorted.length * part) - 1] ?? Number.NaN
}

async function issueCallToken({ http, accessKey }: ParleyServer, id: string): Promise<string> {
  const path = `/identities/${id}/:issueAccessToken?api-version=2023-10-01`
  const body = JSON.stringify({ scopes: ['voip'] })
  const reply = await exchangeOnce(
    http,
    signedRequest(http, accessKey, { method: 'POST', path, body }),
  )
  if (reply.status !== 200) throw new Error(`${path}: ${reply.status}`)
  return (JSON.parse(reply.body.toString()) as { readonly token: string }).token
}

/** CPU time of the server's own processes in microseconds. */
function cpuOf(server: ParleyServer): number {
  return [...cpuOfNodes(server).values()].reduce((sum, part) => sum + part, 0)
}

/** An identity has 16 devices at most. */
const devicesOfIdentity = 12

/** Microseconds for each socket and minute: with them, less without. */
async function idleCost(
  server: ParleyServer,
  given: {
    readonly tokens: readonly string[]
    readonly idleSockets: number
    readonly idleMs: number
  },
): Promise<number> {
  const { tokens, idleMs } = given
  const count = Math.min(given.idleSockets, tokens.length * devicesOfIdentity)
  const spend = async () => {
    const before = cpuOf(server)
    await delay(idleMs)
    return cpuOf(server) - before
  }
  const without = await spend()
  const clients: CallClient[] = []
  for (let index = 0; index < count; index++) {
    clients.push(await openCallClient(server.http, tokens[index % tokens.length] ?? ''))
  }
  const pings = setInterval(() => {
    for (const client of clients) client.tell({ type: 'ping' })
  }, 15_000)
  await delay(2000)
  const taken = await spend()
  clearInterval(pings)
  for (const client of clients) client.end()
  return ((taken - without) / count) * (60_000 / idleMs)
}

/** Five come into each call: it has room for six. */
const joinsOfCall = 5

async function joinCost(
  server: ParleyServer,
  { tokens, joins }: { readonly tokens: readonly string[]; readonly joins: number },
): Promise<number> {
  const clients: CallClient[] = []
  for (let index = 0; index <= joinsOfCall; index++) {
    clients.push(await openCallClient(server.http, tokens[index % tokens.length] ?? ''))
  }
  const [first, ...others] = clients
  let taken = 0
  let count = 0
  while (count < joins) {
    const frame = { type: 'call.start', to: [], media: 'audio', isJoinable: true }
    const { callId = '' } = (await first?.ask(frame)) ?? {}
    const before = cpuOf(server)
    for (const client of others) await client.ask({ type: 'call.join', callId })
    taken += cpuOf(server) - before
    count += others.length
    for (const client of clients) await client.ask({ type: 'call.leave', callId })
  }
  for (const client of clients) client.end()
  return taken / count
}

/** Times between two nodes, in milliseconds. */
interface PairTimes {
  readonly rings: number[]
  readonly closes: number[]
  readonly lefts: number[]
}

async function pairTimes(
  [first, second]: readonly [ParleyServer, ParleyServer],
  given: {
    readonly people: readonly string[]
    readonly tokens: readonly string[]
    readonly pairs: number
  },
): Promise<PairTimes> {
  const { people, tokens, pairs } = given
  const times: PairTimes = { rings: [], closes: [], lefts: [] }
  for (let pair = 0; pair < pairs; pair++) {
    const [callerToken = '', calleeToken = ''] = tokens.slice(2 * pair, 2 * pair + 2)
    const calleeId = people[2 * pair + 1] ?? ''
    const caller = await openCallClient(first.http, callerToken)
    const callee = await openCallClient(second.http, calleeToken)
    const rung = callee.next('call.incoming')
    const since = performance.now()
    const started = caller.ask({ type: 'call.start', to: [calleeId], media: 'audio' })
    await rung
    times.rings.push(performance.now() - since)
    const { callId } = await started
    await callee.ask({ type: 'call.accept', callId })
    await revoke(first, calleeId, { caller, callee, times })
    caller.end()
  }
  return times
}

async function revoke(
  { http, accessKey }: ParleyServer,
  id: string,
  {
    caller,
    callee,
    times,
  }: {
    readonly caller: CallClient
    readonly callee: CallClient
    readonly times: PairTimes
  },
): Promise<void> {
  const path = `/identities/${id}/:revokeAccessTokens?api-version=2023-10-01`
  const request = signedRequest(http, accessKey, { method: 'POST', path })
  const startedAt = performance.now()
  const note = (list: number[]) => () => void list.push(performance.now() - startedAt)
  const ends = [
    callee.closed.then(note(times.closes)),
    caller.next('participant.left').then(note(times.lefts)),
  ]
  const reply = await exchangeOnce(http, request)
  if (reply.status !== 204) throw new Error(`${path}: ${reply.status}`)
  await Promise.all(ends)
}
