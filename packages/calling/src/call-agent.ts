import type { CallEvent, ClientCallFrame } from '@parley/protocol'
import type { AgentEndReason } from './back-off.ts'
import { Call } from './call.ts'
import type { CallContext } from './call-context.ts'
import type { CallOptions } from './call-events.ts'
import type { DeviceManager } from './devices.ts'
import { Emitter } from './emitter.ts'
import { CallingError } from './errors.ts'
import { type CommunicationIdentifier, rawIdOf } from './identifiers.ts'
import { IncomingCall } from './incoming-call.ts'
import type { Platform } from './platform.ts'
import { type Ready, Signalling, type TokenCredential } from './signalling.ts'

/** How it stands between an agent and the service. */
export type ConnectionState = 'Connecting' | 'Connected' | 'Disconnected'

/** The events of a {@link CallAgent}. */
export interface CallAgentEvents {
  readonly incomingCall: { readonly incomingCall: IncomingCall }
  readonly callsUpdated: { readonly added: readonly Call[]; readonly removed: readonly Call[] }
  /**
   * `Connecting` after the network was lost: calls go on, and the agent tries again by itself.
   * `Disconnected` is for good, and says why.
   */
  readonly connectionStateChanged: {
    readonly oldState: ConnectionState
    readonly newState: ConnectionState
    readonly reason?: AgentEndReason
  }
}

/** How a call is started. */
export interface StartCallOptions extends CallOptions {
  /** The number that a phone shows; one of the resource's own. */
  readonly alternateCallerId?: { readonly phoneNumber: string }
  /** Lets any identity of the resource that knows the id of the call `join` it. */
  readonly isJoinable?: boolean
}

/** Which call to join: a running one by its id, or that of a room. */
export type CallLocator = { readonly callId: string } | { readonly roomId: string }

/** How long the first connection may take. */
const startTimeoutMs = 20_000
/** Events of a call that come before the answer which names it. */
const earlyMax = 64

/** One identity at one device: it starts calls, and is called. */
export class CallAgent extends Emitter<CallAgentEvents> {
  readonly #context: CallContext
  readonly #credential: TokenCredential
  readonly #signalling: Signalling
  readonly #calls: Set<Call> = new Set()
  readonly #ringing: Map<string, IncomingCall> = new Map()
  readonly #stopStart: () => void
  readonly #stopLeave: () => void
  #early: CallEvent[] = []
  #state: ConnectionState = 'Connecting'
  #endReason: AgentEndReason | undefined
  #ready: Ready | undefined
  #started: ((outcome: AgentEndReason | undefined) => void) | undefined

  constructor(options: {
    readonly endpoint: string
    readonly platform: Platform
    readonly devices: DeviceManager
    readonly credential: TokenCredential
  }) {
    super()
    const { platform, devices, credential } = options
    this.#credential = credential
    const listener = {
      ready: (ready: Ready) => this.#begin(ready),
      event: (event: CallEvent) => this.#take(event),
      lost: () => this.#become('Connecting'),
      ended: (reason: AgentEndReason) => this.#end(reason),
    }
    const { endpoint } = options
    this.#signalling = new Signalling({ endpoint, platform, credential, listener })
    this.#context = {
      platform,
      devices,
      signalling: this.#signalling,
      joined: (call) => this.#replay(call),
      ended: (call) => this.#forget(call),
      lost: (call) => void this.#rejoin(call),
    }
    // A page that goes without a word would stay in its calls, mute and still, for ten seconds.
    this.#stopLeave = platform.onLeave(() => {
      for (const call of this.calls) void call.hangUp()
    })
    this.#stopStart = platform.after(startTimeoutMs, () => this.#signalling.end('unreachable'))
  }

  /** Connects for the first time; for the client that makes the agent. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#started = (reason) => {
        this.#started = undefined
        this.#stopStart()
        if (reason === undefined) resolve()
        else reject(startError(reason))
      }
      void this.#signalling.open()
    })
  }

  /** Who this is: the raw id that the token names. */
  get communicationUserId(): string {
    return this.#ready?.identity ?? ''
  }

  get connectionState(): ConnectionState {
    return this.#state
  }

  /** Why it is over; `undefined` while it is not. */
  get endReason(): AgentEndReason | undefined {
    return this.#endReason
  }

  /** The calls that this page is in, or about to be. */
  get calls(): readonly Call[] {
    return [...this.#calls]
  }

  /** The calls that ring here. */
  get incomingCalls(): readonly IncomingCall[] {
    return [...this.#ringing.values()]
  }

  /**
   * Calls people and phones. It is at once in `Connecting`; what becomes of it is in its events,
   * what kept it from beginning in its `callEndReason`.
   */
  startCall(
    participants: readonly CommunicationIdentifier[],
    options: StartCallOptions = {},
  ): Call {
    const { alternateCallerId, isJoinable, videoOptions } = options
    return this.#open(options, {
      type: 'call.start',
      to: participants.map(rawIdOf),
      media: videoOptions === undefined ? 'audio' : 'video',
      ...(alternateCallerId && { callerId: alternateCallerId.phoneNumber }),
      ...(isJoinable && { isJoinable }),
    })
  }

  /** Comes into a call that goes on, or into that of a room, which may begin with it. */
  join(locator: CallLocator, options: CallOptions = {}): Call {
    if ('callId' in locator) return this.#open(options, { type: 'call.join', ...locator })
    const media = options.videoOptions === undefined ? 'audio' : 'video'
    return this.#open(options, { type: 'room.join', roomId: locator.roomId, media })
  }

  /** Leaves all calls and listens no more. */
  async dispose(): Promise<void> {
    await Promise.all(this.calls.map((call) => call.hangUp()))
    this.#signalling.end('disposed')
    this.#credential.dispose?.()
  }

  #open(options: CallOptions, frame: ClientCallFrame): Call {
    const call = this.#createCall('Outgoing')
    // Whoever has the call learns from its state what happened to it.
    void call.begin(frame, options).catch(() => undefined)
    return call
  }

  #createCall(direction: Call['direction']): Call {
    if (this.#endReason !== undefined) {
      throw new CallingError('ended', `the agent is over: ${this.#endReason}`)
    }
    const call = new Call(this.#context, direction)
    this.#calls.add(call)
    this.emit('callsUpdated', { added: [call], removed: [] })
    return call
  }

  #forget(call: Call): void {
    if (this.#calls.delete(call)) this.emit('callsUpdated', { added: [], removed: [call] })
  }

  #begin(ready: Ready): void {
    this.#ready = ready
    const going = new Map(ready.calls.map((joined) => [joined.callId, joined]))
    for (const call of this.#calls) {
      const joined = going.get(call.id)
      going.delete(call.id)
      if (joined !== undefined) call.resume(joined)
      else if (call.id !== '') call.end({ reason: 'disconnected' })
    }
    // Calls whose beginning or end got lost on the way: nobody here knows of them.
    for (const callId of going.keys()) this.#signalling.tell({ type: 'call.leave', callId })
    if (!ready.isResumed) this.#silence('timeout')
    this.#become('Connected')
    this.#started?.(undefined)
  }

  #take(event: CallEvent): void {
    const { callId } = event
    const call = this.calls.find(({ id }) => id === callId)
    if (event.type === 'call.incoming') this.#ring(event)
    else if (event.type === 'call.cancelled') {
      this.#ringing.get(callId)?.end(event.reason)
      this.#ringing.delete(callId)
    } else if (event.type === 'call.rejoin') {
      if (call !== undefined) void this.#rejoin(call)
    } else if (call !== undefined) call.take(event)
    else {
      const isExpected = this.calls.some(({ id }) => id === '')
      this.#early = isExpected ? [...this.#early, event].slice(-earlyMax) : []
    }
  }

  /** The media were lost behind the service: takes this page's place in the call anew. */
  async #rejoin(call: Call): Promise<void> {
    try {
      const answer = await this.#signalling.ask({ type: 'call.join', callId: call.id })
      if (answer.type === 'call.joined') call.resume(answer)
    } catch (error) {
      // Unheard, it is told its place when the connection to the service comes again.
      const isOver = error instanceof CallingError && error.code !== 'unreachable'
      if (isOver) call.end({ reason: 'error', error })
    }
  }

  /** The answer names the call; what came before it is of use now. */
  #replay(call: Call): void {
    for (const event of this.#early.splice(0)) this.#take(event)
    this.#ringing.delete(call.id)
  }

  #ring(event: Extract<CallEvent, { type: 'call.incoming' }>): void {
    const { callId } = event
    if (this.#ringing.has(callId)) return
    const incomingCall = new IncomingCall(event, {
      accept: async (options) => {
        const call = this.#createCall('Incoming')
        await call.begin({ type: 'call.accept', callId }, options)
        return call
      },
      reject: async () => {
        this.#ringing.delete(callId)
        await this.#signalling.ask({ type: 'call.reject', callId })
      },
    })
    this.#ringing.set(callId, incomingCall)
    this.emit('incomingCall', { incomingCall })
  }

  #silence(reason: AgentEndReason | 'timeout'): void {
    for (const incoming of this.incomingCalls) incoming.end(reason)
    this.#ringing.clear()
  }

  #end(reason: AgentEndReason): void {
    this.#endReason = reason
    for (const call of this.calls) call.end({ reason })
    this.#silence(reason)
    this.#stopStart()
    this.#stopLeave()
    this.#become('Disconnected', reason)
    this.#started?.(reason)
  }

  #become(newState: ConnectionState, reason?: AgentEndReason): void {
    const oldState = this.#state
    if (oldState === newState) return
    this.#state = newState
    const because = reason === undefined ? {} : { reason }
    this.emit('connectionStateChanged', { oldState, newState, ...because })
  }
}

function startError(reason: AgentEndReason): CallingError {
  if (reason === 'noToken') return new CallingError('no-token', 'the credential gave no token')
  if (reason === 'unreachable') return new CallingError('unreachable', 'no answer in time')
  return new CallingError('refused', reason, { serviceCode: reason })
}
