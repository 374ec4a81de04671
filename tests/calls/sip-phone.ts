/**
 * A phone behind a trunk, which says when what came: SIP over UDP, as little of it as a call takes,
 * and RTP with PCMU. It sends back what it hears, or tones of its own.
 */
import { randomUUID } from 'node:crypto'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { namespaceAddress } from '../tiers/namespace.ts'
import { edgePort } from './kamailio-process.ts'

/** What a phone does when it is called. */
export type PhoneManner = 'answer' | 'ring' | number

/** A phone. */
export interface SipPhone {
  readonly port: number
  manner: PhoneManner
  /** Start lines of what came, and when, in milliseconds of `performance.now`. */
  readonly told: { readonly line: string; readonly atMs: number; readonly text: string }[]
  /** When packets of RTP came. */
  readonly heard: number[]
  /** Waits until a line has come that matches, again where it came before `since`. */
  readonly hears: (pattern: RegExp, since?: number) => Promise<{ atMs: number; text: string }>
  /** Calls a number of the server. */
  readonly call: (number: string, from: string) => Promise<void>
  readonly hangUp: () => Promise<void>
  readonly close: () => void
}

interface Dialog {
  readonly callId: string
  readonly own: string
  readonly far: string
  readonly target: string
  readonly routes: readonly string[]
}

interface Life extends Omit<SipPhone, 'hears' | 'call' | 'hangUp' | 'close'> {
  readonly sip: Socket
  readonly rtp: Socket
  readonly waiting: Set<() => void>
  dialog: Dialog | undefined
  media: { port: number; address: string } | undefined
  tones: NodeJS.Timeout | undefined
  count: number
}

/** Opens a phone at a port that a trunk has. */
export async function openPhone(port: number): Promise<SipPhone> {
  const [sip, rtp] = [createSocket('udp4'), createSocket('udp4')]
  sip.bind(port, namespaceAddress)
  rtp.bind(0, namespaceAddress)
  await Promise.all([once(sip, 'listening'), once(rtp, 'listening')])
  const life: Life = {
    ...{ port, manner: 'answer', told: [], heard: [], sip, rtp, waiting: new Set() },
    ...{ dialog: undefined, media: undefined, tones: undefined, count: 0 },
  }
  sip.on('message', (data, from) => hear(life, String(data), from))
  rtp.on('message', (data, from) => {
    life.heard.push(performance.now())
    if (life.tones === undefined) rtp.send(data, from.port, from.address)
  })
  return Object.assign(life, {
    hears: (pattern: RegExp, since = 0) => hears(life, pattern, since),
    call: async (number: string, from: string) => invite(life, number, from),
    hangUp: async () => bye(life),
    close() {
      clearInterval(life.tones)
      sip.close()
      rtp.close()
    },
  })
}

async function hears({ told, waiting }: Life, pattern: RegExp, since: number) {
  return new Promise<{ atMs: number; text: string }>((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new Error(`no ${pattern} in ${JSON.stringify(told.map(({ line }) => line))}`))
    }, 15_000)
    const look = () => {
      const found = told.find(({ line, atMs }) => atMs >= since && pattern.test(line))
      if (found === undefined) return
      waiting.delete(look)
      clearTimeout(late)
      resolve(found)
    }
    waiting.add(look)
    look()
  })
}

function headers(text: string, name: string): readonly string[] {
  const wanted = new RegExp(`^${name}:[ \\t]*(.*)$`, 'gim')
  return [...text.matchAll(wanted)].map(([, value = '']) => value.trim())
}

function header(text: string, name: string): string {
  return headers(text, name)[0] ?? ''
}

function hear(life: Life, text: string, from: RemoteInfo): void {
  const [line = ''] = text.split('\r\n', 1)
  if (line === '') return
  life.told.push({ line, atMs: performance.now(), text })
  for (const look of [...life.waiting]) look()
  if (line.startsWith('SIP/2.0 ')) answered(life, line, text)
  else asked(life, text, from)
}

function asked(life: Life, text: string, from: RemoteInfo): void {
  const method = text.slice(0, text.indexOf(' '))
  const reply = (status: string, more = '', body = '') =>
    life.sip.send(response(life, text, { status, more, body }), from.port, from.address)
  if (method === 'INVITE') {
    if (life.manner === 'ring' || life.manner === 'answer') reply('180 Ringing')
    if (typeof life.manner === 'number') reply(`${life.manner} No`)
    if (life.manner !== 'answer') return
    life.dialog = {
      callId: header(text, 'Call-ID'),
      own: `${header(text, 'To')};tag=phone${life.port}`,
      far: header(text, 'From'),
      target: /<(.*)>/.exec(header(text, 'Contact'))?.[1] ?? '',
      routes: headers(text, 'Record-Route'),
    }
    life.media = mediaOf(text)
    reply('200 OK', 'Content-Type: application/sdp\r\n', sdp(life))
  } else if (method === 'CANCEL') {
    reply('200 OK')
  } else if (method !== 'ACK') {
    reply('200 OK')
    if (method === 'BYE') clearInterval(life.tones)
  }
}

function response(
  { port }: Life,
  text: string,
  { status, more, body }: { status: string; more: string; body: string },
): string {
  const same = ['Via', 'From', 'Call-ID', 'CSeq', 'Record-Route'].flatMap((name) =>
    headers(text, name).map((value) => `${name}: ${value}`),
  )
  const to = header(text, 'To')
  const tagged = to.includes(';tag=') ? to : `${to};tag=phone${port}`
  const contact = `Contact: <sip:phone@${namespaceAddress}:${port}>`
  const length = `Content-Length: ${body.length}`
  const lines = [
    `SIP/2.0 ${status}`,
    ...same,
    `To: ${tagged}`,
    contact,
    `${more}${length}`,
    '',
    body,
  ]
  return lines.join('\r\n')
}

function sdp({ rtp }: Life): string {
  const at = `IN IP4 ${namespaceAddress}`
  const lines = ['v=0', `o=phone 1 1 ${at}`, 's=-', `c=${at}`, 't=0 0']
  const media = [`m=audio ${rtp.address().port} RTP/AVP 0 101`, 'a=rtpmap:0 PCMU/8000']
  return `${[...lines, ...media, 'a=rtpmap:101 telephone-event/8000', ''].join('\r\n')}`
}

function mediaOf(text: string): { port: number; address: string } {
  const port = Number(/^m=audio (\d+)/m.exec(text)?.[1])
  return { port, address: /^c=IN IP4 (\S+)/m.exec(text)?.[1]?.trim() ?? '' }
}

function request(life: Life, method: string, uri: string, given: readonly string[], body = '') {
  const { port } = life
  life.count += 1
  const branch = `branch=z9hG4bKphone${port}x${life.count}`
  const via = `Via: SIP/2.0/UDP ${namespaceAddress}:${port};${branch}`
  const contact = `Contact: <sip:phone@${namespaceAddress}:${port}>`
  const lines = [`${method} ${uri} SIP/2.0`, via, 'Max-Forwards: 70', contact, ...given]
  const text = [...lines, `Content-Length: ${body.length}`, '', body].join('\r\n')
  life.sip.send(text, edgePort, namespaceAddress)
}

function invite(life: Life, number: string, from: string): void {
  const at = `${namespaceAddress}:${edgePort}`
  const own = `<sip:${from}@${namespaceAddress}>;tag=phone${life.port}`
  const callId = `Call-ID: ${randomUUID()}`
  const known = [`From: ${own}`, `To: <sip:${number}@${at}>`, callId, 'CSeq: 1 INVITE']
  const type = 'Content-Type: application/sdp'
  request(life, 'INVITE', `sip:${number}@${at}`, [...known, type], sdp(life))
}

function answered(life: Life, line: string, text: string): void {
  if (!header(text, 'CSeq').endsWith('INVITE') || line.startsWith('SIP/2.0 1')) return
  const target = /<(.*)>/.exec(header(text, 'Contact'))?.[1] ?? ''
  const [own, far] = [header(text, 'From'), header(text, 'To')]
  const callId = header(text, 'Call-ID')
  const routes = headers(text, 'Record-Route').toReversed()
  const known = [`From: ${own}`, `To: ${far}`, `Call-ID: ${callId}`, 'CSeq: 1 ACK']
  const isTaken = line.startsWith('SIP/2.0 200')
  // The way of an acknowledgement of a refusal is that of the request.
  if (isTaken) request(life, 'ACK', target, [...routes.map((one) => `Route: ${one}`), ...known])
  if (!isTaken || life.dialog?.callId === callId) return
  life.dialog = { callId, own, far, target, routes }
  life.media = mediaOf(text)
  life.tones = setInterval(() => tone(life), 20)
}

function tone(life: Life): void {
  const { media, rtp } = life
  life.count += 1
  const packet = Buffer.alloc(172)
  packet.writeUInt16BE(0x8000, 0)
  packet.writeUInt16BE(life.count & 0xffff, 2)
  packet.writeUInt32BE(life.count * 160, 4)
  packet.writeUInt32BE(4711, 8)
  // A square wave of 400 Hz, in mu-law.
  for (let at = 0; at < 160; at += 1) packet[12 + at] = at % 20 < 10 ? 0x20 : 0xa0
  if (media !== undefined) rtp.send(packet, media.port, media.address)
}

function bye(life: Life): void {
  const { dialog } = life
  if (dialog === undefined) return
  clearInterval(life.tones)
  const { own, far, callId, target, routes } = dialog
  const known = [`From: ${own}`, `To: ${far}`, `Call-ID: ${callId}`, 'CSeq: 2 BYE']
  request(life, 'BYE', target, [...routes.map((one) => `Route: ${one}`), ...known])
  life.dialog = undefined
}
