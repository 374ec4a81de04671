/**
 * The composition root: the only place that knows every room. Read it to see what a server is made
 * of, and in which order it starts and stops.
 */
import { randomUUID } from 'node:crypto'
import { ok, type Result } from '@parley/protocol'
import { type CreatedResource, createNamedResource } from './admin/created-resource.ts'
import { writeEnvironmentFile } from './admin/environment-file.ts'
import { type Installation, openInstallation } from './admin/installation.ts'
import { openManagement } from './admin/management.ts'
import { rotateMasterKey } from './admin/master-key-rotation.ts'
import { endpointOf, type Reachable } from './admin/reachable.ts'
import { reachableOpener } from './admin/reachable-opener.ts'
import { assemble, openCanary } from './assembly.ts'
import { isDatabaseAnswering } from './database/availability.ts'
import type { DatabaseAddress } from './database/connect.ts'
import { claimDataDirectory } from './database/data-directory.ts'
import { type HostFacts, type OpenDatabase, openDatabase } from './database/open.ts'
import type { OpenLog } from './foundation/log.ts'
import { openSealers } from './foundation/master-key.ts'
import type { MetricReading } from './foundation/metrics.ts'
import { natsPlaceOf } from './foundation/nats-place.ts'
import type { Platform } from './foundation/platform.ts'
import type { Sealer } from './foundation/seal.ts'
import type { Settings } from './foundation/settings.ts'
import { startHouseKeeping } from './house-keeping.ts'
import { type AppOptions, serveApp } from './http/app.ts'
import { bindListener, type Listener } from './http/listener.ts'
import { limitRates } from './http/rates.ts'
import { routesOf } from './http/routes.ts'
import { type OpenNode, openNode } from './nodes/open.ts'
import { startWork } from './recurring.ts'
import { openTls } from './tls/open.ts'
import { createSigningKeyRing } from './tokens/signing-key-ring.ts'
import { createSigningKeyRotation, signingTermsOf } from './tokens/signing-key-rotation.ts'

/** What a server is started with. */
export interface ParleyOptions {
  readonly settings: Settings
  readonly platform: Platform
  readonly log: OpenLog
  readonly host: HostFacts
  /** How issuers are asked for their keys. */
  readonly fetch: typeof globalThis.fetch
  /** Where the database is that a primary holds, with the data directory, for this worker of it. */
  readonly heldDatabase?: DatabaseAddress
}

/** Why a server did not start; the message is for the person who started it. */
export interface StartFault {
  readonly kind: string
  readonly message: string
}

/** A running server. */
export interface Parley {
  /** The https endpoint with a slash at its end. */
  readonly endpoint: string
  /** Plain http on loopback, with a slash at its end; `undefined` where that listener is off. */
  readonly httpEndpoint: string | undefined
  /** Opens what programs need to find and use the server. It holds secrets: do not keep it. */
  readonly openReachable: () => Promise<Reachable>
  /** Path of `parley.env`. */
  readonly environmentFile: string
  readonly managementPort: number | undefined
  /** What `/readyz` and `/metrics` say. */
  readonly isReady: () => Promise<boolean>
  readonly readMetrics: () => Promise<readonly MetricReading[]>
  /** Serve a connection that a primary has accepted. */
  readonly takers: Readonly<Record<Listener['scheme'], Listener['take'] | undefined>>
  /** Creates a resource with its keys; the server accepts them at once. */
  readonly createResource: (name: string) => Promise<CreatedResource>
  /** Does a round of the house-keeping that is done every ten minutes anyway. */
  readonly keepHouse: () => Promise<void>
  /** Answers what is in flight, then closes everything. */
  readonly stop: () => Promise<void>
  /** Settles when the server cannot go on, with the reason; otherwise never. */
  readonly failed: Promise<unknown>
}

/** What is undone at a stop, the last first. */
type Closers = (() => Promise<void>)[]

/**
 * Starts a server.
 *
 * @faults those of its parts, each with a message that says what to do.
 */
export async function startParley(options: ParleyOptions): Promise<Result<Parley, StartFault>> {
  const closers: Closers = []
  const closeAll = async () => {
    for (const close of closers.reverse()) await close()
  }
  try {
    const started = await start(options, closers)
    if (!started.ok) await closeAll()
    return started.ok ? ok({ ...started.value, stop: closeAll }) : started
  } catch (error) {
    await closeAll()
    throw error
  }
}

type Started = Omit<Parley, 'stop'>

async function start(
  options: ParleyOptions,
  closers: Closers,
): Promise<Result<Started, StartFault>> {
  const { platform, host } = options
  const { dataDir: directory } = options.settings
  const claim =
    options.heldDatabase === undefined
      ? await claimDataDirectory(directory, host.platform)
      : ok({ directory, release: async () => undefined })
  if (!claim.ok) return claim
  closers.push(() => claim.value.release())
  const dataDir = claim.value.directory
  const opening = await openSealers({ ...options.settings, dataDir, platform })
  if (!opening.ok) return opening
  const { sealer, formerSealer } = opening.value
  // From here on nobody holds the text of a master key.
  const settings = { ...options.settings, masterKey: undefined, masterKeyFormer: undefined }
  // Making a certificate and making a database take about as long: a first start does both at once.
  const [bound, opened] = await Promise.all([
    bindListeners({ ...options, settings, dataDir }, closers),
    openDatabase({
      databaseUrl: settings.databaseUrl,
      heldDatabase: options.heldDatabase,
      dataDir,
      platform,
      log: options.log.log,
      host,
    }),
  ])
  if (opened.ok) closers.push(() => opened.value.close())
  if (!bound.ok) return bound
  if (!opened.ok) return opened
  const { db, address } = opened.value
  const { log } = options.log
  if (formerSealer !== undefined) {
    const rotated = await rotateMasterKey({ db, platform, sealer, formerSealer, log })
    if (!rotated.ok) return rotated
  }
  // Before anything is read into memory: whatever changes from here on is followed.
  const nats = natsPlaceOf(settings)
  const node = await openNode({ db, address, platform, log, nats })
  closers.push(async () => node.carrier?.close())
  const keyWorld = { db, platform, sealer, ...signingTermsOf(settings) }
  const installation = await openInstallation(keyWorld)
  if (!installation.ok) return installation
  return serve({
    ...options,
    settings,
    dataDir,
    closers,
    database: opened.value,
    node,
    bound: bound.value,
    installation: installation.value,
    sealer,
  })
}

/** The listeners for clients, and the file that vouches for the certificate. */
interface BoundListeners {
  readonly https: Listener
  readonly http: Listener | undefined
  readonly caFile: string | undefined
}

async function bindListeners(
  options: Pick<ParleyOptions, 'settings' | 'platform' | 'heldDatabase'> & {
    readonly dataDir: string
  },
  closers: Closers,
): Promise<Result<BoundListeners, StartFault>> {
  const { settings, platform, dataDir } = options
  const tls = await openTls({
    certificateFile: settings.tlsCertificate,
    keyFile: settings.tlsKey,
    dataDir,
    hostNames: certifiedHosts(settings),
    nowMs: platform.now(),
  })
  if (!tls.ok) return tls
  const { host, httpsPort, httpPort, stopTimeoutMs } = settings
  const isHanded = options.heldDatabase !== undefined
  const https = await bindListener({ host, port: httpsPort, tls: tls.value, isHanded })
  if (!https.ok) return https
  closers.push(() => https.value.close(stopTimeoutMs))
  const { caFile } = tls.value
  if (httpPort === undefined) return ok({ https: https.value, http: undefined, caFile })
  const http = await bindListener({ host: '127.0.0.1', port: httpPort, isHanded })
  if (!http.ok) return http
  closers.push(() => http.value.close(stopTimeoutMs))
  return ok({ https: https.value, http: http.value, caFile })
}

/** The names that a development certificate has to stand for, beside those of this machine. */
export function certifiedHosts(settings: Settings): readonly string[] {
  const { publicHosts, domain } = settings
  const hosts = domain === undefined ? publicHosts : [...publicHosts, domain, `*.${domain}`]
  return hosts.map((host) => host.replace(/:[0-9]+$/, ''))
}

/** Everything that was opened before the rooms are built. */
interface Opened extends ParleyOptions {
  readonly dataDir: string
  readonly closers: Closers
  readonly database: OpenDatabase
  readonly node: OpenNode
  readonly bound: BoundListeners
  readonly installation: Installation
  readonly sealer: Sealer
}

async function serve(opened: Opened): Promise<Result<Started, StartFault>> {
  const { settings, platform, closers, bound, installation, log, sealer, node } = opened
  const { db, address, failed } = opened.database
  const endpoint = endpointOf({ ...settings, port: bound.https.port })
  const ring = createSigningKeyRing(installation.signingKeys)
  const { feed, memory } = node
  const signing = { ring, ...signingTermsOf(settings) }
  const rotation = createSigningKeyRotation({ db, memory, feed, platform, sealer, ...signing })
  const world = { ...opened, db, address, endpoint, ring, rotation }
  const assembly = await assemble(world)
  const { pipeline, cors, operations, metrics, controlPlane, purger, streams, sockets } = assembly
  closers.push(() => purger.stop())
  closers.push(() => node.close())
  const joined = await node.start()
  if (!joined.ok) return joined
  const keeping = { now: platform.now, turnKeys: rotation.turn, log: log.log }
  const houseKeeping = await startHouseKeeping(db, keeping)
  closers.push(() => houseKeeping.stop())
  closers.push(...(await startWork({ ...assembly, ...platform, db, feed, log: log.log })))
  closers.push(...(await sockets.start([bound.https, bound.http])))
  const canary = await openCanary(world, assembly)
  closers.push(async () => canary?.stop())
  const nodeCount = () => node.standing().nodesCount
  const limited = limitRates(operations, { ...settings, ...platform, nodeCount })
  await serveOnAll(bound, { routes: routesOf(limited), pipeline, cors })
  let isStopping = false
  const isReady = async () =>
    !isStopping && node.isCurrent() && canary?.isWell() !== false && isDatabaseAnswering(db)
  const management = await openManagement({ port: settings.managementPort, metrics, isReady })
  if (!management.ok) return management
  closers.push(() => management.value.close())
  closers.push(async () => streams.close())
  closers.push(async () => {
    isStopping = true
    const drained = pipeline.drain(settings.stopTimeoutMs)
    const [isDrained] = await Promise.all([drained, sockets.close()])
    if (!isDrained) log.log.warn({}, 'requests in flight were cut at the stop')
  })
  const openReachable = reachableOpener(endpoint, {
    ...{ db, sealer, caFile: bound.caFile, httpPort: bound.http?.port },
    ...{ domain: settings.domain, installation },
  })
  return ok({
    endpoint,
    httpEndpoint: (await openReachable()).httpEndpoint,
    openReachable,
    environmentFile: await writeEnvironmentFile(opened.dataDir, await openReachable()),
    managementPort: management.value.port,
    isReady,
    readMetrics: metrics.read,
    takers: { https: bound.https.take, http: bound.http?.take },
    failed,
    keepHouse: houseKeeping.round,
    createResource: async (name) => {
      const { subscriptionId = '' } = installation
      const asked = { name, subscriptionId, atMs: platform.now() }
      return createNamedResource(controlPlane, asked)
    },
  })
}

async function serveOnAll(
  { https, http }: BoundListeners,
  served: Pick<AppOptions, 'routes' | 'pipeline' | 'cors'>,
): Promise<void> {
  for (const listener of [https, http]) {
    if (listener !== undefined) await serveApp({ listener, ...served, newRequestId: randomUUID })
  }
}
