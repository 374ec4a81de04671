/**
 * What runs in pages that send over relays. They are told nothing by anybody and close nothing by
 * themselves, as somebody's would who does not want to be cut off. Playwright writes each function
 * out as text, so it takes nothing from around it.
 */

/** A relay as a page is given it. */
export interface GivenServer {
  readonly urls: readonly string[]
  readonly username?: string
  readonly credential?: string
}

/** What gathering has come to. */
export interface Gathered {
  readonly candidates: readonly string[]
  /** What relays have answered instead. */
  readonly errors: readonly number[]
}

/** What is used of an `RTCPeerConnection`. */
export interface PagePeer {
  readonly iceGatheringState: string
  readonly localDescription: { readonly type: string; readonly sdp: string } | null
  onicecandidate: ((event: { candidate: { candidate: string } | null }) => void) | null
  onicecandidateerror: ((event: { errorCode: number }) => void) | null
  onicegatheringstatechange: (() => void) | null
  ontrack: ((event: { streams: readonly unknown[] }) => void) | null
  createDataChannel(name: string): unknown
  addTrack(track: unknown, stream: unknown): unknown
  createOffer(): Promise<object>
  createAnswer(): Promise<object>
  setLocalDescription(description?: object): Promise<void>
  setRemoteDescription(description: object): Promise<void>
  getStats(): Promise<Map<string, Readonly<Record<string, unknown>>>>
  close(): void
}

interface RelayPage {
  readonly RTCPeerConnection: new (configuration: object) => PagePeer
  readonly Audio: new () => { srcObject: unknown; play(): Promise<void> }
  readonly navigator: {
    readonly mediaDevices: {
      getUserMedia(constraints: object): Promise<{ getTracks(): readonly unknown[] }>
    }
  }
  peer: PagePeer
}

/** Gathers candidates over a relay only. */
export async function gatherInPage(server: GivenServer): Promise<Gathered> {
  const page = globalThis as unknown as RelayPage
  const peer = new page.RTCPeerConnection({ iceServers: [server], iceTransportPolicy: 'relay' })
  const candidates: string[] = []
  const errors: number[] = []
  peer.onicecandidateerror = ({ errorCode }) => errors.push(errorCode)
  peer.createDataChannel('any')
  await new Promise<void>((resolve) => {
    peer.onicecandidate = ({ candidate }) => {
      if (candidate === null) resolve()
      else if (candidate.candidate !== '') candidates.push(candidate.candidate)
    }
    void peer.createOffer().then((offer) => peer.setLocalDescription(offer))
  })
  page.peer = peer
  return { candidates, errors }
}

/** Opens a connection that sends the microphone over a relay only; gives its own description. */
export async function describeInPage([server, offer]: readonly [
  GivenServer,
  object | undefined,
]): Promise<object> {
  const page = globalThis as unknown as RelayPage
  const peer = new page.RTCPeerConnection({ iceServers: [server], iceTransportPolicy: 'relay' })
  page.peer = peer
  const stream = await page.navigator.mediaDevices.getUserMedia({ audio: true })
  for (const track of stream.getTracks()) peer.addTrack(track, stream)
  // Only what is played is decoded, and only what is decoded has an energy.
  peer.ontrack = ({ streams }) => {
    const sound = new page.Audio()
    sound.srcObject = streams[0]
    void sound.play()
  }
  if (offer !== undefined) await peer.setRemoteDescription(offer)
  await peer.setLocalDescription(
    offer === undefined ? await peer.createOffer() : await peer.createAnswer(),
  )
  if (peer.iceGatheringState !== 'complete') {
    await new Promise<void>((resolve) => {
      peer.onicegatheringstatechange = () => {
        if (peer.iceGatheringState === 'complete') resolve()
      }
    })
  }
  const { type = '', sdp = '' } = peer.localDescription ?? {}
  return { type, sdp }
}

/** Takes the answer to what was described. */
export async function answerInPage(answer: object): Promise<void> {
  await (globalThis as unknown as RelayPage).peer.setRemoteDescription(answer)
}

/** What a page has heard of the other. */
export interface Hearing {
  readonly energy: number
  readonly packets: number
  /** When the last packet came, by the clock of the machine. */
  readonly lastPacketAtMs: number
  /** How the media go: kinds of the two candidates that are used. */
  readonly way: string
}

/** Says what the page has heard until now. */
export async function hearingInPage(): Promise<Hearing> {
  const stats = await (globalThis as unknown as RelayPage).peer.getStats()
  let [energy, packets, lastPacketAtMs, way] = [0, 0, 0, '']
  for (const one of stats.values()) {
    if (one['type'] === 'inbound-rtp') {
      energy = Number(one['totalAudioEnergy'] ?? 0)
      packets = Number(one['packetsReceived'] ?? 0)
      lastPacketAtMs = Number(one['lastPacketReceivedTimestamp'] ?? 0)
    }
    if (one['type'] === 'candidate-pair' && one['nominated'] === true) {
      const kindOf = (id: unknown) => String(stats.get(String(id))?.['candidateType'])
      way = `${kindOf(one['localCandidateId'])} ${kindOf(one['remoteCandidateId'])}`
    }
  }
  return { energy, packets, lastPacketAtMs, way }
}
