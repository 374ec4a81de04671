/**
 * The composition root: the only place that knows every room. Read it to see what a server is made
 * of, and in which order it starts and stops.
 */
import { randomUUID } from 'node:crypto'
import { ok, type Result } from '@parley/protocol'
import { writeEnvironmentFile } from './admin/environment-file.ts'
import {
  type Installation,
  insertResourceWithKeys,
  openInstallation,
} from './admin/installation.ts'
import { openManagement } from './admin/management.ts'
import {
  connectionStrings,
  endpointOf,
  type Reachable,
  reachableAt,
  type SlotTexts,
} from './admin/reachable.ts'
import { assemble } from './assembly.ts'
import { serverLimits } from './contract/limits.ts'
import { isDatabaseAnswering } from './database/availability.ts'
import type { Database } from './database/connect.ts'
import { claimDataDirectory } from './database/data-directory.ts'
import { type HostFacts, type OpenDatabase, openDatabase } from './database/open.ts'
import { dropExpiredTokenPartitions, makeRoomForTokens } from './database/partitions.ts'
import { appendChanges, deleteForgottenEvents, findLastSeq } from './events/store.ts'
import type { OpenLog } from './foundation/log.ts'
import { loadMasterKey } from './foundation/master-key.ts'
import type { Platform } from './foundation/platform.ts'
import { startRecurringWork, type Task } from './foundation/recurring-work.ts'
import { createSealer, type Sealer } from './foundation/seal.ts'
import type { Settings } from './foundation/settings.ts'
import { serveApp } from './http/app.ts'
import { bindListener, type Listener } from './http/listener.ts'
import { routesOf } from './http/routes.ts'
import { openAccessKey } from './keys/model.ts'
import { findAccessKeys } from './keys/store.ts'
import { createNode, type Node } from './nodes/node.ts'
import { firstResource, type Resource } from './resources/model.ts'
import { openTls } from './tls/open.ts'

/** What a server is started with. */
export interface ParleyOptions {
  readonly settings: Settings
  readonly platform: Platform
  readonly log: OpenLog
  readonly host: HostFacts
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
  readonly reachable: Reachable
  /** Path of `parley.env`. */
  readonly environmentFile: string
  readonly managementPort: number | undefined
  /** Creates a resource with its keys; the server accepts them at once. */
  readonly createResource: (name: string) => Promise<CreatedResource>
  /** Answers what is in flight, then closes everything. */
  readonly stop: () => Promise<void>
  /** Settles when the server cannot go on, with the reason; otherwise never. */
  readonly failed: Promise<unknown>
}

/** A resource and how its owner reaches it. */
export interface CreatedResource {
  readonly resource: Resource
  readonly connectionString: string
  readonly secondaryConnectionString: string
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
  const { settings, platform, host } = options
  const claim = await claimDataDirectory(settings.dataDir, host.platform)
  if (!claim.ok) return claim
  closers.push(() => claim.value.release())
  const dataDir = claim.value.directory
  const masterKey = await loadMasterKey({ configured: settings.masterKey, dataDir, platform })
  if (!masterKey.ok) return masterKey
  // Making a certificate and making a database take about as long: a first start does both at once.
  const [bound, opened] = await Promise.all([
    bindListeners({ ...options, dataDir }, closers),
    openDatabase({
      databaseUrl: settings.databaseUrl,
      dataDir,
      platform,
      log: options.log.log,
      host,
    }),
  ])
  if (opened.ok) closers.push(() => opened.value.close())
  if (!bound.ok) return bound
  if (!opened.ok) return opened
  const sealer = createSealer(masterKey.value, platform)
  const { signingAlgorithm } = settings
  const { db, address } = opened.value
  // Before anything is read into memory: whatever changes from here on is followed.
  const startSeq = await findLastSeq(db)
  const node = createNode({ address, db, platform, log: options.log.log, startSeq })
  const installation = await openInstallation({ db, platform, sealer, signingAlgorithm })
  if (!installation.ok) return installation
  return serve({
    ...options,
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
  options: ParleyOptions & { readonly dataDir: string },
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
  const https = await bindListener({ host, port: httpsPort, tls: tls.value })
  if (!https.ok) return https
  closers.push(() => https.value.close(stopTimeoutMs))
  const { caFile } = tls.value
  if (httpPort === undefined) return ok({ https: https.value, http: undefined, caFile })
  const http = await bindListener({ host: '127.0.0.1', port: httpPort })
  if (!http.ok) return http
  closers.push(() => http.value.close(stopTimeoutMs))
  return ok({ https: https.value, http: http.value, caFile })
}

/** The names that a development certificate has to stand for, beside those of this machine. */
function certifiedHosts(settings: Settings): readonly string[] {
  const { publicHosts, domain } = settings
  const hosts = domain === undefined ? publicHosts : [...publicHosts, domain, `*.${domain}`]
  return hosts.map((host) => host.replace(/:[0-9]+$/, ''))
}

/** Everything that was opened before the rooms are built. */
interface Opened extends ParleyOptions {
  readonly dataDir: string
  readonly closers: Closers
  readonly database: OpenDatabase
  readonly node: Node
  readonly bound: BoundListeners
  readonly installation: Installation
  readonly sealer: Sealer
}

async function serve(opened: Opened): Promise<Result<Started, StartFault>> {
  const { settings, platform, closers, bound, installation, log, sealer, node } = opened
  const { db, failed } = opened.database
  const { publicHosts, host } = settings
  const endpoint = endpointOf({ publicHosts, host, port: bound.https.port })
  const houseKeeping = await startRecurringWork({
    tasks: houseKeepingTasks(db, platform.now),
    intervalMs: serverLimits.houseKeepingIntervalMs,
    log: log.log,
  })
  closers.push(() => houseKeeping.stop())
  const assembly = await assemble({ ...opened, db, endpoint })
  const { pipeline, operations, metrics } = assembly
  closers.push(() => node.close())
  const joined = await node.start()
  if (!joined.ok) return joined
  const routes = routesOf(operations)
  for (const listener of [bound.https, bound.http]) {
    if (listener === undefined) continue
    await serveApp({ listener, routes, pipeline, newRequestId: randomUUID })
  }
  let isStopping = false
  const isReady = async () => !isStopping && node.isCurrent() && isDatabaseAnswering(db)
  const { managementPort: port } = settings
  const opening =
    port === undefined ? ok(undefined) : await openManagement({ port, metrics, isReady })
  if (!opening.ok) return opening
  const management = opening.value
  if (management !== undefined) closers.push(() => management.close())
  closers.push(async () => {
    isStopping = true
    const isDrained = await pipeline.drain(settings.stopTimeoutMs)
    if (!isDrained) log.log.warn({}, 'requests in flight were cut at the stop')
  })
  const { caFile } = bound
  const { domain } = settings
  const keys = await slotTexts(db, installation.resources[0]?.resourceId ?? '', sealer)
  const httpPort = bound.http?.port
  const reachable = reachableAt(endpoint, { installation, domain, keys, caFile, httpPort })
  return ok({
    endpoint,
    reachable,
    environmentFile: await writeEnvironmentFile(opened.dataDir, reachable),
    managementPort: management?.port,
    failed,
    createResource: async (name) => {
      const { subscriptionId } = reachable
      const asked = { ...firstResource, name, subscriptionId }
      const { resource, events } = await db.begin(async (transaction) => {
        const world = { db: transaction, platform, sealer }
        const { resource } = await insertResourceWithKeys(world, asked)
        const resourceIds = [resource.resourceId]
        const changed = { kind: 'resource-changed', resourceIds, atMs: platform.now() } as const
        return { resource, events: await appendChanges(transaction, changed) }
      })
      await node.feed.publish(events)
      const { resourceId } = resource
      const keys = await slotTexts(db, resourceId, sealer)
      return { resource, ...connectionStrings(endpoint, keys) }
    },
  })
}

/** The keys of a resource in the clear, for whoever is told them. */
async function slotTexts(db: Database, resourceId: string, sealer: Sealer): Promise<SlotTexts> {
  const texts = { primary: '', secondary: '' }
  for (const { current } of await findAccessKeys(db, resourceId)) {
    texts[current.slot] = openAccessKey(current, sealer)?.toString('base64') ?? ''
  }
  return texts
}

/**
 * Ledger rows reach 24 hours ahead and partitions 48, so a day of failed rounds passes before
 * anything suffers.
 */
function houseKeepingTasks(db: Database, now: () => number): readonly Task[] {
  return [
    { name: 'make room in the ledger', run: () => makeRoomForTokens(db, now()) },
    { name: 'drop expired tokens', run: () => dropExpiredTokenPartitions(db, now()) },
    { name: 'forget events', run: () => deleteForgottenEvents(db, now()) },
  ]
}
