import type { Platform } from './platform.ts'

/** What two browsers tell each other through the service. */
export interface PeerSignal {
  readonly sdp?: RTCSessionDescriptionInit
  /** `null`: there are no more. */
  readonly candidate?: RTCIceCandidateInit | null
}

/** What somebody sends; `null` sends nothing of that kind. */
export interface LocalTracks {
  readonly audio: MediaStreamTrack | null
  readonly video: MediaStreamTrack | null
}

/** What a link tells of somebody. */
export interface LinkListener {
  readonly track: (track: MediaStreamTrack) => void
  readonly state: (state: RTCPeerConnectionState) => void
  /** Whether the other side shows something; its video track alone does not tell. */
  readonly isVideoOn: (isVideoOn: boolean) => void
}

/** The way between this page and somebody else in a call. */
export interface Link {
  receive(signal: PeerSignal): void
  send(tracks: LocalTracks): void
  restart(): void
  getStats(): Promise<RTCStatsReport>
  close(): void
}

/** How a link is opened. */
export interface PeerLinkOptions {
  readonly platform: Platform
  readonly configuration: RTCConfiguration
  /** The newcomer offers, always and alone: so two offers can never meet. */
  readonly isOffering: boolean
  readonly tracks: LocalTracks
  readonly listener: LinkListener & { readonly signal: (signal: PeerSignal) => void }
}

/**
 * The media between this page and one other leg of a call.
 *
 * Audio and video are negotiated once, at the start, both ways, whether or not there is anything
 * to send. Muting, a camera that starts and another microphone then change what is sent and
 * nothing that was agreed, so there is never a second offer, but to restart ICE on a new network.
 */
export class PeerLink implements Link {
  readonly #options: PeerLinkOptions
  readonly #connection: RTCPeerConnection
  readonly #notes: RTCDataChannel
  #tracks: LocalTracks
  #early: RTCIceCandidateInit[] = []
  #work: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(options: PeerLinkOptions) {
    this.#options = options
    this.#tracks = options.tracks
    const { platform, configuration, listener } = options
    const connection = platform.createPeer(configuration)
    this.#connection = connection
    connection.onicecandidate = ({ candidate }) => {
      if (candidate !== null) listener.signal({ candidate: candidate.toJSON() })
    }
    connection.ontrack = ({ track }) => listener.track(track)
    connection.onconnectionstatechange = () => {
      const { connectionState } = connection
      if (connectionState === 'failed') this.restart()
      listener.state(connectionState)
    }
    // Both know of this channel beforehand, so nothing has to be agreed on for it.
    this.#notes = connection.createDataChannel('parley', { negotiated: true, id: 0 })
    this.#notes.onopen = () => this.#note()
    this.#notes.onmessage = ({ data }) => listener.isVideoOn(data === 'video on')
    if (!options.isOffering) return
    for (const kind of ['audio', 'video'] as const) {
      connection.addTransceiver(this.#tracks[kind] ?? kind, { direction: 'sendrecv' })
    }
    this.#next(() => this.#offer())
  }

  /** Takes what the other side has said, in the order in which it said it. */
  receive(signal: PeerSignal): void {
    this.#next(() => this.#receive(signal))
  }

  /** Sends another track of a kind, or nothing of it. */
  send(tracks: LocalTracks): void {
    this.#tracks = tracks
    this.#next(() => this.#replaceTracks())
    this.#note()
  }

  /** Looks for another way to the other side; only the one who offered can. */
  restart(): void {
    if (!this.#options.isOffering) return
    this.#next(async () => {
      this.#connection.restartIce()
      await this.#offer()
    })
  }

  /** Figures of the connection, as browsers give them. */
  getStats(): Promise<RTCStatsReport> {
    return this.#connection.getStats()
  }

  /** Ends it; nothing is told any more. */
  close(): void {
    this.#isClosed = true
    this.#notes.onmessage = null
    this.#connection.onicecandidate = null
    this.#connection.ontrack = null
    this.#connection.onconnectionstatechange = null
    this.#connection.close()
  }

  /** One step after the other; what is refused once it was closed counts for nothing. */
  #next(step: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#isClosed) return
      try {
        await step()
      } catch {
        // The other side sent what this browser cannot take, or the connection is gone.
        if (!this.#isClosed) this.#options.listener.state('failed')
      }
    })
  }

  /** Says whether there is video to see: its track is there from the start, and shows nothing. */
  #note(): void {
    const text = this.#tracks.video === null ? 'video off' : 'video on'
    if (this.#notes.readyState === 'open') this.#notes.send(text)
  }

  async #offer(): Promise<void> {
    await this.#connection.setLocalDescription()
    this.#tell()
  }

  async #receive({ sdp, candidate }: PeerSignal): Promise<void> {
    // Browsers tell the end of candidates in the description itself; `null` brings nothing new.
    if (candidate) await this.#take(candidate)
    if (sdp === undefined) return
    await this.#connection.setRemoteDescription(sdp)
    for (const one of this.#early.splice(0)) await this.#connection.addIceCandidate(one)
    if (sdp.type !== 'offer') return
    for (const transceiver of this.#connection.getTransceivers()) transceiver.direction = 'sendrecv'
    await this.#replaceTracks()
    await this.#connection.setLocalDescription()
    this.#tell()
  }

  /** A candidate may come before the description that it belongs to. */
  async #take(candidate: RTCIceCandidateInit): Promise<void> {
    if (this.#connection.remoteDescription === null) this.#early.push(candidate)
    else await this.#connection.addIceCandidate(candidate)
  }

  async #replaceTracks(): Promise<void> {
    for (const { sender, receiver } of this.#connection.getTransceivers()) {
      const track = this.#tracks[receiver.track.kind === 'audio' ? 'audio' : 'video']
      if (sender.track !== track) await sender.replaceTrack(track)
    }
  }

  #tell(): void {
    const description = this.#connection.localDescription
    if (description !== null) this.#options.listener.signal({ sdp: description.toJSON() })
  }
}
