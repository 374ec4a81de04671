import type { Server } from 'node:http'
import { isGuid } from '@parley/protocol'
import { WebSocket, WebSocketServer } from 'ws'
import { serverLimits } from '../../contract/limits.ts'
import { refuseUpgrade, takeUpgrades, type Upgrade } from '../../foundation/upgrades.ts'
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
  takeUpgrades(server, {
    takes: (path) => isGuid(sessionIn(path)),
    take: (upgrade) => open(world, sockets, upgrade),
  })
}

function sessionIn(path: string): string {
  return pathPattern.exec(path)?.[1] ?? ''
}

async function open(
  world: WebSocketWorld,
  sockets: WebSocketServer,
  { request, socket, head, path, query }: Upgrade,
): Promise<void> {
  const sessionId = sessionIn(path)
  if (!(await world.whenCurrent())) return refuseUpgrade(socket, '503 Service Unavailable')
  // From here to the end everything is one turn: the token is judged and its end is awaited.
  const admitted = world.admit({ sig: query.get('sig'), sessionId })
  if (admitted === undefined) return refuseUpgrade(socket, '401 Unauthorized')
  if (!world.hub.hasRoom(admitted)) return refuseUpgrade(socket, '503 Service Unavailable')
  sockets.handleUpgrade(request, socket, head, (opened) => {
    seat(world, opened, { ...admitted, isGreeted: false })
  })
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
