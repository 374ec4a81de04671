import type { CallPeer, ClientCallFrame, JoinedCall, SignalPayload } from '@parley/protocol'
import { type CallContext, configurationOf } from './call-context.ts'
import { type LinkListener, type LocalTracks, PeerLink, type PeerSignal } from './peer-link.ts'
import { RemoteParticipant } from './remote-participant.ts'
import { ServerLink } from './server-link.ts'
import { Speaker } from './speaker.ts'

/** Signals of others that may wait for this page to go their way. */
const earlyMax = 256

/** The media of the page. */
interface PageMedia {
  readonly tracks: () => LocalTracks
  /** Called when the way to the server is lost. */
  readonly lost: () => void
}

/** How the media of a call go: to each of the others by itself, or to a server for all of them. */
export class CallWays {
  readonly #context: CallContext
  readonly #participants: Map<string, RemoteParticipant>
  readonly #page: PageMedia
  #joined: JoinedCall | undefined
  #server: ServerLink | undefined
  /** Those who go from a server to each other together with this page. */
  #moving: ReadonlySet<string> = new Set()
  /** What came from them before this page had moved. */
  #early: (SignalPayload & { readonly from: string })[] = []

  /** @param participants - the others by their legs; who is opened to is put there. */
  constructor(context: CallContext, participants: Map<string, RemoteParticipant>, page: PageMedia) {
    this.#context = context
    this.#participants = participants
    this.#page = page
  }

  /** Whether video has a way. */
  get hasVideo(): boolean {
    return this.#server === undefined || this.#joined?.media === 'video'
  }

  /** Takes the way of a call; says whether those who are in it are still reached by theirs. */
  take(joined: JoinedCall): boolean {
    const former = this.#joined?.way.mode
    const { way, media } = joined
    this.#joined = joined
    const isMove = former !== undefined && former !== way.mode
    this.#moving = new Set(isMove ? joined.peers.map(({ legId }) => legId) : [])
    if (way.mode !== 'sdp') {
      this.#server?.close()
      this.#server = undefined
      return former === way.mode
    }
    const { platform, devices } = this.#context
    this.#server ??= new ServerLink({
      platform,
      speaker: new Speaker(platform, devices),
      signal: (signal) => this.#signal(signal),
      lost: this.#page.lost,
    })
    const { session } = way
    const configuration = configurationOf(joined)
    this.#server.begin({ session, configuration, media, tracks: this.#page.tracks() })
    return former === way.mode
  }

  /** Opens the way to somebody. Of two who move at once the one whose leg comes first offers. */
  openTo(peer: CallPeer, isNewcomer: boolean): RemoteParticipant {
    const { platform, devices } = this.#context
    const { legId: ownId = '' } = this.#joined ?? {}
    const isOffering = this.#moving.has(peer.legId) ? ownId < peer.legId : isNewcomer
    const server = this.#server
    const direct = (listener: LinkListener) =>
      new PeerLink({
        ...{ platform, isOffering, configuration: configurationOf(this.#joined) },
        tracks: this.#page.tracks(),
        listener: { ...listener, signal: (signal) => this.#signal(signal, peer.legId) },
      })
    const link = server === undefined ? direct : server.linkTo.bind(server, peer.legId)
    const participant = new RemoteParticipant({ platform, devices, peer, link })
    this.#participants.set(peer.legId, participant)
    const early = this.#early.filter(({ from }) => from === peer.legId)
    this.#early = this.#early.filter(({ from }) => from !== peer.legId)
    for (const signal of early) participant.receive(signal as PeerSignal)
    return participant
  }

  /** Takes what somebody's device says, or the server. */
  receive(signal: SignalPayload & { readonly from: string }): void {
    const { from } = signal
    if (from !== 'engine' && this.#server !== undefined) {
      if (this.#early.length < earlyMax) this.#early.push(signal)
      return
    }
    const receiver = from === 'engine' ? this.#server : this.#participants.get(from)
    receiver?.receive(signal as PeerSignal)
  }

  /** Sends something else. */
  send(tracks: LocalTracks): void {
    this.#server?.send(tracks)
    for (const participant of this.#participants.values()) participant.send(tracks)
  }

  close(): void {
    this.#server?.close()
  }

  #signal(signal: PeerSignal, to?: string): void {
    const { callId = '' } = this.#joined ?? {}
    const whom = to === undefined ? {} : { to }
    this.#context.signalling.tell({ type: 'signal', callId, ...whom, ...signal } as ClientCallFrame)
  }
}
