import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Server as NetServer, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Server as TlsServer } from 'node:tls'
import { fail, ok, type Result } from '@parley/protocol'
import { replyToFault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'

/** A listener that is bound to its port. */
export interface Listener {
  readonly scheme: 'http' | 'https'
  readonly server: Server
  /** The port it got, or that of whoever hands it connections. */
  readonly port: number
  /** Serves a connection that another process has accepted. */
  readonly take: (socket: Socket) => void
  /**
   * Stops accepting, closes idle connections and waits for busy ones to be answered.
   *
   * @param timeoutMs - after this the connections that are left are cut.
   */
  readonly close: (timeoutMs: number) => Promise<void>
}

/** Certificate chain and private key, PEM. */
export interface TlsCredentials {
  readonly certificate: string
  readonly privateKey: string
}

/** The address cannot be bound. */
export interface AddressUnavailable {
  readonly kind: 'address-unavailable'
  readonly message: string
}

/**
 * Binds a listener. Until something serves on it, requests are answered 503: a client that comes
 * during the start is told to come again, and a port in use is found out before any work is done.
 *
 * @param where.port - 0 takes any free port.
 * @param where.tls - absent: plain http.
 * @param where.isHanded - nothing is bound: connections come by `take` alone, from whoever has
 *   accepted them on that port.
 * @faults `address-unavailable` - in use, not ours, or not allowed.
 */
export async function bindListener(where: {
  readonly host: string
  readonly port: number
  readonly tls?: TlsCredentials
  readonly isHanded?: boolean
}): Promise<Result<Listener, AddressUnavailable>> {
  const { tls } = where
  const options = {
    maxHeaderSize: serverLimits.headerBytesMax,
    requestTimeout: serverLimits.requestTimeoutMs,
    headersTimeout: serverLimits.requestTimeoutMs,
    keepAliveTimeout: serverLimits.keepAliveTimeoutMs,
  }
  const server =
    tls === undefined
      ? createHttpServer(options)
      : createHttpsServer({ ...options, ...credentialsOf(tls) })
  const cutUnused = trackUnused(server)
  const untilQuiet = trackArrivals(server)
  server.on('request', answerNotYet)
  if (where.isHanded === true) startChecks(server)
  const bound = where.isHanded === true ? ok(where.port) : await bindServer(server, where)
  if (!bound.ok) return bound
  const taken = new Set<Socket>()
  return ok({
    scheme: tls === undefined ? 'http' : 'https',
    server,
    port: bound.value,
    take: (socket) => {
      keepWhileOpen(taken, socket)
      // As a server sets it on what it accepts itself: a request may end its half before the reply.
      socket.allowHalfOpen = true
      server.emit('connection', socket)
    },
    close: async (timeoutMs) => {
      await untilQuiet(timeoutMs)
      const closed = closeServer(server, taken, timeoutMs)
      cutUnused()
      await closed
    },
  })
}

/**
 * Begins to cut connections whose request takes too long, as a server does once it listens; one
 * that is handed its connections never does.
 */
function startChecks(server: Server): void {
  server.emit('listening')
}

function keepWhileOpen(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket)
  socket.once('close', () => sockets.delete(socket))
}

/**
 * Binds a server to an address.
 *
 * @returns the port it got.
 * @faults `address-unavailable` - in use, not ours, or not allowed.
 */
export async function bindServer(
  server: NetServer,
  where: { readonly host: string; readonly port: number },
): Promise<Result<number, AddressUnavailable>> {
  const { host, port } = where
  try {
    await listen(server, where)
  } catch (error) {
    if (!isAddressError(error)) throw error
    const message = `Port ${port} of ${host} cannot be bound: ${error.message}. Choose another one.`
    return fail({ kind: 'address-unavailable', message })
  }
  return ok((server.address() as AddressInfo).port)
}

/** Hands requests to `handler` from now on. */
export function serveOn(listener: Listener, handler: RequestListener): void {
  listener.server.off('request', answerNotYet)
  listener.server.on('request', handler)
}

function credentialsOf(tls: TlsCredentials): {
  readonly cert: string
  readonly key: string
  readonly minVersion: 'TLSv1.2'
} {
  return { cert: tls.certificate, key: tls.privateKey, minVersion: 'TLSv1.2' }
}

const answerNotYet: RequestListener = (_request, response) => {
  const { status, headers, body } = replyToFault({ kind: 'server-busy' })
  const content = { 'content-type': 'application/json; charset=utf-8', connection: 'close' }
  response.writeHead(status, { ...headers, ...content }).end(JSON.stringify(body))
}

function listen(
  server: NetServer,
  where: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: where.host, port: where.port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

const addressErrors = ['EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES', 'ENOTFOUND', 'EAI_AGAIN']

function isAddressError(error: unknown): error is NodeJS.ErrnoException {
  return (
    error instanceof Error && addressErrors.includes((error as NodeJS.ErrnoException).code ?? '')
  )
}

/** How long nothing must have arrived before a listener is closed, in milliseconds. */
const quietMs = 50

/**
 * Gives the means to wait until nothing arrives any more.
 *
 * A connection that was accepted this moment may have its request in the kernel still, and others
 * may stand in the queue before it. Closing then would reset them, where an answer of 503 tells
 * their clients to come again.
 */
function trackArrivals(server: Server): (timeoutMs: number) => Promise<void> {
  let lastAt = performance.now()
  const note = () => {
    lastAt = performance.now()
  }
  server.on('connection', note)
  server.on('request', note)
  return async (timeoutMs) => {
    const deadlineAt = performance.now() + timeoutMs
    note()
    for (;;) {
      const now = performance.now()
      const waitMs = Math.min(lastAt + quietMs, deadlineAt) - now
      if (waitMs <= 0) return
      await delay(waitMs)
    }
  }
}

/**
 * Keeps the connections on which no request has come yet, and gives the means to cut them. To Node
 * they are not idle: those that browsers and proxies open in advance would hold up every stop for
 * its whole limit, and one without a TLS handshake longer than that.
 */
function trackUnused(server: Server): () => void {
  const unused = new Set<Socket>()
  const handshaking = new Map<string, Socket>()
  const add = (socket: Socket) => keepWhileOpen(unused, socket)
  const isTls = server instanceof TlsServer
  server.on(isTls ? 'secureConnection' : 'connection', add)
  server.on('request', ({ socket }) => unused.delete(socket))
  if (isTls) {
    const nameOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`
    server.on('connection', (socket: Socket) => {
      const name = nameOf(socket)
      handshaking.set(name, socket)
      socket.once('close', () => handshaking.delete(name))
    })
    server.on('secureConnection', (socket: Socket) => handshaking.delete(nameOf(socket)))
  }
  return () => {
    for (const socket of [...unused, ...handshaking.values()]) socket.destroy()
  }
}

/** A server waits for the connections that it accepted, and knows of none that it was handed. */
async function closeServer(
  server: Server,
  taken: ReadonlySet<Socket>,
  timeoutMs: number,
): Promise<void> {
  const timer = setTimeout(() => {
    server.closeAllConnections()
    for (const socket of taken) socket.destroy()
  }, timeoutMs)
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  await closed
  await Promise.all(
    [...taken].map((socket) => new Promise((resolve) => socket.once('close', resolve))),
  )
  clearTimeout(timer)
}
