/**
 * A worker: one of the processes that serve under a primary. It is a server like any other, a node
 * with a lease and a small pool of its own, except that the primary holds the data directory, the
 * embedded database and the management port, and tells it when to end.
 */
import type { Socket } from 'node:net'
import { bannerText } from './admin/banner.ts'
import type { DatabaseAddress } from './database/connect.ts'
import type { MetricReading } from './foundation/metrics.ts'
import type { Settings } from './foundation/settings.ts'
import type { Listener } from './http/listener.ts'
import { type Parley, type ParleyOptions, startParley } from './parley.ts'

/** Which of the listeners a connection came to. */
export type Scheme = Listener['scheme']

/** What a primary tells a worker. The master key takes this way: no look at a process shows it. */
export type ToWorker =
  | { readonly kind: 'start'; readonly settings: Settings; readonly address: DatabaseAddress }
  | { readonly kind: 'look'; readonly number: number }
  /** With a socket, unless whoever had come has gone. */
  | { readonly kind: 'connection'; readonly number: number; readonly scheme: Scheme }
  | { readonly kind: 'stop' }

/** What a worker tells its primary. */
export type FromWorker =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'serving'; readonly banner: string }
  /** Sent before anything is read from it. */
  | { readonly kind: 'taken'; readonly number: number }
  /** One that was taken is closed. */
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly message: string }
  | ({ readonly kind: 'seen'; readonly number: number } & WorkerLook)

/** How a worker is. */
export interface WorkerLook {
  readonly isReady: boolean
  readonly metrics: readonly MetricReading[]
}

/** The channel to the primary, and the end of the process. */
export interface WorkerProcess {
  readonly tell: (message: FromWorker) => void
  readonly onMessage: (listener: (message: ToWorker, socket?: Socket) => void) => void
  /** The primary has gone. */
  readonly onDisconnect: (listener: () => void) => void
  readonly end: (exitCode: number) => void
}

/** Serves from when the primary says so until it says otherwise, or is there no more. */
export function work(
  options: Omit<ParleyOptions, 'settings' | 'heldDatabase'>,
  { tell, onMessage, onDisconnect, end }: WorkerProcess,
): void {
  let parley: Parley | undefined
  let isStopping = false
  const stop = async (exitCode: number) => {
    if (isStopping) return
    isStopping = true
    await parley?.stop()
    end(exitCode)
  }
  const start = async (settings: Settings, heldDatabase: DatabaseAddress) => {
    const started = await startParley({ ...options, settings, heldDatabase })
    if (!started.ok) {
      tell({ kind: 'failed', message: started.fault.message })
      return
    }
    parley = started.value
    parley.failed.then(() => stop(1))
    const banner = bannerText(await parley.openReachable(), parley.environmentFile)
    tell({ kind: 'serving', banner })
  }
  const look = async (number: number) => {
    const isReady = (await parley?.isReady()) ?? false
    tell({ kind: 'seen', number, isReady, metrics: (await parley?.readMetrics()) ?? [] })
  }
  const take = (scheme: Scheme, socket: Socket) => {
    const serve = parley?.takers[scheme]
    if (serve === undefined) socket.destroy()
    else serve(socket)
  }
  onDisconnect(() => stop(1))
  onMessage((message, socket) => {
    if (message.kind === 'connection') {
      // First: who has not heard of it by the time this process dies gives it to another one.
      tell({ kind: 'taken', number: message.number })
      const finish = () => tell({ kind: 'finished' })
      if (socket === undefined) return finish()
      socket.once('close', finish)
      take(message.scheme, socket)
    } else if (message.kind === 'start') void start(message.settings, message.address)
    else if (message.kind === 'look') void look(message.number)
    else void stop(0)
  })
  tell({ kind: 'waiting' })
}
