import type { CallPeer, CallRole, LegEndReason } from '@parley/protocol'
import type { DeviceManager } from './devices.ts'
import { Emitter } from './emitter.ts'
import { type CommunicationIdentifier, identifierOf } from './identifiers.ts'
import type { Link, LinkListener, LocalTracks, PeerSignal } from './peer-link.ts'
import type { Platform } from './platform.ts'
import { Speaker } from './speaker.ts'

/** How it stands with the media between this page and somebody else. */
export type RemoteParticipantState = 'Connecting' | 'Connected' | 'Disconnected'

/** The events of a {@link RemoteParticipant}. */
export interface RemoteParticipantEvents {
  readonly stateChanged: RemoteParticipantState
  readonly isMutedChanged: boolean
  /** Video began or ended; it is in `videoStream`. */
  readonly videoStreamChanged: MediaStream | undefined
}

/** What a call hands to each of its participants. */
export interface ParticipantOptions {
  readonly platform: Platform
  readonly devices: DeviceManager
  readonly peer: CallPeer
  /** Opens the way between this page and them. */
  readonly link: (listener: LinkListener) => Link
}

/**
 * One other leg of a call: somebody at one device. A person with two devices in a call is two.
 *
 * What they say is played by this object; what they show is in `videoStream`.
 */
export class RemoteParticipant extends Emitter<RemoteParticipantEvents> {
  /** Who it is. */
  readonly identifier: CommunicationIdentifier
  /** Names this leg; differs for each device of a person. */
  readonly legId: string
  readonly #speaker: Speaker
  readonly #link: Link
  #peer: CallPeer
  #state: RemoteParticipantState = 'Connecting'
  #videoTrack: MediaStreamTrack | undefined
  #isVideoOn = false
  #endReason: LegEndReason | undefined

  constructor(options: ParticipantOptions) {
    super()
    const { platform, devices, peer } = options
    this.#peer = peer
    this.legId = peer.legId
    this.identifier = identifierOf(peer.identity)
    this.#speaker = new Speaker(platform, devices)
    this.#link = options.link({
      track: (track: MediaStreamTrack) => this.#receive(track),
      state: (state: RTCPeerConnectionState) => this.#follow(state),
      isVideoOn: (isVideoOn: boolean) => this.#showVideo(isVideoOn),
    })
  }

  get state(): RemoteParticipantState {
    return this.#state
  }

  /** Whether they have muted themselves. */
  get isMuted(): boolean {
    return this.#peer.isMuted
  }

  /** What they may do in the call of a room; of other calls all are presenters. */
  get role(): CallRole {
    return this.#peer.role
  }

  /** What they show, for a `video` element's `srcObject`; `undefined` while they show nothing. */
  get videoStream(): MediaStream | undefined {
    return this.#isVideoOn && this.#videoTrack ? new MediaStream([this.#videoTrack]) : undefined
  }

  /** Why they are in the call no more. */
  get endReason(): LegEndReason | undefined {
    return this.#endReason
  }

  /** Figures of the connection to them, as browsers give them. */
  getStats(): Promise<RTCStatsReport> {
    return this.#link.getStats()
  }

  /** Takes what their device says; for the call. */
  receive(signal: PeerSignal): void {
    this.#link.receive(signal)
  }

  /** Sends them something else; for the call. */
  send(tracks: LocalTracks): void {
    this.#link.send(tracks)
  }

  /** Looks for another way to them; for the call. */
  restart(): void {
    this.#link.restart()
  }

  /** Takes what the service says of them; for the call. */
  update(peer: CallPeer): void {
    const wasMuted = this.isMuted
    this.#peer = peer
    if (wasMuted !== peer.isMuted) this.emit('isMutedChanged', peer.isMuted)
  }

  /** Ends the connection, whatever they still send; for the call. */
  close(reason: LegEndReason): void {
    if (this.#state === 'Disconnected') return
    this.#endReason = reason
    this.#link.close()
    this.#speaker.close()
    this.#showVideo(false)
    this.#become('Disconnected')
  }

  #receive(track: MediaStreamTrack): void {
    if (track.kind === 'video') {
      this.#videoTrack = track
      if (this.#isVideoOn) this.emit('videoStreamChanged', this.videoStream)
    } else this.#speaker.play(track)
  }

  #showVideo(isVideoOn: boolean): void {
    if (this.#isVideoOn === isVideoOn) return
    this.#isVideoOn = isVideoOn
    this.emit('videoStreamChanged', this.videoStream)
  }

  #follow(state: RTCPeerConnectionState): void {
    if (state === 'connected') this.#become('Connected')
    else if (this.#state === 'Connected' && state !== 'closed') this.#become('Connecting')
  }

  #become(state: RemoteParticipantState): void {
    if (this.#state === state) return
    this.#state = state
    this.emit('stateChanged', state)
  }
}
