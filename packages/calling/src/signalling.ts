import {
  type CallAnswer,
  type CallEvent,
  type ClientCallFrame,
  callingPath,
  callingSubprotocol,
  type ServerCallFrame,
} from '@parley/protocol'
import { type AgentEndReason, delayBefore, finalReasonFor, renewalDelay } from './back-off.ts'
import { CallingError } from './errors.ts'
import type { Platform, SocketLike } from './platform.ts'

/** Where the agent's tokens come from; `AzureCommunicationTokenCredential` is one. */
export interface TokenCredential {
  /** Gives a token that is good for some time yet; called again for its renewal. */
  getToken(): Promise<{ readonly token: string }>
  dispose?(): void
}

/** The answer to `auth`. */
export type Ready = Extract<CallAnswer, { type: 'ready' }>

type Answer = Exclude<CallAnswer, { type: 'error' }>

/** What the connection tells its agent. */
export interface SignallingListener {
  /** The connection stands, for the first time or again. */
  readonly ready: (ready: Ready) => void
  readonly event: (event: CallEvent) => void
  /** The connection was lost; it comes again by itself. */
  readonly lost: () => void
  /** It is over for good. */
  readonly ended: (reason: AgentEndReason) => void
}

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: CallingError) => void
  readonly forget: () => void
}

const answerTimeoutMs = 10_000
/** Frames that wait for the connection to come again. */
const outboxMax = 256

/**
 * The connection to the service: one WebSocket after the other, as long as the token allows.
 *
 * A socket that is lost is replaced, with growing pauses. The new one names the former (`resume`)
 * and the last event that was heard (`heard`), so the service goes on where it stopped, and calls
 * know nothing of it. Tokens are renewed on the socket that stands.
 */
export class Signalling {
  readonly #url: string
  readonly #platform: Platform
  readonly #credential: TokenCredential
  readonly #listener: SignallingListener
  readonly #waiting: Map<number, Waiting> = new Map()
  readonly #stopOnline: () => void
  #socket: SocketLike | undefined
  #ready: Ready | undefined
  #resume: string | undefined
  #heard = 0
  #lastId = 0
  #attempt = 0
  #outbox: string[] = []
  #isOver = false
  #isAwaitingPong = false
  #stopRetry: () => void = () => undefined
  #stopRenewal: () => void = () => undefined
  #stopPing: () => void = () => undefined
  #stopSilence: () => void = () => undefined

  constructor(options: {
    readonly endpoint: string
    readonly platform: Platform
    readonly credential: TokenCredential
    readonly listener: SignallingListener
  }) {
    const url = new URL(callingPath, options.endpoint)
    url.protocol = url.protocol.replace('http', 'ws')
    this.#url = url.href
    this.#platform = options.platform
    this.#credential = options.credential
    this.#listener = options.listener
    this.#stopOnline = options.platform.onOnline(() => {
      if (this.#socket === undefined) void this.open()
    })
  }

  /** Connects, now; later it does so by itself. */
  async open(): Promise<void> {
    this.#stopRetry()
    const token = await this.#getToken()
    if (this.#isOver || this.#socket !== undefined) return
    if (token === undefined) {
      // One that has never connected says so; later the credential may be back in a moment.
      if (this.#resume === undefined) this.end('noToken')
      else this.#retry(0)
      return
    }
    this.#connect(token)
  }

  /**
   * Sends a frame and waits for its answer.
   *
   * @throws CallingError `refused` by the service, `unreachable` without an answer.
   */
  ask(frame: ClientCallFrame): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      const fail = () => this.#settle(id)?.reject(unreachable())
      const forget = this.#platform.after(answerTimeoutMs, fail)
      this.#waiting.set(id, { resolve, reject, forget })
      this.#send(JSON.stringify({ ...frame, id }))
    })
  }

  /** Sends a frame whose answer nobody waits for. */
  tell(frame: ClientCallFrame): void {
    this.#send(JSON.stringify(frame))
  }

  /** Ends it for good. */
  end(reason: AgentEndReason): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stopOnline()
    this.#stopRetry()
    this.#drop(1000)
    this.#outbox = []
    this.#listener.ended(reason)
  }

  #connect(token: string): void {
    const socket = this.#platform.openSocket(this.#url, callingSubprotocol)
    this.#socket = socket
    // A server that takes the connection and says nothing is as good as none.
    this.#stopSilence = this.#platform.after(answerTimeoutMs, () => this.#lose(1006))
    socket.onopen = () => {
      const resume = this.#resume
      const former = resume === undefined ? {} : { resume, heard: this.#heard }
      socket.send(JSON.stringify({ type: 'auth', token, ...former, id: 0 }))
    }
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(String(data)) as ServerCallFrame)
    socket.onclose = ({ code }) => this.#lose(code)
  }

  #lose(code: number): void {
    const reason = finalReasonFor(code)
    const stood = this.#ready !== undefined
    this.#drop(1000)
    if (reason !== undefined) this.end(reason)
    else {
      if (stood) this.#listener.lost()
      this.#retry(code)
    }
  }

  #retry(code: number): void {
    const delayMs = delayBefore(this.#attempt++, code, this.#platform.random())
    this.#stopRetry()
    this.#stopRetry = this.#platform.after(delayMs, () => void this.open())
  }

  /** Lets go of the socket; whoever waited for an answer over it gets none. */
  #drop(code: number): void {
    const socket = this.#socket
    this.#socket = undefined
    this.#ready = undefined
    this.#isAwaitingPong = false
    this.#stopRenewal()
    this.#stopPing()
    this.#stopSilence()
    if (socket !== undefined) {
      socket.onopen = null
      socket.onmessage = null
      socket.onclose = null
      socket.close(code)
    }
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(unreachable())
  }

  #hear(frame: ServerCallFrame): void {
    if ('seq' in frame) this.#hearEvent(frame)
    else this.#hearAnswer(frame)
    this.#isAwaitingPong = false
    this.#stopSilence()
  }

  /** What is told twice after a connection was lost has happened once. */
  #hearEvent(event: CallEvent & { readonly seq: number }): void {
    if (event.seq <= this.#heard) return
    this.#heard = event.seq
    this.#listener.event(event)
  }

  #hearAnswer(answer: CallAnswer): void {
    if (answer.type === 'ready') this.#begin(answer)
    const waiting = typeof answer.re === 'number' ? this.#settle(answer.re) : undefined
    if (answer.type !== 'error') waiting?.resolve(answer)
    else {
      const { code: serviceCode, detail = '' } = answer
      const message = `the service refused: ${serviceCode} ${detail}`.trim()
      waiting?.reject(new CallingError('refused', message, { serviceCode }))
    }
  }

  /** The service has taken the token: the first, that of a new socket, or a renewed one. */
  #begin(ready: Ready): void {
    const isNewSocket = this.#ready === undefined
    this.#ready = ready
    this.#resume = ready.resume
    this.#attempt = 0
    this.#planRenewal(renewalDelay(this.#leftMs(), this.#platform.random()))
    if (!isNewSocket) return
    if (!ready.isResumed) this.#heard = 0
    this.#planPing(ready.pingEveryMs)
    this.#listener.ready(ready)
    // What was said to a leg that is gone has no receiver any more.
    for (const text of this.#outbox.splice(0)) if (ready.isResumed) this.#socket?.send(text)
  }

  /**
   * Pings, and takes a socket for lost on which nothing comes after a ping. The waiting begins with
   * the ping: browsers let the timers of a hidden page run once a minute, all in one moment.
   */
  #planPing(pingEveryMs: number): void {
    this.#stopPing = this.#platform.after(pingEveryMs, () => {
      this.tell({ type: 'ping' })
      if (!this.#isAwaitingPong) {
        this.#isAwaitingPong = true
        this.#stopSilence = this.#platform.after(pingEveryMs * 2, () => this.#lose(1006))
      }
      this.#planPing(pingEveryMs)
    })
  }

  #leftMs(): number {
    return Date.parse(this.#ready?.expiresAt ?? '') - this.#platform.now()
  }

  #planRenewal(delayMs: number): void {
    this.#stopRenewal()
    this.#stopRenewal = this.#platform.after(delayMs, () => void this.#renew())
  }

  async #renew(): Promise<void> {
    const socket = this.#socket
    const token = await this.#getToken()
    if (socket === undefined || socket !== this.#socket) return
    this.#planRenewal(renewalDelay(this.#leftMs(), this.#platform.random()))
    // A refused token changes nothing: the old one counts on, and the next attempt is planned.
    if (token !== undefined) await this.ask({ type: 'auth', token }).catch(() => undefined)
  }

  /** Nothing when the app has none: it may be offline, or its server. */
  async #getToken(): Promise<string | undefined> {
    try {
      return (await this.#credential.getToken()).token
    } catch {
      return undefined
    }
  }

  #send(text: string): void {
    if (this.#ready !== undefined) this.#socket?.send(text)
    else if (!this.#isOver && this.#outbox.length < outboxMax) this.#outbox.push(text)
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    waiting?.forget()
    this.#waiting.delete(id)
    return waiting
  }
}

function unreachable(): CallingError {
  return new CallingError('unreachable', 'the calling service was not reached')
}
