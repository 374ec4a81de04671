/**
 * Somebody at a page who calls phones: the frames of `/calling/ws` and one `RTCPeerConnection`, by
 * hand, so that it can also go on when it is told to stop.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium, type Page } from 'playwright-core'
import { programs } from './daemons.ts'

/** A frame as the page has got it. */
export interface Told {
  readonly type: string
  readonly code?: string
  readonly detail?: string
  readonly callId?: string
  readonly from?: string
  readonly reason?: string
  readonly identity?: string
  readonly state?: string
  readonly engine?: string
}

/** Somebody at a page. */
export interface Talker {
  readonly page: Page
  /** Sends a frame, and gives its answer. */
  readonly ask: (frame: object) => Promise<Told>
  /** Waits for a frame of a type. */
  readonly hears: (type: string) => Promise<Told>
  readonly all: () => Promise<readonly Told[]>
  /** Starts or accepts a call, and connects its media. */
  readonly talk: (frame: object) => Promise<Told>
  /** Waits until sound is heard. */
  readonly listens: () => Promise<void>
  /** Packets that came, and how many milliseconds ago the last one did. */
  readonly packets: () => Promise<{ readonly count: number; readonly sent: number }>
  readonly close: () => Promise<void>
}

/** What runs in the page. */
const script = `
told = []
waiting = new Map()
lastId = 0
callId = ''
connect = (url, token) => new Promise((resolve) => {
  socket = new WebSocket(url, 'parley.voip.v1')
  socket.onclose = ({ code }) => told.push({ type: 'closed', code: String(code) })
  socket.onopen = () => ask({ type: 'auth', token }).then(() => resolve())
  socket.onmessage = async ({ data }) => {
    const frame = JSON.parse(data)
    told.push(frame)
    if (frame.re !== undefined) waiting.get(frame.re)?.(frame)
    if (frame.type !== 'signal' || frame.sdp === undefined) return
    await connection.setRemoteDescription(frame.sdp)
    if (frame.sdp.type === 'offer') await describe()
  }
})
ask = (frame) => new Promise((resolve) => {
  lastId += 1
  waiting.set(lastId, resolve)
  socket.send(JSON.stringify({ id: lastId, ...frame }))
})
signal = (payload) => void ask({ type: 'signal', callId, ...payload })
describe = async () => {
  await connection.setLocalDescription()
  const { type, sdp } = connection.localDescription
  signal({ sdp: { type, sdp } })
}
talk = async (frame) => {
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: true })
  connection = new RTCPeerConnection()
  connection.onicecandidate = ({ candidate }) =>
    signal({ candidate: candidate && candidate.toJSON() })
  for (const track of microphone.getTracks()) connection.addTrack(track, microphone)
  connection.ontrack = ({ track }) => {
    const audio = new Audio()
    audio.srcObject = new MediaStream([track])
    void audio.play().catch(() => undefined)
  }
  const joined = await ask(frame)
  if (joined.type !== 'call.joined') return joined
  callId = joined.callId
  if (joined.way.offerer !== 'engine') await describe()
  return joined
}
`

/** Opens a browser whose pages talk. */
export async function openTalkers(): Promise<{
  readonly open: (url: string, token: string) => Promise<Talker>
  readonly close: () => Promise<void>
}> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<title>phones</title>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const media = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']
  const args = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', ...media]
  const browser = await chromium.launch({ executablePath: programs.chromium, args })
  const origin = `http://localhost:${(server.address() as AddressInfo).port}/`
  return {
    open: (url, token) => openTalker(browser, origin, [url, token]),
    close: async () => {
      await browser.close()
      server.close()
    },
  }
}

async function openTalker(
  browser: Browser,
  origin: string,
  given: readonly [string, string],
): Promise<Talker> {
  const page = await (await browser.newContext()).newPage()
  await page.goto(origin)
  await page.evaluate(script)
  await page.evaluate(`connect(${JSON.stringify(given[0])}, ${JSON.stringify(given[1])})`)
  const until = (condition: string) =>
    page.evaluate(`(async () => {
      const startedAt = performance.now()
      for (;;) {
        const found = await (${condition})
        if (found) return found
        if (performance.now() - startedAt > 15_000) throw new Error(${JSON.stringify(condition)}
          + ' has not come true; told: ' + JSON.stringify(told))
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })()`)
  const figures = (type: string) =>
    `connection.getStats().then((all) => [...all.values()].find((one) => one.type === '${type}'))`
  return {
    page,
    ask: (frame) => page.evaluate(`ask(${JSON.stringify(frame)})`) as Promise<Told>,
    hears: (type) => until(`told.find((one) => one.type === '${type}')`) as Promise<Told>,
    all: () => page.evaluate('told') as Promise<readonly Told[]>,
    talk: (frame) => page.evaluate(`talk(${JSON.stringify(frame)})`) as Promise<Told>,
    listens: async () => {
      await until(`${figures('inbound-rtp')}.then((one) => one?.totalAudioEnergy > 0.01)`)
    },
    packets: () =>
      page.evaluate(`Promise.all([${figures('inbound-rtp')}, ${figures('outbound-rtp')}]).then(
        ([incoming, outgoing]) => ({
          count: incoming?.packetsReceived ?? 0, sent: outgoing?.packetsSent ?? 0,
        }))`) as Promise<{ count: number; sent: number }>,
    close: () => page.context().close(),
  }
}
