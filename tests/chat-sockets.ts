/** Clients of chat's notifications, as the SDK's speak: socket.io 0.9 over a WebSocket. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { ChatNotice, NoticeEvent } from '@parley/server/chat/notices'
import { publishNotices } from '@parley/server/chat/realtime/store'
import { WebSocket } from 'ws'
import { type Answer, send, type World } from './world.ts'

/** A delivery: the number of it, and the body as the listener reads it. */
export interface Delivery {
  readonly id: number
  readonly body: Readonly<Record<string, unknown>>
}

/** A client with a socket. */
export interface SocketClient {
  /** Takes the next delivery, answered at once unless the client is told not to. */
  readonly next: () => Promise<Delivery>
  /** Deliveries that came and were not taken. */
  readonly waiting: () => readonly Delivery[]
  /** Sends a frame. */
  readonly send: (frame: string) => void
  /** Takes the next frame that is no delivery. */
  readonly nextFrame: () => Promise<string>
  /** Answers a delivery. */
  readonly answer: (id: number) => void
  /** Settles with the code when the socket is closed. */
  readonly closed: Promise<number>
  /** Reads nothing any more. */
  readonly pause: () => void
  /** Breaks the connection without a farewell, and waits until it is gone. */
  readonly cut: () => Promise<void>
}

/** Hands values to those who wait for them, in order. */
function createInbox<Value>() {
  const values: Value[] = []
  const takers: ((value: Value) => void)[] = []
  return {
    values,
    put(value: Value) {
      const taker = takers.shift()
      if (taker === undefined) values.push(value)
      else taker(value)
    },
    take: (): Promise<Value> =>
      new Promise((resolve) => {
        const value = values.shift()
        if (value === undefined) takers.push(resolve)
        else resolve(value)
      }),
  }
}

/** The parameters that a client puts into each address, as the server gave them. */
export async function allocate(
  origin: string,
  token: string,
  endpointId: string = randomUUID(),
): Promise<Answer> {
  const path = `/v4/a?cor_id=${randomUUID()}&con_num=1_1&epid=${endpointId}`
  const headers = { 'x-skypetoken': token, origin: 'https://app.example' }
  return send(origin, { method: 'POST', path, headers })
}

/** The query of every address of a session. */
export function sessionQuery(allocated: Answer, endpointId: string): string {
  const { connectparams } = allocated.body as unknown as {
    readonly connectparams: Readonly<Record<string, string>>
  }
  return String(new URLSearchParams({ ...connectparams, v: 'v4', epid: endpointId }))
}

/** Where a client goes and what it does there. */
export interface Going {
  readonly token: string
  /** The client's name for itself; absent: a new one. */
  readonly endpointId?: string
  /** Whether deliveries stay unanswered. */
  readonly isSilent?: boolean
}

/** Opens the socket of a client, by the way that the SDK takes, and waits until it is ready. */
export async function connectChat(origin: string, going: Going): Promise<SocketClient> {
  const { token, endpointId = randomUUID(), isSilent = false } = going
  const allocated = await allocate(origin, token, endpointId)
  assert.equal(allocated.status, 200, allocated.text)
  const query = sessionQuery(allocated, endpointId)
  const path = `/socket.io/1/?${query}`
  const begun = await send(origin, { method: 'GET', path, headers: { 'x-skypetoken': token } })
  const [sessionId, ...times] = begun.text.split(':')
  assert.deepEqual(times, ['180', '180', 'websocket,xhr-polling'])
  const url = `${origin.replace('http', 'ws')}/socket.io/1/websocket/${sessionId}?${query}`
  const client = await openSocket(url, isSilent)
  assert.equal(await client.nextFrame(), '1::')
  assert.equal(
    await client.nextFrame(),
    '5:::{"name":"trouter.connected","args":[{"dur":"1","ttl":3600}]}',
  )
  return client
}

/** Opens a WebSocket and reads what comes. */
export async function openSocket(url: string, isSilent = false): Promise<SocketClient> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  const deliveries = createInbox<Delivery>()
  const others = createInbox<string>()
  const answer = (id: number) => socket.send(`3:::${JSON.stringify({ id, status: 200 })}`)
  const closed = new Promise<number>((resolve) => socket.on('close', resolve))
  socket.on('message', (data) => {
    const frame = String(data)
    if (!frame.startsWith('3:::')) return others.put(frame)
    const { id, body } = JSON.parse(frame.slice(4))
    deliveries.put({ id, body: JSON.parse(body) })
    if (!isSilent) answer(id)
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  socket.on('error', () => undefined)
  return {
    next: deliveries.take,
    waiting: () => deliveries.values,
    send: (frame) => socket.send(frame),
    nextFrame: others.take,
    answer,
    closed,
    pause: () => socket.pause(),
    async cut() {
      socket.terminate()
      await closed
    },
  }
}

/** Publishes an event in a transaction of its own, as the room of chat does. */
export async function tell(
  world: Pick<World, 'db'>,
  to: { readonly recipients: readonly string[]; readonly threadId?: string },
  ...events: readonly NoticeEvent[]
): Promise<void> {
  const { recipients, threadId = '19:t@thread.v2' } = to
  const resourceId = recipients[0]?.slice(6, 42) ?? ''
  const notices: ChatNotice[] = events.map((event) => ({ resourceId, threadId, recipients, event }))
  await world.db.begin((transaction) => publishNotices(transaction, notices))
}

/** An event: somebody sent this. */
export function messageOf(rawId: string, content: string): NoticeEvent {
  const id = '1700000000000'
  return {
    kind: 'chatMessageReceived',
    by: { rawId, displayName: 'Ann' },
    message: {
      ...{ id, version: id, type: 'text', content, senderDisplayName: 'Ann' },
      ...{ createdAtMs: 1_767_225_600_000, metadata: undefined },
    },
  }
}
