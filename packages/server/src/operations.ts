/**
 * Every operation of the server: the tables of the rooms, one after the other. The listeners mount
 * this, and the OpenAPI document is printed from it.
 */
import type { KeyObject } from 'node:crypto'
import type { SyncVerifier } from '@parley/verifier/node'
import type { Operation } from './contract/operation.ts'
import type { Database } from './database/connect.ts'
import type { Feed } from './events/feed.ts'
import type { Platform } from './foundation/platform.ts'
import type { Sealer } from './foundation/seal.ts'
import { createCreateIdentity } from './identities/create.ts'
import { identityOperations } from './identities/operations.ts'
import type { KeyRing } from './keys/key-ring.ts'
import type { Node } from './nodes/node.ts'
import type { ResourceDirectory } from './resources/directory.ts'
import { revocationOperations } from './revocations/operations.ts'
import { exchangeOperations } from './tokens/exchanges.ts'
import { introspectionOperations } from './tokens/introspection.ts'
import { createIssueToken } from './tokens/issue.ts'
import { checkCreateTerms, tokenOperations } from './tokens/operations.ts'
import { publishedKeyOperations } from './tokens/published-keys.ts'
import type { TokenSigner } from './tokens/sign.ts'
import type { PublicSigningJwk } from './tokens/signing-keys.ts'

/** What the rooms are given. */
export interface OperationWorld {
  readonly db: Database
  readonly platform: Platform
  readonly sealer: Sealer
  readonly feed: Feed
  readonly node: Pick<Node, 'isCurrent'>
  readonly verifier: SyncVerifier
  readonly signer: TokenSigner
  readonly customIdKey: KeyObject
  readonly publishedKeys: readonly PublicSigningJwk[]
  readonly issuer: string
  readonly keyRing: KeyRing
  readonly resources: ResourceDirectory
  /** The endpoint that clients of a resource use, by its name. */
  readonly endpointFor: (name: string) => string
}

/** Builds every room and concatenates their tables. */
export function operationsOf(world: OperationWorld): readonly Operation[] {
  const { db, platform, feed, issuer, publishedKeys } = world
  const { now } = platform
  const issueToken = createIssueToken({ ...world, findResource: world.resources.find })
  const createIdentity = createCreateIdentity(world)
  return [
    ...identityOperations({
      db,
      feed,
      now,
      createIdentity,
      checkTerms: (call) => checkCreateTerms(call, issueToken),
    }),
    ...tokenOperations(issueToken),
    ...exchangeOperations,
    ...introspectionOperations(world.verifier, world.node.isCurrent),
    ...publishedKeyOperations({ issuer, keys: publishedKeys }),
    ...revocationOperations({ db, feed, now }),
  ]
}

/** The same table without a world, for who reads it and calls nothing: its handlers throw. */
export function describeOperations(): readonly Operation[] {
  return operationsOf({
    db: absent as unknown as Database,
    platform: { now: absent, monotonicNow: absent, randomBytes: absent, newGuid: absent },
    feed: { publish: absent, follow: absent },
    node: { isCurrent: absent },
    verifier: { verify: absent, replaceKeys: absent, apply: absent },
    signer: absent,
    customIdKey: absent as unknown as KeyObject,
    publishedKeys: [],
    issuer: '',
    sealer: { seal: absent, open: absent },
    keyRing: absentKeyRing,
    resources: absentDirectory,
    endpointFor: absent,
  })
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
