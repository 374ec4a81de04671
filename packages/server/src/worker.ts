/**
 * A worker: one of the processes that serve under a primary. It is a server like any other, a node
 * with a lease and a small pool of its own, except that the primary holds the data directory, the
 * embedded database and the management port, and tells it when to end.
 */
import { bannerText } from './admin/banner.ts'
import type { DatabaseAddress } from './database/connect.ts'
import type { MetricReading } from './foundation/metrics.ts'
import type { Settings } from './foundation/settings.ts'
import { type Parley, type ParleyOptions, startParley } from './parley.ts'

/** What a primary tells a worker. The master key takes this way: no look at a process shows it. */
export type ToWorker =
  | { readonly kind: 'start'; readonly settings: Settings; readonly address: DatabaseAddress }
  | { readonly kind: 'look'; readonly number: number }
  | { readonly kind: 'stop' }

/** What a worker tells its primary. */
export type FromWorker =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'serving'; readonly banner: string }
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
  readonly onMessage: (listener: (message: ToWorker) => void) => void
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
  onDisconnect(() => stop(1))
  onMessage((message) => {
    if (message.kind === 'start') void start(message.settings, message.address)
    else if (message.kind === 'look') void look(message.number)
    else void stop(0)
  })
  tell({ kind: 'waiting' })
}
