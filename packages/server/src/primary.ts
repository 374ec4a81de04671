/**
 * The primary of several workers on one machine. It serves nothing itself: it claims the data
 * directory, starts the database, makes what a first start makes, and hands the address on. The
 * workers share its listeners, each is a node of its own, and one that dies is replaced.
 */
import type { Cluster, Worker } from 'node:cluster'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { ok, type Result } from '@parley/protocol'
import { openInstallation } from './admin/installation.ts'
import { openManagement } from './admin/management.ts'
import { rotateMasterKey } from './admin/master-key-rotation.ts'
import { serverLimits } from './contract/limits.ts'
import type { DatabaseAddress } from './database/connect.ts'
import { claimDataDirectory } from './database/data-directory.ts'
import { openDatabase } from './database/open.ts'
import { openSealers } from './foundation/master-key.ts'
import { metricsContentType, printReadings } from './foundation/metrics.ts'
import type { Settings } from './foundation/settings.ts'
import { bindServer } from './http/listener.ts'
import { certifiedHosts, type ParleyOptions, type StartFault } from './parley.ts'
import { openTls } from './tls/open.ts'
import { signingTermsOf } from './tokens/signing-key-rotation.ts'
import type { FromWorker, ToWorker, WorkerLook } from './worker.ts'

/** A running primary. */
export interface Primary {
  /** Opens what the start prints. It holds secrets: once, and nobody keeps it. */
  readonly openBanner: () => Promise<string>
  readonly stop: () => Promise<void>
  /** Settles when the database is lost for good; otherwise never. */
  readonly failed: Promise<unknown>
}

type Closers = (() => Promise<void>)[]

/**
 * Starts the primary and its workers.
 *
 * @faults those of a server.
 */
export async function startPrimary(
  options: ParleyOptions,
  cluster: Cluster,
): Promise<Result<Primary, StartFault>> {
  const closers: Closers = []
  const closeAll = async () => {
    for (const close of closers.reverse()) await close()
  }
  try {
    const started = await start(options, { cluster, closers })
    if (!started.ok) await closeAll()
    return started.ok ? ok({ ...started.value, stop: closeAll }) : started
  } catch (error) {
    await closeAll()
    throw error
  }
}

async function start(
  options: ParleyOptions,
  { cluster, closers }: { readonly cluster: Cluster; readonly closers: Closers },
): Promise<Result<Omit<Primary, 'stop'>, StartFault>> {
  const held = await hold(options, closers)
  if (!held.ok) return held
  const { address, failed, dataDir } = held.value
  const ports = await choosePorts(options.settings)
  if (!ports.ok) return ports
  const former = { masterKeyFormer: undefined, managementPort: undefined }
  const settings = { ...options.settings, ...former, ...ports.value, dataDir }
  const crew = createCrew(cluster, { settings, address, log: options.log.log })
  closers.push(() => crew.stop())
  const banner = await crew.start(settings.workersCount)
  if (!banner.ok) return banner
  const management = await openManagement({
    port: options.settings.managementPort,
    metrics: {
      contentType: metricsContentType,
      print: async () => {
        const looks = await crew.look()
        return printReadings(new Map([...looks].map(([worker, { metrics }]) => [worker, metrics])))
      },
    },
    isReady: async () => {
      const looks = [...(await crew.look()).values()]
      return looks.length > 0 && looks.every(({ isReady }) => isReady)
    },
  })
  if (!management.ok) return management
  closers.push(() => management.value.close())
  let text = banner.value
  const openBanner = async () => {
    const opened = text
    text = ''
    return opened
  }
  return ok({ openBanner, failed })
}

/** Claims the directory, opens the database, and makes all that workers would make together. */
async function hold(options: ParleyOptions, closers: Closers) {
  const { platform, host, settings } = options
  const { log } = options.log
  const claim = await claimDataDirectory(settings.dataDir, host.platform)
  if (!claim.ok) return claim
  closers.push(() => claim.value.release())
  const dataDir = claim.value.directory
  const opening = await openSealers({ ...settings, dataDir, platform })
  if (!opening.ok) return opening
  const { sealer, formerSealer } = opening.value
  const tls = await openTls({
    certificateFile: settings.tlsCertificate,
    keyFile: settings.tlsKey,
    dataDir,
    hostNames: certifiedHosts(settings),
    nowMs: platform.now(),
  })
  if (!tls.ok) return tls
  const { databaseUrl, workersCount } = settings
  const opened = await openDatabase({ databaseUrl, workersCount, dataDir, platform, log, host })
  if (!opened.ok) return opened
  closers.push(() => opened.value.close())
  const { db, address, failed } = opened.value
  if (formerSealer !== undefined) {
    const rotated = await rotateMasterKey({ db, platform, sealer, formerSealer, log })
    if (!rotated.ok) return rotated
  }
  const made = await openInstallation({ db, platform, sealer, ...signingTermsOf(settings) })
  return made.ok ? ok({ address, failed, dataDir }) : made
}

/** A port that may be any is chosen once, so that a worker that comes later has the same one. */
async function choosePorts(
  settings: Settings,
): Promise<Result<Pick<Settings, 'httpsPort' | 'httpPort'>, StartFault>> {
  const httpsPort = await freePort(settings.host, settings.httpsPort)
  if (!httpsPort.ok || settings.httpPort === undefined) {
    return httpsPort.ok ? ok({ httpsPort: httpsPort.value, httpPort: undefined }) : httpsPort
  }
  const httpPort = await freePort('127.0.0.1', settings.httpPort)
  return httpPort.ok ? ok({ httpsPort: httpsPort.value, httpPort: httpPort.value }) : httpPort
}

async function freePort(host: string, port: number): Promise<Result<number, StartFault>> {
  if (port !== 0) return ok(port)
  const server = createServer()
  const bound = await bindServer(server, { host, port })
  await new Promise((resolve) => server.close(resolve))
  return bound
}

/** The workers of a primary. */
interface Crew {
  /** Starts them; gives the banner when all serve. */
  readonly start: (count: number) => Promise<Result<string, StartFault>>
  /** Asks those that serve how they are; one that does not answer is not ready. */
  readonly look: () => Promise<ReadonlyMap<string, WorkerLook>>
  readonly stop: () => Promise<void>
}

interface CrewTerms {
  readonly settings: Settings
  readonly address: DatabaseAddress
  readonly log: ParleyOptions['log']['log']
}

function createCrew(cluster: Cluster, terms: CrewTerms): Crew {
  const { settings, address, log } = terms
  /** By the number in their label, which a replacement takes over. */
  const serving = new Map<string, Worker>()
  const gone: Promise<void>[] = []
  let isStopping = false
  const tell = (worker: Worker, message: ToWorker) => {
    // Whoever has died this moment is told nothing; its end comes as an event of its own.
    if (worker.isConnected()) worker.send(message, () => undefined)
  }
  const launch = (name: string): Promise<Result<string, StartFault>> => {
    const worker = cluster.fork()
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    gone.push(ended)
    worker.on('error', (error) => log.warn({ err: error, worker: name }, 'a worker was not told'))
    void ended.then(async () => {
      const hasServed = serving.get(name) === worker
      if (hasServed) serving.delete(name)
      if (isStopping || !hasServed) return
      log.warn({ worker: name }, 'a worker ended; another one takes its place')
      await relaunch(name)
    })
    return new Promise((resolve) => {
      const fail = (message: string) => {
        resolve({ ok: false, fault: { kind: 'worker-failed', message } })
        worker.kill()
      }
      worker.on('message', (message: FromWorker) => {
        if (message.kind === 'waiting') tell(worker, { kind: 'start', settings, address })
        if (message.kind === 'failed') fail(message.message)
        if (message.kind !== 'serving') return
        serving.set(name, worker)
        resolve(ok(message.banner))
      })
      void ended.then(() => fail('A worker ended while it was starting.'))
    })
  }
  const relaunch = async (name: string) => {
    while (!isStopping) {
      const launched = await launch(name)
      if (launched.ok) return
      log.error({ worker: name, why: launched.fault.message }, 'a worker could not be replaced')
      await delay(serverLimits.workerPauseMs)
    }
  }
  return {
    async start(count) {
      const names = Array.from({ length: count }, (_, index) => String(index + 1))
      const launched = await Promise.all(names.map(launch))
      return launched.find((one) => !one.ok) ?? launched[0] ?? ok('')
    },
    look: () => lookAt(serving, tell),
    async stop() {
      isStopping = true
      for (const worker of workersOf(cluster)) tell(worker, { kind: 'stop' })
      await Promise.all(gone)
    },
  }
}

function workersOf({ workers }: Cluster): readonly Worker[] {
  return Object.values(workers ?? {}).flatMap((worker) => worker ?? [])
}

let looksCount = 0

async function lookAt(
  serving: ReadonlyMap<string, Worker>,
  tell: (worker: Worker, message: ToWorker) => void,
): Promise<ReadonlyMap<string, WorkerLook>> {
  const looks = await Promise.all(
    [...serving].map(async ([name, worker]) => {
      looksCount += 1
      return [name, await askOne(worker, looksCount, tell)] as const
    }),
  )
  return new Map(looks)
}

function askOne(
  worker: Worker,
  number: number,
  tell: (worker: Worker, message: ToWorker) => void,
): Promise<WorkerLook> {
  return new Promise((resolve) => {
    const settle = (look: WorkerLook) => {
      clearTimeout(timer)
      worker.off('message', hear)
      resolve(look)
    }
    const hear = (message: FromWorker) => {
      if (message.kind === 'seen' && message.number === number) settle(message)
    }
    const timer = setTimeout(
      () => settle({ isReady: false, metrics: [] }),
      serverLimits.workerLookTimeoutMs,
    )
    worker.on('message', hear)
    tell(worker, { kind: 'look', number })
  })
}
