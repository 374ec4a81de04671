import { type CallEvent, callingPath, callingSubprotocol } from '@parley/protocol'
import { WebSocket } from 'ws'
import type { Endpoint } from './connection.ts'

/** A client of calls at a raw socket. */
export interface CallClient {
  /** Sends a frame and waits for its answer. */
  readonly ask: (frame: object) => Promise<Answer>
  /** Sends a frame of which nothing is expected. */
  readonly tell: (frame: object) => void
  /** Waits for the next event of a type; others are passed over. */
  readonly next: (type: CallEvent['type']) => Promise<void>
  /** Settles when the socket is closed. */
  readonly closed: Promise<void>
  readonly end: () => void
}

/** What is used of an answer. */
interface Answer {
  readonly type: string
  readonly callId: string
}

/** Opens a socket of calls and says who comes. */
export async function openCallClient({ host, port }: Endpoint, token: string): Promise<CallClient> {
  const socket = new WebSocket(`ws://${host}:${port}${callingPath}`, callingSubprotocol, {
    perMessageDeflate: false,
  })
  const answers = new Map<number, (answer: Answer) => void>()
  const takers = new Map<string, () => void>()
  let lastId = 0
  socket.on('message', (data) => {
    const frame = JSON.parse(String(data)) as Answer & { readonly re?: number }
    if (frame.re !== undefined) {
      answers.get(frame.re)?.(frame)
      answers.delete(frame.re)
    } else {
      takers.get(frame.type)?.()
      takers.delete(frame.type)
    }
  })
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await new Promise((resolve) => socket.once('open', resolve))
  const tell = (frame: object) => socket.send(JSON.stringify(frame))
  const ask = async (frame: object) => {
    lastId += 1
    const id = lastId
    const answer = new Promise<Answer>((resolve) => answers.set(id, resolve))
    tell({ id, ...frame })
    const answered = await answer
    if (answered.type === 'error') throw new Error(JSON.stringify({ frame, answered }))
    return answered
  }
  await ask({ type: 'auth', token })
  return {
    ...{ ask, tell, closed },
    next: (type) => new Promise((resolve) => takers.set(type, () => resolve())),
    end: () => socket.terminate(),
  }
}
