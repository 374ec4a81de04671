/**
 * A WebSocket to a Janus: requests with their answers, and what comes by itself.
 *
 * It opens by itself, and again whenever it was lost, with growing pauses. A request that has no
 * answer in time, or whose socket is lost, has failed: Janus may have done it all the same, so
 * whoever asks must be able to ask again.
 */
import { fail, ok, type Result } from '@parley/protocol'
import { WebSocket } from 'ws'
import type { Log } from '../../foundation/log.ts'

/** Whatever Janus says. */
export interface JanusMessage {
  readonly janus: string
  readonly transaction?: string
  readonly session_id?: number
  /** The handle that it is about. */
  readonly sender?: number
  readonly data?: { readonly id?: number }
  readonly error?: { readonly code: number; readonly reason: string }
  readonly plugindata?: { readonly plugin: string; readonly data: JanusPluginData }
  readonly jsep?: Jsep
  readonly reason?: string
  readonly type?: string
  readonly receiving?: boolean
  /** Of the administration. */
  readonly sessions?: readonly number[]
  readonly handles?: readonly number[]
  readonly info?: Readonly<Record<string, unknown>>
}

/** What a plugin says: as many forms as there are plugins. */
export type JanusPluginData = Readonly<Record<string, unknown>>

/** A description of media, as browsers and Janus exchange it. */
export interface Jsep {
  readonly type: 'offer' | 'answer'
  readonly sdp: string
}

/** Why Janus did not do something. */
export type JanusFault =
  | { readonly kind: 'unreachable'; readonly detail: string }
  /** `code` - of Janus, or of its plugin. */
  | { readonly kind: 'refused'; readonly code: number; readonly detail: string }

/** The answer to a request. */
export type JanusAnswer = Result<JanusMessage, JanusFault>

/** How a socket is opened. */
export interface JanusSocketOptions {
  readonly url: string
  readonly protocol: 'janus-protocol' | 'janus-admin-protocol'
  readonly log: Pick<Log, 'warn' | 'info'>
  /** It stands, for the first time or again; nobody else asks before this has settled. */
  readonly opened: () => void
  /** It stood, and does not any more. */
  readonly lost: () => void
  /** Takes what answers no request. */
  readonly heard: (message: JanusMessage) => void
}

/** A WebSocket to a Janus. */
export interface JanusSocket {
  /**
   * Sends a request and waits for its answer.
   *
   * @param isFinal - says whether a message with its transaction is the answer; others of it are
   * passed over. Absent: the first one is.
   */
  readonly ask: (
    request: object,
    isFinal?: (message: JanusMessage) => boolean,
  ) => Promise<JanusAnswer>
  readonly isOpen: () => boolean
  /** Gives the socket up; it opens again. */
  readonly drop: () => void
  /** Ends it for good. */
  readonly close: () => void
}

const times = {
  answerMs: 5000,
  handshakeMs: 3000,
  pauseMinMs: 100,
  pauseMaxMs: 5000,
}

/** Bytes of a message; that of a room with many people has some ten thousand. */
const messageBytesMax = 4 * 1024 * 1024

interface Waiting {
  readonly isFinal: (message: JanusMessage) => boolean
  readonly settle: (answer: JanusAnswer) => void
}

interface Life extends JanusSocketOptions {
  readonly waiting: Map<string, Waiting>
  socket: WebSocket | undefined
  isOpen: boolean
  isClosed: boolean
  lostCount: number
  lastTransaction: number
  retry: NodeJS.Timeout | undefined
}

/** Opens a socket, and keeps it open until it is closed. */
export function openJanusSocket(options: JanusSocketOptions): JanusSocket {
  const life: Life = {
    ...options,
    ...{ waiting: new Map(), socket: undefined, isOpen: false, isClosed: false },
    ...{ lostCount: 0, lastTransaction: 0, retry: undefined },
  }
  connect(life)
  return {
    ask: (request, isFinal = () => true) => ask(life, request, isFinal),
    isOpen: () => life.isOpen,
    drop: () => life.socket?.terminate(),
    close() {
      life.isClosed = true
      clearTimeout(life.retry)
      life.socket?.close()
    },
  }
}

function connect(life: Life): void {
  const socket = new WebSocket(life.url, life.protocol, {
    perMessageDeflate: false,
    handshakeTimeout: times.handshakeMs,
    maxPayload: messageBytesMax,
  })
  life.socket = socket
  let why = ''
  socket.on('open', () => {
    life.isOpen = true
    life.lostCount = 0
    life.opened()
  })
  socket.on('message', (data) => hear(life, String(data)))
  socket.on('error', (error) => {
    why = error.message
  })
  socket.on('close', (code) => lose(life, why || `closed with ${code}`))
}

function lose(life: Life, why: string): void {
  const stood = life.isOpen
  life.isOpen = false
  life.socket = undefined
  for (const { settle } of life.waiting.values()) settle(unreachable('the connection was lost'))
  if (life.isClosed) return
  if (stood || life.lostCount === 0) life.log.warn({ url: life.url, why }, 'Janus is not reached')
  if (stood) life.lost()
  const pauseMs = Math.min(times.pauseMaxMs, times.pauseMinMs * 2 ** life.lostCount)
  life.lostCount += 1
  life.retry = setTimeout(() => connect(life), pauseMs).unref()
}

function hear(life: Life, text: string): void {
  const message = parseMessage(text)
  if (message === undefined) {
    life.socket?.terminate()
    return
  }
  const waiting = life.waiting.get(message.transaction ?? '')
  if (waiting === undefined) life.heard(message)
  else if (message.error !== undefined) {
    const { code, reason } = message.error
    waiting.settle(fail({ kind: 'refused', code, detail: reason }))
  } else if (waiting.isFinal(message)) waiting.settle(ok(message))
}

function parseMessage(text: string): JanusMessage | undefined {
  try {
    const message: unknown = JSON.parse(text)
    const isMessage = typeof message === 'object' && message !== null && 'janus' in message
    return isMessage ? (message as JanusMessage) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function ask(life: Life, request: object, isFinal: Waiting['isFinal']): Promise<JanusAnswer> {
  const { socket, isOpen, waiting } = life
  if (socket === undefined || !isOpen) return Promise.resolve(unreachable('not connected'))
  life.lastTransaction += 1
  const transaction = life.lastTransaction.toString(36)
  return new Promise((resolve) => {
    const settle = (answer: JanusAnswer) => {
      clearTimeout(timer)
      waiting.delete(transaction)
      resolve(answer)
    }
    const late = () => settle(unreachable(`no answer within ${times.answerMs} ms`))
    const timer = setTimeout(late, times.answerMs).unref()
    waiting.set(transaction, { isFinal, settle })
    socket.send(JSON.stringify({ ...request, transaction }))
  })
}

function unreachable(detail: string): JanusAnswer {
  return fail({ kind: 'unreachable', detail })
}
