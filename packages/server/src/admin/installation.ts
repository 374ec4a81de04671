import { createSecretKey, type KeyObject } from 'node:crypto'
import { fail, ok, type Result } from '@parley/protocol'
import { createResource } from '../arm/control-plane.ts'
import { createAdminTokenCheck, type IsAdminToken } from '../authentication/admin-token.ts'
import type { Database, Queries, Transaction } from '../database/connect.ts'
import type { Sealer } from '../foundation/seal.ts'
import { type ActiveAccessKey, openSlot } from '../keys/model.ts'
import { listAccessKeys } from '../keys/store.ts'
import { defaultSettings, firstResource, type Resource } from '../resources/model.ts'
import { listResources } from '../resources/store.ts'
import { insertSubscription, listSubscriptions } from '../resources/subscriptions.ts'
import type { SigningKeys } from '../tokens/signing-key-ring.ts'
import {
  openSigningKeys,
  type TurningWorld,
  turnSigningKeys,
} from '../tokens/signing-key-rotation.ts'
import { listSigningKeys } from '../tokens/signing-key-store.ts'
import {
  adminTokenPurpose,
  customIdKeyPurpose,
  findInstallation,
  insertInstallation,
} from './installation-store.ts'

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
  readonly signingKeys: SigningKeys
  readonly customIdKey: KeyObject
  readonly isAdminToken: IsAdminToken
}

/** What opening an installation takes. */
export interface InstallationWorld extends TurningWorld {
  readonly db: Database
}

/** The same within a transaction. */
type InTransaction = Omit<InstallationWorld, 'db'> & { readonly db: Transaction }

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
  const signingKeys = openSigningKeys(await listSigningKeys(db), world)
  if (!customIdKey || !adminToken || !accessKeys || !signingKeys) return fail(masterKeyDiffers)
  const resources = await listResources(db)
  const [subscription] = await listSubscriptions(db, { afterId: undefined, entriesMax: 1 })
  return ok({
    resources,
    subscriptionId: resources[0]?.subscriptionId ?? subscription?.subscriptionId,
    accessKeys,
    signingKeys,
    customIdKey: createSecretKey(customIdKey),
    isAdminToken: createAdminTokenCheck(adminToken.toString('utf8')),
  })
}

/** Opens the administrator's static bearer, for whoever is told it: nobody keeps it. */
export async function openAdminToken(db: Queries, sealer: Sealer): Promise<string> {
  const stored = await findInstallation(db)
  const adminToken = stored && sealer.open(stored.sealedAdminToken, adminTokenPurpose)
  return adminToken?.toString('utf8') ?? ''
}

const masterKeyDiffers: MasterKeyDiffers = {
  kind: 'master-key-differs',
  message:
    'The master key is not the one under which the keys in this database were sealed. Give the ' +
    'server the former PARLEY_MASTER_KEY, or the former file master.key in its data directory; ' +
    'to replace it, give that as PARLEY_MASTER_KEY_FORMER, or as the file master.key.former.',
}

async function completeInstallation(world: InTransaction): Promise<void> {
  const { db, platform, sealer } = world
  const nowMs = platform.now()
  const adminToken = platform.randomBytes(32).toString('base64url')
  const isFirstStart = await insertInstallation(db, {
    installationId: platform.newGuid(),
    sealedCustomIdKey: sealer.seal(platform.randomBytes(32), customIdKeyPurpose),
    sealedAdminToken: sealer.seal(Buffer.from(adminToken), adminTokenPurpose),
    atMs: nowMs,
  })
  if (isFirstStart) await createFirstResource(world, nowMs)
  await turnSigningKeys(db, world)
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
