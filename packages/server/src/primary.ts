/**
 * The primary of several workers on one machine. It answers nothing itself: it claims the data
 * directory, binds the ports, starts the database, makes what a first start makes, and hands on
 * where that is. What comes to its ports it deals out; each worker is a node of its own, and one
 * that dies is replaced.
 */
import type { Socket } from 'node:net'
import { ok, type Result } from '@parley/protocol'
import { openInstallation } from './admin/installation.ts'
import { openManagement } from './admin/management.ts'
import { rotateMasterKey } from './admin/master-key-rotation.ts'
import { type Crew, createCrew, type Fork } from './crew.ts'
import { claimDataDirectory } from './database/data-directory.ts'
import { openDatabase } from './database/open.ts'
import { openSealers } from './foundation/master-key.ts'
import { metricsContentType, printReadings } from './foundation/metrics.ts'
import type { Settings } from './foundation/settings.ts'
import { bindAcceptor } from './http/acceptor.ts'
import { certifiedHosts, type ParleyOptions, type StartFault } from './parley.ts'
import { openTls } from './tls/open.ts'
import { signingTermsOf } from './tokens/signing-key-rotation.ts'
import type { Scheme } from './worker.ts'

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
  fork: Fork,
): Promise<Result<Primary, StartFault>> {
  const closers: Closers = []
  const closeAll = async () => {
    for (const close of closers.reverse()) await close()
  }
  try {
    const started = await start(options, { fork, closers })
    if (!started.ok) await closeAll()
    return started.ok ? ok({ ...started.value, stop: closeAll }) : started
  } catch (error) {
    await closeAll()
    throw error
  }
}

async function start(
  options: ParleyOptions,
  { fork, closers }: { readonly fork: Fork; readonly closers: Closers },
): Promise<Result<Omit<Primary, 'stop'>, StartFault>> {
  const crew = createCrew(fork, options.log.log)
  const ports = await accept(options.settings, crew, closers)
  closers.push(async () => crew.close())
  if (!ports.ok) return ports
  const held = await hold(options, closers)
  if (!held.ok) return held
  const { address, failed, dataDir } = held.value
  const former = { masterKeyFormer: undefined, managementPort: undefined }
  const settings = { ...options.settings, ...former, ...ports.value, dataDir }
  closers.push(() => crew.stop())
  const banner = await crew.start(settings.workersCount, { settings, address })
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
      return looks.length === settings.workersCount && looks.every(({ isReady }) => isReady)
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

/** Binds the ports for clients, so that they are known before there is a worker, and stay. */
async function accept(
  settings: Settings,
  crew: Crew,
  closers: Closers,
): Promise<Result<Pick<Settings, 'httpsPort' | 'httpPort'>, StartFault>> {
  const bind = async (scheme: Scheme, host: string, port: number) => {
    const onConnection = (socket: Socket) => crew.hand(scheme, socket)
    const bound = await bindAcceptor({ host, port, onConnection })
    if (bound.ok) closers.push(() => bound.value.close())
    return bound
  }
  const https = await bind('https', settings.host, settings.httpsPort)
  if (!https.ok) return https
  if (settings.httpPort === undefined) {
    return ok({ httpsPort: https.value.port, httpPort: undefined })
  }
  const http = await bind('http', '127.0.0.1', settings.httpPort)
  return http.ok ? ok({ httpsPort: https.value.port, httpPort: http.value.port }) : http
}
