/**
 * People in browsers who call each other with `@parley/calling`: each a page of a real Chromium
 * with a synthetic microphone that beeps, and a camera.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type {
  Call,
  CallAgent,
  CallClient,
  IncomingCall,
  LocalVideoStream,
  RemoteParticipant,
} from '@parley/calling'
import { build } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright-core'

const tests = fileURLToPath(new URL('../', import.meta.url))

/**
 * The synthetic microphone beeps with an energy of 0.2 a second; what is decoded of a muted one has
 * 1e-9, so an energy above zero alone would prove nothing.
 */
const heardEnergy = 0.01
const silenceEnergy = 1e-5

/** What a page has under `globalThis`. */
interface Loaded {
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

/** A browser, and the server of the page that its people have open. */
export interface Town {
  readonly open: (options: PersonOptions) => Promise<Person>
  readonly close: () => Promise<void>
}

/** Who opens the page. */
export interface PersonOptions {
  readonly id: string
  readonly endpoint: string
  readonly getToken: () => Promise<string>
}

/** Somebody at one device. */
export interface Person {
  readonly id: string
  readonly page: Page
  /** Connects; gives `ready`, or the code of what kept it from that. */
  readonly connect: () => Promise<string>
  /** Starts a call; does not wait for anything. */
  readonly call: (others: readonly string[], isMuted?: boolean) => Promise<void>
  /** Waits until it rings, and answers. */
  readonly accept: () => Promise<void>
  /** Does something with the call of this page. */
  readonly act: (name: PersonAct, argument?: string) => Promise<string>
  /** Waits until something has happened. */
  readonly heard: (what: string) => Promise<void>
  /** All that has happened so far. */
  readonly told: () => Promise<readonly string[]>
  /** Waits until so many others are heard: sound, not packets of silence. */
  readonly hears: (count: number) => Promise<void>
  /** Waits until two and a half seconds of sound from others have been silence. */
  readonly hearsNothing: () => Promise<void>
  /** Waits until video of somebody is being decoded. */
  readonly sees: () => Promise<void>
  /** Waits until no connection to a peer is left. */
  readonly isAlone: () => Promise<void>
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

// What follows runs in the page: Playwright writes each function out as text.

function prepareInPage(): void {
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

async function connectInPage(endpoint: string): Promise<string> {
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

function callInPage([others, muted]: readonly [readonly string[], boolean]): void {
  const page = globalThis as unknown as Loaded & { follow: (call: Call) => void }
  const people = others.map((rawId) =>
    rawId.startsWith('4:') ? { phoneNumber: rawId.slice(2) } : { communicationUserId: rawId },
  )
  page.follow(page.agent.startCall(people, { audioOptions: { muted } }))
}

async function acceptInPage(): Promise<void> {
  const page = globalThis as unknown as Loaded & { follow: (call: Call) => void }
  const call = await page.incoming?.accept()
  if (call !== undefined) page.follow(call)
}

async function actInPage([name, argument]: readonly [PersonAct, string]): Promise<string> {
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
function figuresInPage([kind, name]: readonly [string, string]): Promise<number[]> {
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

/** Opens a browser and the server of its page. */
export async function openTown(executablePath: string): Promise<Town> {
  const server = await servePage()
  const media = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']
  const args = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', ...media]
  const browser = await chromium.launch({ executablePath, args })
  const { port } = server.address() as AddressInfo
  return {
    open: (options) => openPerson(browser, `http://localhost:${port}/`, options),
    close: async () => {
      await browser.close()
      server.close()
    },
  }
}

async function openPerson(browser: Browser, url: string, options: PersonOptions): Promise<Person> {
  const { id, endpoint, getToken } = options
  const page = await (await browser.newContext()).newPage()
  await page.addInitScript(prepareInPage)
  await page.exposeFunction('getToken', getToken)
  await page.goto(url)
  const figures = `(${figuresInPage.toString()})`
  const energies = `${figures}(['audio', 'totalAudioEnergy'])`
  const seconds = `${figures}(['audio', 'totalSamplesDuration'])`
  // A promise is no truth yet, which `page.waitForFunction` does not see.
  const until = (condition: string) =>
    page.evaluate(`(async () => {
      const startedAt = performance.now()
      while (!(await (${condition}))) {
        if (performance.now() - startedAt > 20_000) throw new Error(${JSON.stringify(condition)}
          + ' has not come true; told: ' + told)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    })()`) as Promise<void>
  const heard = (what: string) => until(`told.includes(${JSON.stringify(what)})`)
  return {
    id,
    page,
    connect: () => page.evaluate(connectInPage, endpoint),
    call: (others, isMuted = false) => page.evaluate(callInPage, [others, isMuted] as const),
    accept: async () => {
      await heard('ring')
      await page.evaluate(acceptInPage)
    },
    act: (name, argument = '') => page.evaluate(actInPage, [name, argument] as const),
    heard,
    told: () => page.evaluate(() => (globalThis as unknown as Loaded).told),
    hears: async (count) => {
      await page.evaluate('globalThis.first = []')
      await until(`${energies}.then((all) => all.filter((energy, place) => {
        first[place] ??= energy
        return energy - first[place] > ${heardEnergy}
      }).length === ${count})`)
    },
    hearsNothing: async () => {
      await page.evaluate('globalThis.quiet = undefined')
      await until(`Promise.all([${energies}, ${seconds}]).then(([[energy], [second]]) => {
        const isHeard = energy - (globalThis.quiet?.energy ?? -1) > ${silenceEnergy}
        if (isHeard) globalThis.quiet = { energy, second }
        return second - globalThis.quiet.second > 2.5
      })`)
    },
    sees: () => until(`${figures}(['video', 'framesDecoded']).then(([count]) => count > 0)`),
    isAlone: () => until("peers.every(({ connectionState }) => connectionState === 'closed')"),
  }
}

async function servePage(): Promise<Server> {
  const bundled = await build({
    stdin: { contents: "export * from '@parley/calling'", resolveDir: tests },
    ...{ bundle: true, write: false, format: 'iife', globalName: 'sdk', platform: 'browser' },
    logLevel: 'silent',
  })
  const [script] = bundled.outputFiles
  const html = '<!doctype html><meta charset="utf-8"><title>calls</title><script src="/sdk.js">'
  const server = createServer((request, response) => {
    const isScript = request.url === '/sdk.js'
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' })
    response.end(isScript ? script?.text : `${html}</script>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
