/**
 * The rooms of a server and what they share, built from what was opened before them.
 */
import { createVerifier, type SyncVerifier } from '@parley/verifier/node'
import type { Installation } from './admin/installation.ts'
import { endpointFor as endpointIn } from './admin/reachable.ts'
import type { ControlPlane } from './arm/control-plane.ts'
import { createAuthenticator } from './authentication/authenticator.ts'
import type { CheckBearer } from './authentication/bearer.ts'
import type { Fetch } from './authentication/issuer-documents.ts'
import { createBearerCheck } from './authentication/trusted-issuers.ts'
import { startCarrier } from './carrying.ts'
import type { PublishNotices } from './chat/notices.ts'
import { publishNotices } from './chat/realtime/store.ts'
import { serverLimits } from './contract/limits.ts'
import type { Operation } from './contract/operation.ts'
import type { Database, DatabaseAddress } from './database/connect.ts'
import type { Feed } from './events/feed.ts'
import { closingAfter, createOpenings } from './events/openings.ts'
import type { OpenLog } from './foundation/log.ts'
import { createMetrics, type Metrics } from './foundation/metrics.ts'
import { createOneAtATime } from './foundation/one-at-a-time.ts'
import type { Platform } from './foundation/platform.ts'
import type { Sealer } from './foundation/seal.ts'
import type { Settings } from './foundation/settings.ts'
import { type Cors, type CorsWorld, createCors } from './http/cors.ts'
import { createPipeline, type Pipeline } from './http/pipeline.ts'
import { followResources } from './keys/following.ts'
import { createKeyRing, type KeyRing } from './keys/key-ring.ts'
import { decoyKeys } from './keys/model.ts'
import { createOverlapWatch, type OverlapWatch } from './keys/overlaps.ts'
import type { OpenNode } from './nodes/open.ts'
import { operationsOf } from './operations.ts'
import { purgeSteps } from './purge-steps.ts'
import type { CorsDefaults } from './resources/cors.ts'
import { createResourceDirectory, type ResourceDirectory } from './resources/directory.ts'
import { type Purger, startPurger } from './resources/purge.ts'
import { purgeNumbers } from './resources/purge-numbers.ts'
import { type Canary, startCanary } from './revocations/canary.ts'
import { credentialKeyOf } from './revocations/credential-model.ts'
import { createCredentialCheck } from './revocations/credentials.ts'
import { createRevocationStreams, type RevocationStreams } from './revocations/streams.ts'
import { createSockets, type Sockets } from './sockets.ts'
import { followCutOffs, loadCutOffs } from './tokens/cut-offs.ts'
import type { SigningKeyRing } from './tokens/signing-key-ring.ts'
import { followSigningKeys, type SigningKeyRotation } from './tokens/signing-key-rotation.ts'

/** What rooms are built from. */
export interface AssemblyWorld {
  readonly settings: Settings
  readonly platform: Platform
  readonly log: OpenLog
  readonly db: Database
  readonly address: DatabaseAddress
  readonly node: OpenNode
  readonly sealer: Sealer
  readonly installation: Installation
  /** The signing keys, and what changes them. */
  readonly ring: SigningKeyRing
  readonly rotation: SigningKeyRotation
  /** The https endpoint with a slash at its end. */
  readonly endpoint: string
  readonly fetch: Fetch
}

/** The rooms, and what they share. */
export interface Assembly {
  readonly pipeline: Pipeline
  readonly cors: Cors
  readonly operations: readonly Operation[]
  readonly metrics: Metrics
  readonly keyRing: KeyRing
  readonly overlaps: OverlapWatch
  readonly controlPlane: ControlPlane
  readonly verifier: SyncVerifier
  readonly issuer: string
  /** To be stopped before the database is closed. */
  readonly purger: Purger
  /** To be closed after the last request was answered. */
  readonly streams: RevocationStreams
  readonly sockets: Sockets
  /** How participants of chat are told what happens. */
  readonly publish: PublishNotices
}

/** Builds the rooms. */
export async function assemble(world: AssemblyWorld): Promise<Assembly> {
  const { settings, platform, installation, db, node, sealer, endpoint, ring, rotation } = world
  const issuer = settings.issuer ?? endpoint.slice(0, -1)
  const keyRing = createKeyRing(installation)
  const resources = createResourceDirectory()
  for (const resource of installation.resources) resources.put(resource)
  const { feed, isCurrent, memory } = node
  const verifier = verifierOf(world, issuer)
  const openings = createOpenings()
  feed.follow(closingAfter(followResources({ memory, sealer, resources, keyRing }), openings))
  feed.follow(followSigningKeys(rotation))
  await loadCutOffs(db, verifier, platform.now())
  const metrics = createMetrics()
  metrics.watch(node.watched)
  startCarrier({ ...world, metrics, resources })
  const streams = createRevocationStreams({ ...platform, db, feed, openings, ring, isCurrent })
  const purger = openPurger(world, { metrics, feed })
  const checkBearer = bearerCheckOf(world)
  const { cors, corsDefaults } = corsOf(settings, resources)
  const { overlaps, controlPlane } = controlPlaneOf(world, { feed, resources })
  const { endpointFor } = controlPlane
  const sockets = createSockets({ ...world, openings, verifier, resources, endpointFor, metrics })
  return {
    operations: operationsOf({
      ...world,
      feed,
      verifier,
      customIdKey: installation.customIdKey,
      issuer,
      keyRing,
      resources,
      checkBearer,
      endpointFor,
      controlPlane,
      streams,
      credentialKey: credentialKeyOf(installation.customIdKey),
      corsDefaults,
      log: world.log.log,
      ...sockets,
      publish: publishNotices,
    }),
    pipeline: pipelineOf(world, { metrics, keyRing, resources, checkBearer, verifier, cors }),
    cors,
    metrics,
    keyRing,
    overlaps,
    controlPlane,
    purger,
    streams,
    sockets,
    publish: publishNotices,
    verifier,
    issuer,
  }
}

/** Starts the canary, where it is on. The node has joined the others by now. */
export async function openCanary(
  { settings, db, platform, log, node, ring }: AssemblyWorld,
  { verifier, issuer, metrics }: Assembly,
): Promise<Canary | undefined> {
  if (!settings.hasCanary) return undefined
  const shared = { db, platform, log: log.log, node, verifier, issuer }
  const canary = await startCanary({ ...shared, sign: ring.sign })
  metrics.watch(canary.watched)
  return canary
}

function pipelineOf(
  world: AssemblyWorld,
  parts: {
    readonly metrics: Metrics
    readonly keyRing: KeyRing
    readonly resources: ResourceDirectory
    readonly checkBearer: CheckBearer
    readonly verifier: SyncVerifier
    readonly cors: Cors
  },
): Pipeline {
  const { settings, platform, node, log, installation, db } = world
  const { showsRefusalReasons } = settings
  const { metrics, cors, ...known } = parts
  return createPipeline({
    platform,
    node,
    log: log.log,
    logRequests: log.logRequests,
    metrics,
    authenticate: createAuthenticator({
      ...known,
      ...hostsOf(settings),
      decoyKeys: decoyKeys(platform.randomBytes),
      isAdminToken: installation.isAdminToken,
      checkCredential: createCredentialCheck({
        db,
        feed: node.feed,
        key: credentialKeyOf(installation.customIdKey),
      }),
    }),
    showsRefusalReasons,
    cors,
  })
}

function corsOf(
  settings: Settings,
  resources: ResourceDirectory,
): { readonly cors: Cors; readonly corsDefaults: CorsDefaults } {
  const corsDefaults = { userOrigins: settings.corsOrigins, ownerOrigins: [] }
  const cors = createCors({ ...hostsOf(settings), resources, defaults: corsDefaults })
  return { cors, corsDefaults }
}

/** By what a host name is judged; no name in a request's `Host` is compared with a port. */
function hostsOf({ domain, publicHosts }: Settings): Pick<CorsWorld, 'domain' | 'publicHosts'> {
  return { domain: domain?.replace(/:[0-9]+$/, ''), publicHosts }
}

/** The verifier of this process, told of signing keys and cut-offs as they change. */
function verifierOf({ ring, platform, node }: AssemblyWorld, issuer: string): SyncVerifier {
  const verifier = createVerifier({
    keys: { keys: ring.published() },
    issuer,
    seenTokensMax: serverLimits.seenTokensMax,
    now: platform.now,
  })
  ring.follow((keys) => verifier.replaceKeys({ keys }))
  const reload = () => loadCutOffs(node.memory(), verifier, platform.now())
  node.feed.follow(followCutOffs(verifier, reload))
  return verifier
}

/** The purge of deleted resources, which the cut-off of each wakes. */
function openPurger(
  { db, platform, log }: AssemblyWorld,
  { metrics, feed }: { readonly metrics: Metrics; readonly feed: Feed },
): Purger {
  const { now, newGuid } = platform
  const { answeredCount } = metrics
  const purger = startPurger({ db, steps: purgeSteps, now, newGuid, log: log.log, answeredCount })
  metrics.watch(purgeNumbers(purger.totals))
  feed.follow({
    apply: ({ kind }) => {
      if (kind === 'resource') purger.wake()
      return undefined
    },
  })
  return purger
}

/** The control plane, and the watch that it tells of overlaps. */
function controlPlaneOf(
  world: AssemblyWorld,
  memory: Pick<ControlPlane, 'feed' | 'resources'>,
): Pick<Assembly, 'overlaps' | 'controlPlane'> {
  const { settings, db, platform, sealer, endpoint, log } = world
  const { domain } = settings
  const oneAtATime = createOneAtATime(serverLimits.changesWaitingMax)
  const shared = { ...memory, db, platform, oneAtATime }
  const overlaps = createOverlapWatch({ ...shared, log: log.log })
  const controlPlane = {
    ...shared,
    sealer,
    endpoint,
    endpointFor: (name: string) => endpointIn(name, { domain, endpoint }),
    noteOverlapEnd: overlaps.note,
  }
  return { overlaps, controlPlane }
}

function bearerCheckOf({ settings, fetch, platform, log }: AssemblyWorld): CheckBearer {
  const { trustedIssuers } = settings
  return createBearerCheck({ trustedIssuers, fetch, now: platform.now, log: log.log })
}
