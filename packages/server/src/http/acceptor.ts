import { createServer, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { ok, type Result } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import { type AddressUnavailable, bindServer } from './listener.ts'

/** A port whose connections other processes serve. */
export interface Acceptor {
  /** The port it got. */
  readonly port: number
  /** Accepts nobody any more. */
  readonly close: () => Promise<void>
}

/**
 * Binds a port and accepts what comes, without reading a byte of it: whoever is handed the
 * connection reads all. One that nobody was handed for as long as a request may take is cut.
 *
 * @param where.port - 0 takes any free port.
 * @param where.onConnection - closes the connection here once it is held elsewhere.
 * @faults `address-unavailable` - in use, not ours, or not allowed.
 */
export async function bindAcceptor(where: {
  readonly host: string
  readonly port: number
  readonly onConnection: (socket: Socket) => void
}): Promise<Result<Acceptor, AddressUnavailable>> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true })
  server.on('connection', (socket) => {
    socket.setTimeout(serverLimits.requestTimeoutMs, () => socket.destroy())
    // Whatever breaks before it is handed on breaks for whoever came.
    socket.on('error', () => socket.destroy())
    where.onConnection(socket)
  })
  const bound = await bindServer(server, where)
  if (!bound.ok) return bound
  return ok({
    port: bound.value,
    async close() {
      server.close()
      // Nobody tells when it is closed: once sockets have gone to a process that has ended, Node
      // waits for an answer of that process. The port itself is given back in this turn.
      await setImmediate()
    },
  })
}
