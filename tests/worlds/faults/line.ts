/**
 * A line of TCP that a test lays between two parties and can then damage.
 *
 * What is held is held as a network holds it that has lost its way for a while: nothing of it is
 * lost, new connections come about and say nothing, and what either side has sent meanwhile, the
 * end of a connection included, arrives when the line is healed. So a statement that its sender
 * has long given up may still be carried out.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** Which way nothing gets through. */
export type Held = 'to-server' | 'to-client' | 'both'

/** A line, damaged or not. */
export interface Line {
  readonly port: number
  /** Resets the connections that stand; others may come about at once. */
  readonly cut: () => void
  /** Resets them, and every new one, until the line is healed. */
  readonly refuse: () => void
  /** Lets nothing through, one way or both, until the line is healed. */
  readonly hold: (way: Held) => void
  readonly heal: () => void
  /** Leads new connections to another place. */
  readonly leadTo: (path: string) => void
  readonly close: () => Promise<void>
}

interface Connection {
  readonly client: Socket
  readonly server: Socket
}

/** Lays a line to a Unix socket. @param path - of the socket. */
export async function layLine(path: string): Promise<Line> {
  const connections = new Set<Connection>()
  let target = path
  let held: Held | undefined
  let isRefused = false
  const cut = () => {
    for (const { client, server } of connections) {
      reset(client)
      server.destroy()
    }
    connections.clear()
  }
  const listener = createServer({ allowHalfOpen: true }, (client) => {
    if (isRefused) {
      client.resetAndDestroy()
      return
    }
    const server = connect({ path: target, allowHalfOpen: true })
    const connection = { client, server }
    connections.add(connection)
    join(client, server)
    join(server, client)
    const forget = () => {
      if (client.destroyed && server.destroyed) connections.delete(connection)
    }
    client.once('close', forget)
    server.once('close', forget)
    obey(connection, held)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  assert.ok(typeof address === 'object' && address !== null)
  const hold = (way: Held | undefined) => {
    held = way
    for (const connection of connections) obey(connection, held)
  }
  return {
    port: address.port,
    cut,
    refuse() {
      isRefused = true
      cut()
    },
    hold,
    heal() {
      isRefused = false
      hold(undefined)
    },
    leadTo(other) {
      target = other
    },
    async close() {
      cut()
      listener.close()
      await once(listener, 'close')
    },
  }
}

/** A socket that is not read holds what has come, its end included. */
function obey({ client, server }: Connection, held: Held | undefined): void {
  if (held === 'to-server' || held === 'both') client.pause()
  else client.resume()
  if (held === 'to-client' || held === 'both') server.pause()
  else server.resume()
}

/** Carries everything from one socket to the other; what breaks breaks on both sides. */
function join(from: Socket, to: Socket): void {
  from.on('data', (chunk) => to.write(chunk))
  from.on('end', () => to.end())
  from.on('error', () => reset(to))
  from.on('close', () => to.destroySoon())
}

/** Only TCP has resets; and Node leaves a socket open that is reset after its end was sent. */
function reset(socket: Socket): void {
  const canReset = socket.remoteAddress !== undefined && !socket.writableEnded
  if (canReset) socket.resetAndDestroy()
  else socket.destroy()
}
