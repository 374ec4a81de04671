import { createSecretKey, type KeyObject } from 'node:crypto'
import { fail, ok, type Result } from '@parley/protocol'
import { createResource } from '../arm/control-plane.ts'
import type { Database, Transaction } from '../database/connect.ts'
import type { Platform } from '../foundation/platform.ts'
import type { Sealer } from '../foundation/seal.ts'
import type { SigningAlgorithm } from '../foundation/settings.ts'
import { type ActiveAccessKey, openSlot } from '../keys/model.ts'
import { listAccessKeys } from '../keys/store.ts'
import { defaultSettings, firstResource, type Resource } from '../resources/model.ts'
import { listResources } from '../resources/store.ts'
import { insertSubscription, listSubscriptions } from '../resources/subscriptions.ts'
import { newSigningKey, openSigningKey, type PublicSigningJwk } from '../tokens/signing-keys.ts'
import { insertSigningKey, listSigningKeys } from '../tokens/store.ts'
import { findInstallation, insertInstallation } from './installation-store.ts'

/** Stored secrets were sealed under another master key. */
export interface MasterKeyDiffers {
  readonly kind: 'master-key-differs'
  readonly message: string
}

/** What a server knows once its stored secrets are open. */
export interface Installation {
  /** Oldest first: the one of the first start, unless that was deleted; there may be none. */
  readonly resources: readonly Resource[]
  /** A subscription in which resources can be created, where there is one. */
  readonly subscriptionId: string | undefined
  readonly accessKeys: readonly ActiveAccessKey[]
  /** The key that signs. */
  readonly signingKey: OpenSigningKey
  /** Every key by which tokens verify, newest first. */
  readonly publishedKeys: readonly PublicSigningJwk[]
  readonly customIdKey: KeyObject
  /** Static bearer of the administrator. */
  readonly adminToken: string
}

/** A signing key that can sign. */
export interface OpenSigningKey {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  readonly privateKey: KeyObject
}

/** What opening an installation takes. */
export interface InstallationWorld {
  readonly db: Database
  readonly platform: Platform
  readonly sealer: Sealer
  readonly signingAlgorithm: SigningAlgorithm
}

/** The same within a transaction. */
type InTransaction = Omit<InstallationWorld, 'db'> & { readonly db: Transaction }

const customIdKeyPurpose = 'installation/custom-id-key'
const adminTokenPurpose = 'installation/admin-token'

/**
 * Opens what is stored, after making what a first start lacks: a subscription with a resource and
 * its two access keys, and whenever it is absent a signing key. It is made in one transaction: a
 * crash leaves all or nothing.
 *
 * @faults `master-key-differs` - a stored secret does not open.
 */
export async function openInstallation(
  world: InstallationWorld,
): Promise<Result<Installation, MasterKeyDiffers>> {
  await world.db.begin((transaction) => completeInstallation({ ...world, db: transaction }))
  const { db, sealer } = world
  const stored = await findInstallation(db)
  const customIdKey = stored && sealer.open(stored.sealedCustomIdKey, customIdKeyPurpose)
  const adminToken = stored && sealer.open(stored.sealedAdminToken, adminTokenPurpose)
  const accessKeys = await openAccessKeys(world)
  const signing = await openSigning(world)
  if (!customIdKey || !adminToken || !accessKeys || !signing) return fail(masterKeyDiffers)
  const resources = await listResources(db)
  const [subscription] = await listSubscriptions(db, { afterId: undefined, entriesMax: 1 })
  return ok({
    resources,
    subscriptionId: resources[0]?.subscriptionId ?? subscription?.subscriptionId,
    accessKeys,
    ...signing,
    customIdKey: createSecretKey(customIdKey),
    adminToken: adminToken.toString('utf8'),
  })
}

const masterKeyDiffers: MasterKeyDiffers = {
  kind: 'master-key-differs',
  message:
    'The master key is not the one under which the keys in this database were sealed. Give the ' +
    'server the former PARLEY_MASTER_KEY, or the former file master.key in its data directory.',
}

async function completeInstallation(world: InTransaction): Promise<void> {
  const { db, platform, sealer, signingAlgorithm } = world
  const nowMs = platform.now()
  const adminToken = platform.randomBytes(32).toString('base64url')
  const isFirstStart = await insertInstallation(db, {
    installationId: platform.newGuid(),
    sealedCustomIdKey: sealer.seal(platform.randomBytes(32), customIdKeyPurpose),
    sealedAdminToken: sealer.seal(Buffer.from(adminToken), adminTokenPurpose),
    atMs: nowMs,
  })
  if (isFirstStart) await createFirstResource(world, nowMs)
  const signingKeys = await listSigningKeys(db)
  if (!signingKeys.some((key) => key.algorithm === signingAlgorithm)) {
    await insertSigningKey(db, newSigningKey(signingAlgorithm, sealer), nowMs)
  }
}

/** Once: whoever deleted every resource does not get one back at the next start. */
async function createFirstResource(world: InTransaction, nowMs: number): Promise<void> {
  const { db, platform } = world
  const subscriptionId = platform.newGuid()
  await insertSubscription(db, { subscriptionId, displayName: 'Parley', atMs: nowMs })
  const { resourceGroup, name, dataLocation } = firstResource
  await createResource(db, world, {
    place: { subscriptionId, resourceGroup, name },
    dataLocation,
    settings: defaultSettings,
    by: { actor: 'server', operation: 'Parley_FirstStart', requestId: '', atMs: nowMs },
  })
}

async function openAccessKeys(
  world: InstallationWorld,
): Promise<readonly ActiveAccessKey[] | undefined> {
  const open: ActiveAccessKey[] = []
  for (const slot of await listAccessKeys(world.db)) {
    const keys = openSlot(slot, world.sealer)
    if (keys === undefined) return undefined
    open.push(...keys)
  }
  return open
}

async function openSigning(
  world: InstallationWorld,
): Promise<Pick<Installation, 'signingKey' | 'publishedKeys'> | undefined> {
  const stored = await listSigningKeys(world.db)
  const signing = stored.find((key) => key.algorithm === world.signingAlgorithm)
  if (signing === undefined) return undefined
  const privateKey = openSigningKey(signing, world.sealer)
  if (privateKey === undefined) return undefined
  const { kid, algorithm } = signing
  return {
    signingKey: { kid, algorithm, privateKey },
    publishedKeys: stored.map((key) => key.publicJwk),
  }
}
