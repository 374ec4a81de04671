import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { isGuid } from '@parley/protocol'
import { WebSocket, WebSocketServer } from 'ws'
import { serverLimits } from '../../contract/limits.ts'
import type { Admit } from './admission.ts'
import type { Entered, Hub } from './hub.ts'
import type { Guest, Transport } from './session.ts'

/** What opening WebSockets needs. */
export interface WebSocketWorld {
  readonly hub: Pick<Hub, 'enter' | 'hasRoom'>
  readonly admit: Admit
  /** Waits until this node may accept tokens; false when it does not in time. */
  readonly whenCurrent: () => Promise<boolean>
}

const pathPattern = /^\/socket\.io\/1\/websocket\/([0-9a-f-]{36})\/?$/

/**
 * Takes the WebSockets that are opened on a server.
 *
 * Frames are short and each is another one for each recipient: compressing them would take some
 * 300 KB a socket and gain little.
 */
export function takeWebSockets(server: Server, world: WebSocketWorld): void {
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: serverLimits.chatFrameBytesMax,
  })
  server.on('upgrade', (request, socket, head) => {
    const cut = () => socket.destroy()
    socket.on('error', cut)
    void upgrade(world, { sockets, request, socket, head }).catch(cut)
  })
}

interface Upgrade {
  readonly sockets: WebSocketServer
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

async function upgrade(world: WebSocketWorld, asked: Upgrade): Promise<void> {
  const { request, socket } = asked
  const [path = '', query = ''] = (request.url ?? '').split('?', 2)
  const sessionId = pathPattern.exec(path)?.[1] ?? ''
  if (!isGuid(sessionId)) return refuse(socket, '404 Not Found')
  if (!(await world.whenCurrent())) return refuse(socket, '503 Service Unavailable')
  // From here to the end everything is one turn: the token is judged and its end is awaited.
  const admitted = world.admit({ sig: new URLSearchParams(query).get('sig'), sessionId })
  if (admitted === undefined) return refuse(socket, '401 Unauthorized')
  if (!world.hub.hasRoom(admitted)) return refuse(socket, '503 Service Unavailable')
  asked.sockets.handleUpgrade(request, socket, asked.head, (opened) => {
    seat(world, opened, { ...admitted, isGreeted: false })
  })
}

function refuse(socket: Duplex, status: string): void {
  const head = [`HTTP/1.1 ${status}`, 'connection: close', 'content-length: 0']
  if (status.startsWith('503')) head.push('retry-after: 1')
  socket.end(`${head.join('\r\n')}\r\n\r\n`)
}

function seat({ hub }: WebSocketWorld, opened: WebSocket, guest: Omit<Guest, 'transport'>): void {
  const transport: Transport = {
    send(frame) {
      if (opened.readyState === WebSocket.OPEN) opened.send(frame)
    },
    pendingBytes: () => opened.bufferedAmount,
    close: () => closeSoon(opened),
  }
  const entered: Entered = hub.enter({ ...guest, transport })
  opened.on('message', (data, isBinary) => {
    if (isBinary) entered.leave()
    else entered.receive(String(data))
  })
  opened.on('error', entered.leave)
  opened.on('close', entered.leave)
}

/** A client that does not answer the farewell is not waited for. */
const farewellMs = 1000

function closeSoon(opened: WebSocket): void {
  if (opened.readyState === WebSocket.CLOSED) return
  opened.close(1000)
  const timer = setTimeout(() => opened.terminate(), farewellMs)
  opened.once('close', () => clearTimeout(timer))
}
