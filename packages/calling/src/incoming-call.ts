import type { CallEvent, CallMedia, RingEndReason } from '@parley/protocol'
import type { AgentEndReason } from './back-off.ts'
import type { Call } from './call.ts'
import type { CallOptions } from './call-events.ts'
import { Emitter } from './emitter.ts'
import { CallingError } from './errors.ts'
import { type CommunicationIdentifier, identifierOf } from './identifiers.ts'

/** Why an incoming call rings here no more. */
export type IncomingCallEndReason = RingEndReason | AgentEndReason | 'accepted' | 'rejected'

/** The events of an {@link IncomingCall}. */
export interface IncomingCallEvents {
  /** It rings no more, for whatever reason: take the bell away. */
  readonly callEnded: { readonly reason: IncomingCallEndReason }
}

/** What an agent does for a call that rings. */
export interface IncomingCallContext {
  readonly accept: (options: CallOptions) => Promise<Call>
  readonly reject: () => Promise<void>
}

/** A call that rings on this device, and on all others of this identity. */
export class IncomingCall extends Emitter<IncomingCallEvents> {
  /** Names the call. */
  readonly id: string
  /** Who calls. */
  readonly callerInfo: { readonly identifier: CommunicationIdentifier }
  /** What the caller has in mind; accept with or without video. */
  readonly media: CallMedia
  readonly #context: IncomingCallContext
  #endReason: IncomingCallEndReason | undefined

  constructor(event: Extract<CallEvent, { type: 'call.incoming' }>, context: IncomingCallContext) {
    super()
    this.id = event.callId
    this.callerInfo = { identifier: identifierOf(event.from) }
    this.media = event.media
    this.#context = context
  }

  /** Why it rings no more; `undefined` while it does. */
  get endReason(): IncomingCallEndReason | undefined {
    return this.#endReason
  }

  /**
   * Takes the call, here. While the browser asks the person for the microphone it rings on.
   *
   * @throws CallingError `ended` or `refused` when another device was faster; `device-denied`.
   */
  async accept(options: CallOptions = {}): Promise<Call> {
    this.#assertRinging()
    const call = await this.#context.accept(options)
    this.end('accepted')
    return call
  }

  /** Rejects the call for this identity: no other device of it rings any more either. */
  async reject(): Promise<void> {
    this.#assertRinging()
    this.end('rejected')
    await this.#context.reject()
  }

  /** Stops the ringing here; for the agent. */
  end(reason: IncomingCallEndReason): void {
    if (this.#endReason !== undefined) return
    this.#endReason = reason
    this.emit('callEnded', { reason })
  }

  #assertRinging(): void {
    if (this.#endReason === undefined) return
    throw new CallingError('ended', `the call rings no more: ${this.#endReason}`)
  }
}
