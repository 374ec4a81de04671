import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { exchangeOnce, printAuthority } from './connection.ts'
import type { Bench, Claim } from './harness.ts'
import { createIdentities, issueTokens } from './population.ts'
import { readMemory } from './processes.ts'
import { plainRequest, signedRequest } from './requests.ts'
import { createWorkDirectory, type ParleyServer, startParley } from './servers.ts'

/** How much of everything. */
interface Sizes {
  /** Sockets that are opened before memory is read for the first time, and then on top. */
  readonly warmUpSockets: number
  readonly idleSockets: number
  /** People in the thread, each with a socket. */
  readonly members: number
  /** Messages of a round. */
  readonly messages: number
}

const ordinarySizes: Sizes = { warmUpSockets: 500, idleSockets: 5000, members: 250, messages: 100 }

/** A server lets one identity have 32 sockets. */
const socketsOfIdentity = 25

/**
 * Sockets of chat: what an idle one takes of the server's memory, over https as browsers come, how
 * long a message takes from its request to each of the 250 people of a thread, and a revocation
 * to the end of the socket.
 *
 * Wall time is claimed here since it is what people notice. Clients share the cores with the
 * server.
 */
export async function measureChatSockets(
  bench: Bench,
  sizes: Sizes = ordinarySizes,
): Promise<Claim[]> {
  const work = createWorkDirectory()
  const kilobytes: number[] = []
  const latencies: number[] = []
  const medians: number[] = []
  const closings: number[] = []
  try {
    for (let round = 0; round < bench.pace.rounds; round++) {
      const parley = await startParley(join(work.path, `data-${round}`))
      try {
        kilobytes.push(await idleKilobytes(bench, parley, sizes))
        const { deliveries, closes } = await threadTimes(bench, parley, sizes)
        latencies.push(percentile(deliveries, 0.99))
        medians.push(percentile(deliveries, 0.5))
        closings.push(percentile(closes, 0.99))
      } finally {
        await parley.stop()
      }
    }
  } finally {
    work.remove()
  }
  const { idleSockets, members } = sizes
  return [
    {
      text: `memory of an idle socket, ${idleSockets} over https`,
      figures: kilobytes,
      unit: 'KB',
      limit: 40,
    },
    {
      text: `message to a thread of ${members}, p99`,
      figures: latencies,
      unit: 'ms',
      limit: 250,
    },
    { text: 'revocation to the end of its socket, p99', figures: closings, unit: 'ms', limit: 250 },
    { text: `message to a thread of ${members}, median`, figures: medians, unit: 'ms' },
  ]
}

async function idleKilobytes(bench: Bench, parley: ParleyServer, sizes: Sizes): Promise<number> {
  const { warmUpSockets, idleSockets } = sizes
  const count = warmUpSockets + idleSockets
  const identities = await createIdentities(bench, parley, Math.ceil(count / socketsOfIdentity))
  const tokens = await issueTokens(bench, parley, { identities, count: identities.length })
  const own = Array.from({ length: count }, (_, index) => tokens[index % tokens.length] as string)
  const warmedUp = await openAll(parley, own.slice(0, warmUpSockets))
  await delay(5000)
  const before = readMemory(parley).serverBytes
  const idle = await openAll(parley, own.slice(warmUpSockets))
  await delay(5000)
  const taken = readMemory(parley).serverBytes - before
  for (const socket of [...warmedUp, ...idle]) socket.terminate()
  return taken / idleSockets / 1024
}

/** The value below which a part of them lies. */
export function percentile(times: readonly number[], part: number): number {
  const sorted = times.toSorted((one, other) => one - other)
  return sorted[Math.ceil(sorted.length * part) - 1] ?? Number.NaN
}

/** Times of a thread, in milliseconds. */
interface ThreadTimes {
  /** From the request that sends a message to each socket that has it. */
  readonly deliveries: readonly number[]
  /** From the request that revokes to the end of the socket, for each of the people. */
  readonly closes: readonly number[]
}

async function threadTimes(
  bench: Bench,
  parley: ParleyServer,
  { members, messages }: Sizes,
): Promise<ThreadTimes> {
  const identities = await createIdentities(bench, parley, members)
  const tokens = await issueTokens(bench, parley, { identities, count: members })
  const sockets = await openAll(parley, tokens)
  const [sender = ''] = tokens
  const thread = await createThread(parley, sender, identities.slice(1))
  const times: number[] = []
  let sentAt = 0
  let missing = 0
  let done: () => void = () => undefined
  for (const socket of sockets) {
    socket.on('message', (data) => {
      const frame = String(data)
      answer(socket, frame)
      if (!frame.includes('\\"eventId\\":200')) return
      times.push(performance.now() - sentAt)
      missing -= 1
      if (missing === 0) done()
    })
  }
  for (let count = 0; count < messages; count++) {
    const isEverywhere = new Promise<void>((resolve) => {
      done = resolve
    })
    missing = sockets.length
    sentAt = performance.now()
    const path = `/chat/threads/${encodeURIComponent(thread)}/messages`
    await post(parley, sender, { path, body: { content: `message ${count}`.padEnd(200, '.') } })
    await isEverywhere
  }
  return { deliveries: times, closes: await closeTimes(parley, identities, sockets) }
}

/** Revokes the tokens of one after the other. */
async function closeTimes(
  { http, accessKey }: ParleyServer,
  identities: readonly string[],
  sockets: readonly WebSocket[],
): Promise<readonly number[]> {
  const times: number[] = []
  for (const [index, socket] of sockets.entries()) {
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const path = `/identities/${identities[index]}/:revokeAccessTokens?api-version=2023-10-01`
    const request = signedRequest(http, accessKey, { method: 'POST', path })
    const startedAt = performance.now()
    const reply = await exchangeOnce(http, request)
    if (reply.status !== 204) throw new Error(`${path}: ${reply.status}`)
    await closed
    times.push(performance.now() - startedAt)
  }
  return times
}

function answer(socket: WebSocket, frame: string): void {
  const id = /^3:::\{"id":(\d+)/.exec(frame)?.[1]
  if (id !== undefined) socket.send(`3:::{"id":${id},"status":200}`)
}

/** People that one call may add. */
const addedAtOnce = 199

async function createThread(
  parley: ParleyServer,
  token: string,
  people: readonly string[],
): Promise<string> {
  const participants = people.map((id) => ({
    communicationIdentifier: { communicationUser: { id } },
  }))
  const created = await post(parley, token, {
    path: '/chat/threads',
    body: { topic: 'bench', participants: participants.slice(0, addedAtOnce) },
  })
  const { chatThread } = JSON.parse(created) as { readonly chatThread: { readonly id: string } }
  const path = `/chat/threads/${encodeURIComponent(chatThread.id)}/participants/:add`
  const rest = participants.slice(addedAtOnce)
  if (rest.length > 0) await post(parley, token, { path, body: { participants: rest } })
  return chatThread.id
}

async function post(
  { http }: ParleyServer,
  token: string,
  { path, body }: { readonly path: string; readonly body: object },
): Promise<string> {
  const headers = [`authorization: Bearer ${token}`]
  const request = { method: 'POST', path: `${path}?api-version=2025-03-15` } as const
  const bytes = plainRequest(http, { ...request, body: JSON.stringify(body) }, headers)
  const reply = await exchangeOnce(http, bytes)
  if (reply.status !== 201) throw new Error(`${path}: ${reply.status} ${reply.body}`)
  return reply.body.toString()
}

/** Sockets that are opened at a time. */
const openedAtOnce = 50

/** Opens a socket for each token, and waits until all are ready. */
export async function openAll(
  parley: ParleyServer,
  tokens: readonly string[],
): Promise<WebSocket[]> {
  const opened: WebSocket[] = []
  for (let start = 0; start < tokens.length; start += openedAtOnce) {
    const some = tokens.slice(start, start + openedAtOnce)
    opened.push(...(await Promise.all(some.map((token) => openOne(parley, token)))))
  }
  return opened
}

/** Opens a socket as the SDK does, but for the session's id, which any client may choose. */
async function openOne({ http, https }: ParleyServer, token: string): Promise<WebSocket> {
  const path = `/v4/a?epid=${randomUUID()}`
  const request = { method: 'POST', path, body: '' } as const
  const reply = await exchangeOnce(http, plainRequest(http, request, [`x-skypetoken: ${token}`]))
  if (reply.status !== 200) throw new Error(`${reply.status}: ${reply.body}`)
  const { connectparams } = JSON.parse(reply.body.toString()) as {
    readonly connectparams: Readonly<Record<string, string>>
  }
  const query = new URLSearchParams(connectparams)
  const url = `wss://${printAuthority(https)}/socket.io/1/websocket/${randomUUID()}?${query}`
  const socket = new WebSocket(url, { perMessageDeflate: false, rejectUnauthorized: false })
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('a socket was closed before it was ready')))
    socket.on('message', function look(data) {
      if (!String(data).includes('trouter.connected')) return
      socket.off('message', look)
      resolve(socket)
    })
  })
}
