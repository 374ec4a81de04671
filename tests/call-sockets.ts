/** Clients of calls at raw WebSockets, and those who use them. */
import assert from 'node:assert/strict'
import {
  type CallAnswer,
  type CallEvent,
  type ClientCallFrame,
  callingPath,
  callingSubprotocol,
  type ServerCallFrame,
} from '@parley/protocol'
import { WebSocket } from 'ws'
import { createIdentity, postToken } from './calls.ts'
import type { Tenant, World } from './world.ts'

/** An event of some type, with its number. */
export type EventOf<Type extends CallEvent['type']> = Extract<
  CallEvent,
  { readonly type: Type }
> & { readonly seq: number }

/** An answer of some type. */
export type AnswerOf<Type extends CallAnswer['type']> = Extract<CallAnswer, { readonly type: Type }>

/** A client with a socket. */
export interface CallClient {
  /** Sends a frame and waits for its answer. */
  readonly ask: (frame: ClientCallFrame) => Promise<CallAnswer>
  /** Sends a text as it stands. */
  readonly send: (text: string) => void
  /** Takes the next event, which must be of this type. */
  readonly next: <Type extends CallEvent['type']>(type: Type) => Promise<EventOf<Type>>
  /** Events that came and were not taken. */
  readonly waiting: () => readonly ServerCallFrame[]
  /** Settles with the code when the socket is closed. */
  readonly closed: Promise<number>
  /** Breaks the connection without a farewell, and waits until it is gone. */
  readonly cut: () => Promise<void>
  /** Says goodbye, and waits until the socket is closed. */
  readonly leave: () => Promise<number>
}

/** A client that was let in. */
export interface ReadyClient extends CallClient {
  readonly ready: AnswerOf<'ready'>
}

const clients: WebSocket[] = []

/** Closes every socket that a test has left open. */
export function closeCallSockets(): void {
  for (const socket of clients.splice(0)) socket.terminate()
}

/** Opens a socket, and says nothing yet. */
export async function openCallSocket(
  origin: string,
  protocols: string | readonly string[] = callingSubprotocol,
): Promise<CallClient> {
  const url = `${origin.replace('http', 'ws')}${callingPath}`
  const socket = new WebSocket(url, [...[protocols].flat()], { perMessageDeflate: false })
  clients.push(socket)
  const events: ServerCallFrame[] = []
  const takers: ((event: ServerCallFrame) => void)[] = []
  const answers = new Map<number | string, (answer: CallAnswer) => void>()
  let lastId = 0
  const closed = new Promise<number>((resolve) => socket.on('close', resolve))
  socket.on('message', (data) => {
    const frame = JSON.parse(String(data)) as ServerCallFrame
    if ('re' in frame && frame.re !== undefined) {
      answers.get(frame.re)?.(frame)
      return
    }
    const taker = takers.shift()
    if (taker === undefined) events.push(frame)
    else taker(frame)
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  socket.on('error', () => undefined)
  return {
    ask(frame) {
      lastId += 1
      const id = lastId
      const answer = new Promise<CallAnswer>((resolve) => answers.set(id, resolve))
      socket.send(JSON.stringify({ id, ...frame }))
      return answer
    },
    send: (text) => socket.send(text),
    async next(type) {
      const event = await new Promise<ServerCallFrame>((resolve) => {
        const waiting = events.shift()
        if (waiting === undefined) takers.push(resolve)
        else resolve(waiting)
      })
      assert.equal(event.type, type, JSON.stringify(event))
      return event as never
    },
    waiting: () => events,
    closed,
    async cut() {
      socket.terminate()
      await closed
    },
    leave() {
      socket.close()
      return closed
    },
  }
}

/** Opens a socket and says who comes. */
export async function connectCalls(
  origin: string,
  auth: { readonly token: string; readonly resume?: string; readonly heard?: number },
): Promise<ReadyClient> {
  const client = await openCallSocket(origin)
  const closed = client.closed.then((code) => `closed with ${code}`)
  const ready = await Promise.race([client.ask({ type: 'auth', ...auth }), closed])
  assert.ok(typeof ready === 'object' && ready.type === 'ready', JSON.stringify(ready))
  return { ...client, ready }
}

/** Somebody who calls. */
export interface Caller {
  readonly id: string
  readonly token: string
  /** Opens a socket at the first server, or at another origin. */
  readonly connect: (origin?: string) => Promise<ReadyClient>
}

/** Makes an identity with a token. */
export async function newCaller(
  world: Pick<World, 'origin'>,
  tenant: Tenant,
  scopes: readonly string[] = ['voip'],
): Promise<Caller> {
  const id = await createIdentity(tenant)
  const token = await issueCallToken(tenant, id, scopes)
  return { id, token, connect: (origin = world.origin) => connectCalls(origin, { token }) }
}

/** Issues a token for calls. */
export async function issueCallToken(
  tenant: Tenant,
  id: string,
  scopes: readonly string[] = ['voip'],
): Promise<string> {
  const { status, body } = await postToken(tenant, id, { scopes })
  assert.equal(status, 200, JSON.stringify(body))
  return body.token
}

/** Asks for something that is answered by a place in a call. */
export async function join(
  client: CallClient,
  frame: ClientCallFrame,
): Promise<AnswerOf<'call.joined'>> {
  const answer = await client.ask(frame)
  assert.equal(answer.type, 'call.joined', JSON.stringify(answer))
  return answer as AnswerOf<'call.joined'>
}

/** Starts a call. */
export function start(
  client: CallClient,
  to: readonly string[],
  rest: { readonly media?: 'audio' | 'video'; readonly isJoinable?: boolean } = {},
): Promise<AnswerOf<'call.joined'>> {
  return join(client, { type: 'call.start', media: 'audio', ...rest, to })
}

/** Calls somebody, who accepts. */
export async function talk(
  caller: CallClient,
  callee: CallClient,
  to: string,
): Promise<{ readonly callId: string; readonly legs: readonly [string, string] }> {
  const { callId, legId } = await start(caller, [to])
  assert.equal((await callee.next('call.incoming')).callId, callId)
  const accepted = await join(callee, { type: 'call.accept', callId })
  await caller.next('callee.updated')
  await caller.next('participant.joined')
  return { callId, legs: [legId, accepted.legId] }
}

/** The code with which something that is asked for is refused. */
export async function refusal(client: CallClient, frame: ClientCallFrame): Promise<string> {
  const answer = await client.ask(frame)
  return answer.type === 'error' ? answer.code : answer.type
}

/** Asks again and again, until the answer is so. */
export async function eventually<Answer>(
  ask: () => Promise<Answer>,
  isSo: (answer: Answer) => boolean,
): Promise<Answer> {
  const startedAt = performance.now()
  for (;;) {
    const answer = await ask()
    if (isSo(answer)) return answer
    assert.ok(performance.now() - startedAt < 25_000, `in vain: ${JSON.stringify(answer)}`)
  }
}
