/**
 * Every operation of the server: the tables of the rooms, one after the other. The listeners mount
 * this, and the OpenAPI document is printed from it.
 */
import type { KeyObject } from 'node:crypto'
import type { SyncVerifier } from '@parley/verifier/node'
import type { ControlPlane } from './arm/control-plane.ts'
import { controlPlaneOperations } from './arm/operations.ts'
import { auditOperations } from './audit/operations.ts'
import type { CheckBearer } from './authentication/bearer.ts'
import { type Calls, describeCallOperations } from './calls/calls.ts'
import type { PublishNotices } from './chat/notices.ts'
import { chatOperations } from './chat/operations.ts'
import { describeRealtimeOperations, type Realtime } from './chat/realtime/realtime.ts'
import type { Operation } from './contract/operation.ts'
import type { Database } from './database/connect.ts'
import type { Feed } from './events/feed.ts'
import { assignmentOperations } from './exchanges/assignment-operations.ts'
import { exchangeOperations } from './exchanges/operations.ts'
import type { Log } from './foundation/log.ts'
import type { Platform } from './foundation/platform.ts'
import type { Sealer } from './foundation/seal.ts'
import { createCreateIdentity } from './identities/create.ts'
import { exportOperations } from './identities/export.ts'
import { identityOperations } from './identities/operations.ts'
import { receiptOperations } from './identities/receipt.ts'
import { identityHoldings } from './identity-holdings.ts'
import type { KeyRing } from './keys/key-ring.ts'
import { keyOperations } from './keys/operations.ts'
import type { Node } from './nodes/node.ts'
import { phoneOperations } from './phones/operations.ts'
import { describeRelayOperations, type Relays } from './relays/relays.ts'
import type { CorsDefaults } from './resources/cors.ts'
import { corsOperations } from './resources/cors-operations.ts'
import type { ResourceDirectory } from './resources/directory.ts'
import { purgeOperations } from './resources/purge-operations.ts'
import { acknowledgingOperations } from './revocations/acknowledging-operations.ts'
import { credentialOperations } from './revocations/credential-operations.ts'
import { followingOperations } from './revocations/following-operations.ts'
import { revocationOperations } from './revocations/operations.ts'
import { stepDownOperations } from './revocations/step-down-operations.ts'
import type { RevocationStreams } from './revocations/streams.ts'
import { targetOperations } from './revocations/target-operations.ts'
import { roomOperations } from './rooms/operations.ts'
import { introspectionOperations } from './tokens/introspection.ts'
import { createIssueToken } from './tokens/issue.ts'
import { liveTokenOperations } from './tokens/live-tokens.ts'
import { checkCreateTerms, tokenOperations } from './tokens/operations.ts'
import { publishedKeyOperations } from './tokens/published-keys.ts'
import { signingKeyOperations } from './tokens/signing-key-operations.ts'
import type { SigningKeyRing } from './tokens/signing-key-ring.ts'
import type { SigningKeyRotation } from './tokens/signing-key-rotation.ts'
import { usageOperations } from './usage/operations.ts'
import { usageSources } from './usage-sources.ts'

/** What the rooms are given. */
export interface OperationWorld {
  readonly db: Database
  readonly platform: Platform
  readonly sealer: Sealer
  readonly feed: Feed
  readonly node: Pick<Node, 'isCurrent'>
  readonly verifier: SyncVerifier
  readonly ring: SigningKeyRing
  readonly rotation: SigningKeyRotation
  readonly customIdKey: KeyObject
  readonly issuer: string
  /** The https endpoint with a slash at its end. */
  readonly endpoint: string
  readonly keyRing: KeyRing
  readonly resources: ResourceDirectory
  /** Checks the Entra tokens that come in bodies, as bearers are checked. */
  readonly checkBearer: CheckBearer
  /** The endpoint that clients of a resource use, by its name. */
  readonly endpointFor: (name: string) => string
  readonly controlPlane: ControlPlane
  readonly streams: Pick<RevocationStreams, 'open'>
  readonly credentialKey: Buffer
  readonly corsDefaults: CorsDefaults
  readonly log: Pick<Log, 'error'>
  readonly realtime: Pick<Realtime, 'operations'>
  readonly calls: Pick<Calls, 'operations'>
  readonly relays: Pick<Relays, 'operations'>
  readonly publish: PublishNotices
}

/** Builds every room and concatenates their tables. */
export function operationsOf(world: OperationWorld): readonly Operation[] {
  const { db, platform, feed, issuer, ring, rotation, endpoint } = world
  const { now } = platform
  const findResource = world.resources.find
  const issueToken = createIssueToken({ ...world, signer: ring.sign, findResource })
  const createIdentity = createCreateIdentity(world)
  return [
    ...identityOperations({
      db,
      feed,
      now,
      findResource,
      createIdentity,
      checkTerms: (call) => checkCreateTerms(call, issueToken),
    }),
    ...exportOperations({ ...world, holdings: identityHoldings }),
    ...receiptOperations({
      ...{ db, feed, now, findResource, issuer },
      holdings: identityHoldings,
      signStatement: ring.signStatement,
    }),
    ...tokenOperations(issueToken),
    ...liveTokenOperations({ ...world, findResource }),
    ...introspectionOperations(world.verifier, world.node.isCurrent),
    ...publishedKeyOperations({ issuer, keys: ring.published }),
    ...signingKeyOperations({ db, ring, rotation }),
    ...revocationOperations({ db, feed, now, findResource }),
    ...targetOperations({ db, feed, now, findResource, verifier: world.verifier }),
    ...stepDownOperations({ db, feed, now, findResource }),
    ...followingOperations(world),
    ...acknowledgingOperations(world),
    ...credentialOperations({ ...world, findResource }),
    ...auditOperations({ db, endpoint }),
    ...corsOperations({ ...world, findResource }),
    ...usageOperations({ ...world, findResource, sources: usageSources }),
    ...exchangeOperations({ ...world, issueToken }),
    ...assignmentOperations({ ...world, findResource }),
    ...roomOperations({ ...world, findResource }),
    ...phoneOperations({ ...world, findResource }),
    ...keyOperations(world),
    ...controlPlaneOperations(world.controlPlane),
    ...purgeOperations(world.controlPlane),
    ...world.realtime.operations,
    ...chatOperations({ ...world, findResource }),
    ...world.calls.operations,
    ...world.relays.operations,
  ]
}

/** The same table without a world, for who reads it and calls nothing: its handlers throw. */
export function describeOperations(): readonly Operation[] {
  return operationsOf({
    db: absent as unknown as Database,
    platform: { now: absent, monotonicNow: absent, randomBytes: absent, newGuid: absent },
    feed: { publish: absent, follow: absent },
    node: { isCurrent: absent },
    verifier: absentVerifier,
    ring: {
      sign: absent,
      signStatement: absent,
      signerKid: absent,
      published: absent,
      put: absent,
      follow: absent,
    },
    rotation: { turn: absent, rotate: absent, readAgain: absent },
    customIdKey: absent as unknown as KeyObject,
    issuer: '',
    endpoint: '',
    sealer: { seal: absent, open: absent },
    keyRing: absentKeyRing,
    resources: absentDirectory,
    checkBearer: absent,
    endpointFor: absent,
    controlPlane: absent as unknown as ControlPlane,
    streams: { open: absent },
    credentialKey: Buffer.alloc(0),
    corsDefaults: { userOrigins: [], ownerOrigins: [] },
    log: { error: absent },
    realtime: { operations: describeRealtimeOperations() },
    calls: { operations: describeCallOperations() },
    relays: { operations: describeRelayOperations() },
    publish: absent,
  })
}

const absentVerifier = {
  verify: absent,
  replaceKeys: absent,
  apply: absent,
  trustUntil: absent,
  beginSnapshot: absent,
}

const absentKeyRing = {
  keysOf: absent,
  candidates: absent,
  put: absent,
  remove: absent,
  noteUse: absent,
  takeUses: absent,
}

const absentDirectory = {
  find: absent,
  findByName: absent,
  first: absent,
  list: absent,
  put: absent,
  remove: absent,
}

function absent(): never {
  throw new Error('an operation that is only described was called')
}
