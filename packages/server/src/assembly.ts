/**
 * The rooms of a server and what they share, built from what was opened before them.
 */
import { createVerifier, type SyncVerifier } from '@parley/verifier/node'
import type { Installation } from './admin/installation.ts'
import { endpointFor } from './admin/reachable.ts'
import type { ControlPlane } from './arm/control-plane.ts'
import { createAuthenticator } from './authentication/authenticator.ts'
import type { CheckBearer } from './authentication/bearer.ts'
import type { Fetch } from './authentication/issuer-documents.ts'
import { createBearerCheck } from './authentication/trusted-issuers.ts'
import { serverLimits } from './contract/limits.ts'
import type { Operation } from './contract/operation.ts'
import type { Database } from './database/connect.ts'
import type { Feed } from './events/feed.ts'
import type { NatsCarrier } from './events/nats/nats-carrier.ts'
import { createOpenings, type Openings } from './events/openings.ts'
import { listEventsAfter } from './events/store.ts'
import type { Follower } from './events/tail.ts'
import type { OpenLog } from './foundation/log.ts'
import { createMetrics, type Metrics } from './foundation/metrics.ts'
import { createOneAtATime } from './foundation/one-at-a-time.ts'
import type { Platform } from './foundation/platform.ts'
import type { Sealer } from './foundation/seal.ts'
import type { Settings } from './foundation/settings.ts'
import { createPipeline, type Pipeline } from './http/pipeline.ts'
import { followResources } from './keys/following.ts'
import { createKeyRing, type KeyRing } from './keys/key-ring.ts'
import { type ActiveAccessKey, activeAccessKey } from './keys/model.ts'
import { createOverlapWatch, type OverlapWatch } from './keys/overlaps.ts'
import type { Node } from './nodes/node.ts'
import { operationsOf } from './operations.ts'
import { purgeSteps } from './purge-steps.ts'
import { createResourceDirectory, type ResourceDirectory } from './resources/directory.ts'
import { type Purger, startPurger } from './resources/purge.ts'
import { purgeNumbers } from './resources/purge-numbers.ts'
import { createRevocationStreams, type RevocationStreams } from './revocations/streams.ts'
import { followCutOffs, loadCutOffs } from './tokens/cut-offs.ts'
import type { SigningKeyRing } from './tokens/signing-key-ring.ts'
import { followSigningKeys, type SigningKeyRotation } from './tokens/signing-key-rotation.ts'

/** What rooms are built from. */
export interface AssemblyWorld {
  readonly settings: Settings
  readonly platform: Platform
  readonly log: OpenLog
  readonly db: Database
  readonly node: Node
  /** Carries events beside the database; `undefined` where nothing does. */
  readonly carrier: NatsCarrier | undefined
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
  readonly operations: readonly Operation[]
  readonly metrics: Metrics
  readonly keyRing: KeyRing
  readonly overlaps: OverlapWatch
  readonly controlPlane: ControlPlane
  /** To be stopped before the database is closed. */
  readonly purger: Purger
  /** To be closed after the last request was answered. */
  readonly streams: RevocationStreams
}

/** Builds the rooms. */
export async function assemble(world: AssemblyWorld): Promise<Assembly> {
  const { settings, platform, installation, db, node, sealer, endpoint } = world
  const { ring, rotation } = world
  const { customIdKey } = installation
  const issuer = settings.issuer ?? endpoint.slice(0, -1)
  const keyRing = filledKeyRing(installation)
  const resources = createResourceDirectory()
  for (const resource of installation.resources) resources.put(resource)
  const { feed } = node
  const verifier = verifierOf(world, issuer)
  const openings = createOpenings()
  feed.follow(closingAfter(followResources({ db, sealer, resources, keyRing }), openings))
  feed.follow(followSigningKeys(rotation))
  await loadCutOffs(db, verifier, platform.now())
  const metrics = createMetrics()
  const { isCurrent } = node
  startCarrier(world, { metrics, resources })
  const { monotonicNow } = platform
  const streams = createRevocationStreams({ db, feed, openings, ring, isCurrent, monotonicNow })
  const purger = openPurger(world, { metrics, feed })
  const checkBearer = bearerCheckOf(world)
  const { overlaps, controlPlane } = controlPlaneOf(world, { feed, resources })
  return {
    operations: operationsOf({
      db,
      platform,
      sealer,
      feed,
      node,
      verifier,
      ring,
      rotation,
      customIdKey,
      issuer,
      endpoint,
      keyRing,
      resources,
      checkBearer,
      endpointFor: controlPlane.endpointFor,
      controlPlane,
      streams,
    }),
    pipeline: pipelineOf(world, { metrics, keyRing, resources, checkBearer, verifier }),
    metrics,
    keyRing,
    overlaps,
    controlPlane,
    purger,
    streams,
  }
}

/** Closes what an event ends once the credential is refused: whoever comes again is judged anew. */
function closingAfter(informed: Follower, openings: Openings): Follower {
  return {
    ...informed,
    apply: (event) => {
      const pending = informed.apply(event)
      if (pending !== undefined) return pending.then(() => openings.apply(event))
      openings.apply(event)
      return undefined
    },
    reload: async () => {
      await informed.reload?.()
      openings.closeAll()
    },
  }
}

function startCarrier(
  { carrier, db, node, installation }: AssemblyWorld,
  { metrics, resources }: { readonly metrics: Metrics; readonly resources: ResourceDirectory },
): void {
  carrier?.start({
    ...node,
    key: installation.customIdKey,
    isResource: (resourceId) => resources.find(resourceId) !== undefined,
    readPage: (afterSeq, eventsMax) => listEventsAfter(db, afterSeq, eventsMax),
  })
  if (carrier !== undefined) metrics.watch(carrier.watched)
}

function pipelineOf(
  world: AssemblyWorld,
  parts: {
    readonly metrics: Metrics
    readonly keyRing: KeyRing
    readonly resources: ResourceDirectory
    readonly checkBearer: CheckBearer
    readonly verifier: SyncVerifier
  },
): Pipeline {
  const { settings, platform, node, log, installation } = world
  const { domain, publicHosts, showsRefusalReasons } = settings
  const { metrics, ...known } = parts
  return createPipeline({
    platform,
    node,
    log: log.log,
    logRequests: log.logRequests,
    metrics,
    authenticate: createAuthenticator({
      ...known,
      domain: domain?.replace(/:[0-9]+$/, ''),
      publicHosts,
      decoyKeys: decoyKeys(platform),
      isAdminToken: installation.isAdminToken,
    }),
    showsRefusalReasons,
  })
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
  node.feed.follow(followCutOffs(verifier))
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
    endpointFor: (name: string) => endpointFor(name, { domain, endpoint }),
    noteOverlapEnd: overlaps.note,
  }
  return { overlaps, controlPlane }
}

function bearerCheckOf({ settings, fetch, platform, log }: AssemblyWorld): CheckBearer {
  const { trustedIssuers } = settings
  return createBearerCheck({ trustedIssuers, fetch, now: platform.now, log: log.log })
}

function filledKeyRing(installation: Installation): KeyRing {
  const keyRing = createKeyRing()
  for (const { resourceId } of installation.resources) keyRing.put(resourceId, [])
  for (const key of installation.accessKeys) {
    keyRing.put(key.resourceId, [...keyRing.keysOf(key.resourceId), key])
  }
  return keyRing
}

function decoyKeys(platform: Platform): readonly ActiveAccessKey[] {
  return (['primary', 'secondary'] as const).map((slot) => {
    const nobody = { resourceId: '', slot, generation: 1, sealedKey: Buffer.alloc(0) }
    return activeAccessKey(nobody, platform.randomBytes(64))
  })
}
