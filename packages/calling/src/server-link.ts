import type { CallMedia } from '@parley/protocol'
import type { Link, LinkListener, LocalTracks, PeerSignal } from './peer-link.ts'
import type { Platform } from './platform.ts'
import type { Speaker } from './speaker.ts'

/** How a link to a server is opened. */
export interface ServerLinkOptions {
  readonly platform: Platform
  /** Plays the mix of all, where the server makes one. */
  readonly speaker: Speaker
  readonly signal: (signal: PeerSignal) => void
  /** The way is lost: the service is to be asked for another. */
  readonly lost: () => void
}

/** What is sent, and how. */
export interface ServerLinkTerms {
  /** Names the media as the service knows them; another one begins anew. */
  readonly session: string
  readonly configuration: RTCConfiguration
  readonly media: CallMedia
  readonly tracks: LocalTracks
}

/** Somebody whose media come by the server. */
interface Watched {
  readonly listener: LinkListener
  video: RTCRtpReceiver | undefined
  /** When the last frame of theirs was shown. */
  shownAt: number
}

const times = {
  /** Time between two looks at whose video goes on, in milliseconds. */
  lookMs: 500,
  /** Time after which a way that was lost, or not found, is looked for again. */
  retryMs: 1500,
  /** Time that a way may take to be found. */
  connectMs: 15_000,
}

const senderNote = /^a=parley-of:(\S+)/m

/**
 * The media between this page and a server that carries the call: one connection for what is sent,
 * on which a mix comes back where the server makes one, and one for all that the others send.
 *
 * This page offers the first and answers the second. Neither is ever agreed on anew by this page:
 * when anything is lost, both are closed and it begins again, with an offer. What the server says
 * names the offer that it belongs to, so that what was on its way before is told from it.
 */
export class ServerLink {
  readonly #options: ServerLinkOptions
  readonly #watched: Map<string, Watched> = new Map()
  /** Of each medium that is received: whose it is. */
  #owners: Map<string, string> = new Map()
  #terms: ServerLinkTerms | undefined
  #up: RTCPeerConnection | undefined
  #down: RTCPeerConnection | undefined
  #work: Promise<void> = Promise.resolve()
  #stopLook: () => void = () => undefined
  #stopWait: () => void = () => undefined

  constructor(options: ServerLinkOptions) {
    this.#options = options
  }

  /** Begins, unless these media have begun already. */
  begin(terms: ServerLinkTerms): void {
    const isKnown = this.#terms?.session === terms.session
    this.#terms = terms
    if (isKnown && this.#up !== undefined) return
    this.#reset()
    this.#next(() => this.#offer(terms))
    this.#look()
  }

  /** The way to somebody; their media may be there already. */
  linkTo(legId: string, listener: LinkListener): Link {
    const watched: Watched = { listener, video: undefined, shownAt: 0 }
    this.#watched.set(legId, watched)
    for (const [mid, owner] of this.#owners) if (owner === legId) this.#hand(mid, watched)
    listener.state(this.#main?.connectionState ?? 'new')
    return {
      ...{ receive: () => undefined, send: () => undefined, restart: () => undefined },
      getStats: async () => (await this.#main?.getStats()) ?? new Map(),
      close: () => void this.#watched.delete(legId),
    }
  }

  /** Takes what the server says, in the order in which it said it. */
  receive({ sdp }: PeerSignal): void {
    if (sdp !== undefined) this.#next(() => this.#receive(sdp))
  }

  send(tracks: LocalTracks): void {
    if (this.#terms !== undefined) this.#terms = { ...this.#terms, tracks }
    this.#next(async () => {
      for (const { sender, receiver } of this.#up?.getTransceivers() ?? []) {
        const track = tracks[receiver.track.kind === 'audio' ? 'audio' : 'video']
        if (sender.track !== track) await sender.replaceTrack(track)
      }
    })
  }

  close(): void {
    this.#terms = undefined
    this.#reset()
    this.#options.speaker.close()
  }

  /** What all are received by. */
  get #main(): RTCPeerConnection | undefined {
    return this.#terms?.media === 'video' ? this.#down : this.#up
  }

  #reset(): void {
    this.#stopLook()
    this.#stopWait()
    for (const connection of [this.#up, this.#down]) {
      if (connection === undefined) continue
      connection.onicecandidate = null
      connection.ontrack = null
      connection.onconnectionstatechange = null
      connection.close()
    }
    this.#up = undefined
    this.#down = undefined
    this.#owners = new Map()
    for (const watched of this.#watched.values()) watched.video = undefined
  }

  /** One step after the other. */
  #next(step: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#terms === undefined) return
      // The server said what this browser cannot take, or the connection is gone.
      await step().catch(() => this.#lose())
    })
  }

  #lose(): void {
    if (this.#terms === undefined) return
    this.#reset()
    this.#tell('disconnected')
    this.#stopWait = this.#options.platform.after(times.retryMs, () => this.#options.lost())
  }

  #tell(state: RTCPeerConnectionState): void {
    for (const { listener } of this.#watched.values()) listener.state(state)
  }

  #open({ configuration }: ServerLinkTerms): RTCPeerConnection {
    const { platform, signal } = this.#options
    const connection = platform.createPeer({ ...configuration, bundlePolicy: 'max-bundle' })
    connection.onicecandidate = ({ candidate }) => {
      if (candidate !== null) signal({ candidate: candidate.toJSON() })
    }
    connection.onconnectionstatechange = () => {
      const { connectionState } = connection
      if (connection === this.#up && connectionState === 'connected') this.#stopWait()
      if (connectionState === 'failed' || connectionState === 'closed') this.#lose()
      else if (connection === this.#main) this.#tell(connectionState)
    }
    return connection
  }

  async #offer(terms: ServerLinkTerms): Promise<void> {
    // Another one may have begun meanwhile.
    if (terms.session !== this.#terms?.session || this.#up !== undefined) return
    const { media, tracks } = this.#terms
    const up = this.#open(terms)
    this.#up = up
    up.ontrack = ({ track }) => this.#options.speaker.play(track)
    this.#stopWait = this.#options.platform.after(times.connectMs, () => this.#lose())
    if (media === 'audio') up.addTransceiver(tracks.audio ?? 'audio', { direction: 'sendrecv' })
    else {
      for (const kind of ['audio', 'video'] as const) {
        up.addTransceiver(tracks[kind] ?? kind, { direction: 'sendonly' })
      }
    }
    await up.setLocalDescription()
    this.#describe(up)
  }

  async #receive(sdp: RTCSessionDescriptionInit): Promise<void> {
    const [terms, up] = [this.#terms, this.#up]
    const [, offered = ''] = senderNote.exec(sdp.sdp ?? '') ?? []
    const isOurs = up?.localDescription?.sdp.includes(`a=ice-ufrag:${offered}\r`) === true
    if (!isOurs || terms === undefined) return
    if (sdp.type === 'answer') return up.setRemoteDescription(sdp)
    this.#down ??= this.#open(terms)
    const down = this.#down
    await down.setRemoteDescription(sdp)
    this.#share(sdp.sdp ?? '')
    await down.setLocalDescription()
    this.#describe(down)
  }

  /** Gives each what is theirs. */
  #share(sdp: string): void {
    const former = this.#owners
    this.#owners = new Map()
    for (const section of sdp.split(/^(?=m=)/m).slice(1)) {
      const [, mid] = /^a=mid:(\S+)/m.exec(section) ?? []
      const [, owner] = /^a=msid:(\S+)/m.exec(section) ?? []
      if (mid === undefined || owner === undefined) continue
      this.#owners.set(mid, owner)
      const watched = this.#watched.get(owner)
      if (watched !== undefined && former.get(mid) !== owner) this.#hand(mid, watched)
    }
  }

  #hand(mid: string, watched: Watched): void {
    const found = this.#down?.getTransceivers().find((one) => one.mid === mid)
    if (found === undefined) return
    const { receiver } = found
    if (receiver.track.kind === 'video') watched.video = receiver
    watched.listener.track(receiver.track)
  }

  #describe(connection: RTCPeerConnection): void {
    const { localDescription } = connection
    if (localDescription !== null) this.#options.signal({ sdp: localDescription.toJSON() })
  }

  /** Whose video goes on: a server passes on what is sent, and says nothing where nothing is. */
  #look(): void {
    this.#stopLook = this.#options.platform.after(times.lookMs, () => {
      for (const watched of this.#watched.values()) {
        const [source] = watched.video?.getSynchronizationSources() ?? []
        const shownAt = source?.timestamp ?? 0
        watched.listener.isVideoOn(shownAt > watched.shownAt)
        watched.shownAt = shownAt
      }
      this.#look()
    })
  }
}
