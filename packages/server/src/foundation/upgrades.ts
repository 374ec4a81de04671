import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'

/** A request to go on as something else, WebSocket above all. */
export interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
  /** The path without its query. */
  readonly path: string
  readonly query: URLSearchParams
}

/** Who takes the upgrades of some paths. What it throws cuts the connection. */
export interface UpgradeTaker {
  readonly takes: (path: string) => boolean
  readonly take: (upgrade: Upgrade) => Promise<void>
}

const takers = new WeakMap<Server, UpgradeTaker[]>()

/** Takes the upgrades of some paths of a server; those that nobody takes are answered 404. */
export function takeUpgrades(server: Server, taker: UpgradeTaker): void {
  const known = takers.get(server)
  if (known !== undefined) return void known.push(taker)
  const all = [taker]
  takers.set(server, all)
  server.on('upgrade', (request, socket, head) => {
    const cut = () => socket.destroy()
    socket.on('error', cut)
    const [path = '', query = ''] = (request.url ?? '').split('?', 2)
    const found = all.find(({ takes }) => takes(path))
    if (found === undefined) return refuseUpgrade(socket, '404 Not Found')
    void found.take({ request, socket, head, path, query: new URLSearchParams(query) }).catch(cut)
  })
}

/** Answers an upgrade with a status instead, and ends the connection. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  const head = [`HTTP/1.1 ${status}`, 'connection: close', 'content-length: 0']
  if (status.startsWith('503')) head.push('retry-after: 1')
  socket.end(`${head.join('\r\n')}\r\n\r\n`)
}
