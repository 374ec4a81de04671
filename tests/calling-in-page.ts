/**
 * What runs in the pages of people who call each other. Playwright writes each function out as
 * text, so it takes nothing from around it.
 */
import type {
  Call,
  CallAgent,
  CallClient,
  IncomingCall,
  LocalVideoStream,
  RemoteParticipant,
} from '@parley/calling'

/** What a page has under `globalThis`. */
export interface Loaded {
  readonly sdk: {
    readonly CallClient: typeof CallClient
    readonly LocalVideoStream: typeof LocalVideoStream
  }
  readonly getToken: () => Promise<string>
  /** Every connection to a peer that was ever made, as browsers judge them. */
  readonly peers: Peer[]
  readonly sockets: { close(): void }[]
  readonly microphonesOpened: number
  agent: CallAgent
  call: Call | undefined
  incoming: IncomingCall | undefined
  /** What happened, in order, in a word or two each. */
  told: string[]
}

/** What is asked of an `RTCPeerConnection`. */
interface Peer {
  readonly connectionState: string
  getStats(): Promise<{ values(): Iterable<Readonly<Record<string, unknown>>> }>
}

/** What a page can be asked to do. */
export type PersonAct =
  | 'reject'
  | 'hangUp'
  | 'mute'
  | 'unmute'
  | 'startVideo'
  | 'stopVideo'
  | 'add'
  | 'join'
  | 'tones'
  | 'loseSocket'
  | 'dispose'
  | 'callId'
  | 'videoOfOthers'
  | 'startJoinable'
  | 'microphonesOpened'

/** Keeps what the page opens where a test can look at it. */
export function prepareInPage(): void {
  const page = globalThis as unknown as Record<string, unknown>
  const record = (name: string, list: string) => {
    const Original = page[name] as new (...given: unknown[]) => object
    const made: object[] = []
    page[list] = made
    page[name] = class extends Original {
      constructor(...given: unknown[]) {
        super(...given)
        made.push(this)
      }
    }
  }
  record('RTCPeerConnection', 'peers')
  record('WebSocket', 'sockets')
  type Ask = (constraints: { audio?: unknown }) => Promise<unknown>
  const { mediaDevices } = page['navigator'] as { mediaDevices?: { getUserMedia: Ask } }
  page['microphonesOpened'] = 0
  if (mediaDevices === undefined) return
  const ask: Ask = mediaDevices.getUserMedia.bind(mediaDevices)
  mediaDevices.getUserMedia = (constraints) => {
    if (constraints.audio) page['microphonesOpened'] = Number(page['microphonesOpened']) + 1
    return ask(constraints)
  }
}

/** Makes an agent, and writes down all that it tells. */
export async function connectInPage(endpoint: string): Promise<string> {
  const page = globalThis as unknown as Loaded & { follow: (call: Call) => void }
  const tell = (what: string) => void page.told.push(what)
  page.told = []
  const watch = (one: RemoteParticipant) => {
    tell('joined')
    one.on('isMutedChanged', (isMuted) => tell(isMuted ? 'they muted' : 'they unmuted'))
    one.on('videoStreamChanged', (stream) => tell(stream ? 'video on' : 'video off'))
  }
  page.follow = (call) => {
    page.call = call
    tell(`call ${call.state}`)
    for (const one of call.remoteParticipants) watch(one)
    call.on('stateChanged', (state) => {
      tell(`call ${state}`)
      const { reason, error } = call.callEndReason ?? {}
      if (reason !== undefined) tell(`ended ${error?.serviceCode ?? error?.code ?? reason}`)
    })
    call.on('calleeUpdated', ({ state }) => tell(`callee ${state}`))
    call.on('dtmfReceived', ({ digits }) => tell(`tones ${digits}`))
    call.on('remoteParticipantsUpdated', ({ added, removed }) => {
      for (const one of removed) tell(`left ${one.endReason}`)
      for (const one of added) watch(one)
    })
  }
  const client = new page.sdk.CallClient({ endpoint })
  const getToken = async () => ({ token: await page.getToken() })
  try {
    page.agent = await client.createCallAgent({ getToken })
  } catch (error) {
    const { serviceCode, code } = error as { serviceCode?: string; code?: string }
    return serviceCode ?? code ?? String(error)
  }
  page.agent.on('incomingCall', ({ incomingCall }) => {
    page.incoming = incomingCall
    tell('ring')
    incomingCall.on('callEnded', ({ reason }) => tell(`ring ${reason}`))
  })
  page.agent.on('connectionStateChanged', ({ newState, reason }) => {
    tell(`agent ${[newState, reason].filter(Boolean).join(' ')}`)
  })
  return 'ready'
}

/** Starts a call. */
export function callInPage([others, muted]: readonly [readonly string[], boolean]): void {
  const page = globalThis as unknown as Loaded & { follow: (call: Call) => void }
  const people = others.map((rawId) =>
    rawId.startsWith('4:') ? { phoneNumber: rawId.slice(2) } : { communicationUserId: rawId },
  )
  page.follow(page.agent.startCall(people, { audioOptions: { muted } }))
}

/** Answers what rings. */
export async function acceptInPage(): Promise<void> {
  const page = globalThis as unknown as Loaded & { follow: (call: Call) => void }
  const call = await page.incoming?.accept()
  if (call !== undefined) page.follow(call)
}

/** Does something with the call, the bell or the agent of the page. */
export async function actInPage([name, argument]: readonly [PersonAct, string]): Promise<string> {
  const page = globalThis as unknown as Loaded & { follow: (call: Call) => void }
  const { call, agent, incoming, sdk } = page
  const acts: Record<PersonAct, () => unknown> = {
    reject: () => incoming?.reject(),
    hangUp: () => call?.hangUp(),
    mute: () => call?.mute(),
    unmute: () => call?.unmute(),
    startVideo: () => call?.startVideo(new sdk.LocalVideoStream()),
    stopVideo: () => call?.stopVideo(),
    add: () => call?.addParticipant({ communicationUserId: argument }),
    join: () => page.follow(agent.join({ callId: argument })),
    tones: () => call?.sendDtmf(argument),
    loseSocket: () => page.sockets.at(-1)?.close(),
    dispose: () => agent.dispose(),
    callId: () => call?.id,
    startJoinable: () => page.follow(agent.startCall([], { isJoinable: true })),
    microphonesOpened: () => page.microphonesOpened,
    videoOfOthers: () => call?.remoteParticipants.filter((one) => one.videoStream).length,
  }
  return String(await acts[name]())
}

/** Sums a figure of what comes in from each peer there was; 0 of those that are gone. */
export function figuresInPage([kind, name]: readonly [string, string]): Promise<number[]> {
  const { peers } = globalThis as unknown as Loaded
  return Promise.all(
    peers.map(async (peer) => {
      if (peer.connectionState !== 'connected') return 0
      const rows = [...(await peer.getStats()).values()]
      const coming = rows.filter((row) => row['type'] === 'inbound-rtp' && row['kind'] === kind)
      return coming.reduce((sum, row) => sum + Number(row[name]), 0)
    }),
  )
}
