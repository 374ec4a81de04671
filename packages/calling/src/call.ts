import type {
  CallEvent,
  CallMedia,
  CallPeer,
  CallRole,
  ClientCallFrame,
  JoinedCall,
  LegEndReason,
} from '@parley/protocol'
import type { CallContext } from './call-context.ts'
import type { CallEnd, CallEvents, CallOptions, CallState } from './call-events.ts'
import { CallWays } from './call-ways.ts'
import { Emitter } from './emitter.ts'
import { CallingError } from './errors.ts'
import { type CommunicationIdentifier, identifierOf, rawIdOf } from './identifiers.ts'
import { LocalMedia, type LocalVideoStream } from './local-media.ts'
import type { RemoteParticipant } from './remote-participant.ts'

/** This page's part in a call. */
export class Call extends Emitter<CallEvents> {
  readonly direction: 'Incoming' | 'Outgoing'
  readonly #context: CallContext
  readonly #local: LocalMedia
  readonly #ways: CallWays
  readonly #participants: Map<string, RemoteParticipant> = new Map()
  #joined: JoinedCall | undefined
  #state: CallState = 'None'
  #end: CallEnd | undefined

  constructor(context: CallContext, direction: 'Incoming' | 'Outgoing') {
    super()
    this.#context = context
    this.direction = direction
    this.#local = new LocalMedia(context.devices, {
      tracks: (tracks) => this.#ways.send(tracks),
      videoEnded: () => this.emit('localVideoChanged', undefined),
    })
    this.#ways = new CallWays(context, this.#participants, {
      tracks: () => this.#local.tracks,
      lost: () => context.lost(this),
    })
  }

  /** Names the call; empty until the service has said it. */
  get id(): string {
    return this.#joined?.callId ?? ''
  }

  get state(): CallState {
    return this.#state
  }

  /** Why it is over; `undefined` while it is not. */
  get callEndReason(): CallEnd | undefined {
    return this.#end
  }

  /** What the call was started for; others may show video in a call that began without. */
  get media(): CallMedia | undefined {
    return this.#joined?.media
  }

  /** What this page may do in the call of a room. */
  get role(): CallRole | undefined {
    return this.#joined?.role
  }

  get isMuted(): boolean {
    return this.#local.isMuted
  }

  /** What this page shows. */
  get localVideoStream(): LocalVideoStream | undefined {
    return this.#local.videoStream
  }

  /** The others, in the order in which they came. */
  get remoteParticipants(): readonly RemoteParticipant[] {
    return [...this.#participants.values()]
  }

  /** Sends silence from now on. */
  async mute(): Promise<void> {
    if (this.#local.isMuted) return
    this.#local.mute()
    this.#sayMuted(true)
  }

  /**
   * Lets the others hear this page.
   *
   * @throws CallingError `device-denied`, `device-unavailable`; `refused` by the role.
   */
  async unmute(): Promise<void> {
    this.#assertLive()
    if (!this.#local.isMuted) return
    await this.#local.unmute()
    this.emit('isMutedChanged', false)
    if (this.#joined === undefined) return
    const { callId } = this.#joined
    await this.#context.signalling
      .ask({ type: 'mute', callId, isMuted: false })
      .catch((error: CallingError) => {
        if (error.code !== 'refused') return
        this.#local.mute()
        this.emit('isMutedChanged', true)
        throw error
      })
  }

  /**
   * Shows a camera, or a track of the app's own.
   *
   * @throws CallingError `device-denied`, `device-unavailable`; `refused` in a call with sound
   * alone that is mixed by a server.
   */
  async startVideo(stream: LocalVideoStream): Promise<void> {
    this.#assertLive()
    if (!this.#ways.hasVideo) throw new CallingError('refused', 'the call has sound alone')
    await this.#local.startVideo(stream)
    this.emit('localVideoChanged', this.localVideoStream)
  }

  /** Shows nothing any more. */
  async stopVideo(): Promise<void> {
    if (this.#local.videoStream === undefined) return
    this.#local.stopVideo()
    this.emit('localVideoChanged', undefined)
  }

  /**
   * Sends tones to all, or to one.
   *
   * @param digits - `0-9`, `*`, `#`, `A-D`; 32 at most.
   */
  async sendDtmf(digits: string, to?: RemoteParticipant): Promise<void> {
    const target = to === undefined ? {} : { to: to.legId }
    await this.#ask({ type: 'dtmf', callId: this.id, digits, ...target })
  }

  /** Rings one more. */
  async addParticipant(identifier: CommunicationIdentifier): Promise<void> {
    await this.#ask({ type: 'call.add', callId: this.id, rawId: rawIdOf(identifier) })
  }

  /** Puts somebody out of the call. */
  async removeParticipant(participant: RemoteParticipant): Promise<void> {
    await this.#ask({ type: 'call.remove', callId: this.id, legId: participant.legId })
  }

  /** Leaves the call; one that still rings stops to. */
  async hangUp(): Promise<void> {
    if (this.#end !== undefined || this.#state === 'Disconnecting') return
    const type = this.#state === 'Ringing' ? 'call.cancel' : 'call.leave'
    this.#become('Disconnecting')
    this.#local.close()
    if (this.#joined !== undefined) {
      const { callId } = this.#joined
      // Unheard, the service ends the leg by itself ten seconds after the connection was lost.
      await this.#context.signalling.ask({ type, callId }).catch(() => undefined)
    }
    this.end({ reason: 'left' })
  }

  /**
   * Opens what this page sends, asks the service for the call and connects to whoever is there;
   * for the agent. Devices come first, so that nobody is rung by a page that cannot speak.
   *
   * @throws CallingError what kept it from beginning; the call is over then.
   */
  async begin(frame: ClientCallFrame, options: CallOptions): Promise<void> {
    this.#become('Connecting')
    try {
      const [stream] = options.videoOptions?.localVideoStreams ?? []
      if (options.audioOptions?.muted !== true) await this.#local.unmute()
      if (stream !== undefined) await this.#local.startVideo(stream)
      this.#assertLive()
      const answer = await this.#context.signalling.ask(frame)
      if (answer.type !== 'call.joined') throw new CallingError('refused', 'an unknown answer')
      await this.#join(answer, frame)
    } catch (error) {
      if (!(error instanceof CallingError)) throw error
      this.end({ reason: 'error', error })
      throw error
    }
  }

  /** Takes an event of this call; for the agent. */
  take(event: CallEvent): void {
    if (event.type === 'participant.joined') this.#add([event.peer], false)
    else if (event.type === 'participant.updated') this.#update(event.peer)
    else if (event.type === 'participant.left') this.#remove(event.legId, event.reason)
    else if (event.type === 'signal') this.#ways.receive(event)
    else if (event.type === 'call.ended') {
      // A leg that was put out may have come back before its end was heard.
      const { reason, legId = this.#joined?.legId } = event
      if (legId === this.#joined?.legId) this.end({ reason })
    } else if (event.type === 'callee.updated') {
      const { state, identity } = event
      this.emit('calleeUpdated', { identifier: identifierOf(identity), state })
    } else if (event.type === 'dtmf') {
      const { digits, from } = event
      this.emit('dtmfReceived', { sender: this.#participants.get(from), digits })
    }
  }

  /** Goes on after the connection to the service, or the media, came again; for the agent. */
  resume(joined: JoinedCall): void {
    if (this.#end !== undefined) return
    this.#joined = joined
    const isSameWay = this.#ways.take(joined)
    const present = new Set(joined.peers.map(({ legId }) => legId))
    for (const legId of [...this.#participants.keys()]) {
      if (!isSameWay || !present.has(legId)) this.#remove(legId, 'disconnected')
    }
    for (const participant of this.#participants.values()) {
      if (participant.state !== 'Connected') participant.restart()
    }
    // Whoever is new came after this page, and offers.
    this.#add(joined.peers, false)
  }

  /** Ends it here; for the agent. */
  end(end: CallEnd): void {
    if (this.#end !== undefined) return
    this.#end = end
    this.#local.close()
    for (const legId of [...this.#participants.keys()]) this.#remove(legId, 'ended')
    this.#ways.close()
    this.#become('Disconnected')
    this.#context.ended(this)
  }

  async #join(joined: JoinedCall, frame: ClientCallFrame): Promise<void> {
    const { signalling } = this.#context
    const { callId, way, peers } = joined
    if (this.#state !== 'Connecting' || way.mode === 'external') {
      signalling.tell({ type: 'call.leave', callId })
      throw new CallingError('ended', `no call is begun: ${this.#state}, ${way.mode}`)
    }
    this.#joined = joined
    this.emit('idChanged', callId)
    this.#ways.take(joined)
    this.#add(peers, true)
    const isRinging = frame.type === 'call.start' && frame.to.length > 0 && peers.length === 0
    this.#become(isRinging ? 'Ringing' : 'Connected')
    if (joined.isMuted && joined.role === 'Consumer') this.#local.mute()
    else if (joined.isMuted !== this.isMuted) this.#sayMuted(this.isMuted)
    this.#context.joined(this)
  }

  #add(peers: readonly CallPeer[], isOffering: boolean): void {
    const { legId: ownId } = this.#joined ?? {}
    const isNew = ({ legId }: CallPeer) => legId !== ownId && !this.#participants.has(legId)
    const added = peers.filter(isNew).map((peer) => this.#ways.openTo(peer, isOffering))
    if (added.length === 0) return
    if (this.#state === 'Ringing') this.#become('Connected')
    this.emit('remoteParticipantsUpdated', { added, removed: [] })
  }

  #update(peer: CallPeer): void {
    if (peer.legId !== this.#joined?.legId) this.#participants.get(peer.legId)?.update(peer)
    else if (peer.isMuted && !this.isMuted) {
      this.#local.mute()
      this.emit('isMutedChanged', true)
    }
  }

  #remove(legId: string, reason: LegEndReason): void {
    const participant = this.#participants.get(legId)
    if (participant === undefined) return
    this.#participants.delete(legId)
    participant.close(reason)
    this.emit('remoteParticipantsUpdated', { added: [], removed: [participant] })
  }

  #sayMuted(isMuted: boolean): void {
    this.emit('isMutedChanged', isMuted)
    if (this.#joined === undefined) return
    this.#context.signalling.tell({ type: 'mute', callId: this.#joined.callId, isMuted })
  }

  async #ask(frame: ClientCallFrame): Promise<void> {
    this.#assertLive()
    await this.#context.signalling.ask(frame)
  }

  #assertLive(): void {
    const isOver = this.#state === 'Disconnecting' || this.#state === 'Disconnected'
    if (isOver) throw new CallingError('ended', 'the call is over')
  }

  #become(state: CallState): void {
    if (this.#state === state || this.#state === 'Disconnected') return
    this.#state = state
    this.emit('stateChanged', state)
  }
}
