import { createSecretKey, type KeyObject } from 'node:crypto'
import { fail, ok, type Result } from '@parley/protocol'
import { createAdminTokenCheck, type IsAdminToken } from '../authentication/admin-token.ts'
import type { Database, Queries } from '../database/connect.ts'
import type { Sealer } from '../foundation/seal.ts'
import { type ActiveAccessKey, activeAccessKey, newAccessKey, openSlot } from '../keys/model.ts'
import { insertAccessKey, listAccessKeys } from '../keys/store.ts'
import { firstResource, type Resource } from '../resources/model.ts'
import { insertResource, listResources } from '../resources/store.ts'
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
  /** Oldest first; the first is the one of the first start. */
  readonly resources: readonly Resource[]
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
type InTransaction = Omit<InstallationWorld, 'db'> & { readonly db: Queries }

/**
 * Opens what is stored, after making what a first start lacks: a subscription, a resource with its
 * two access keys, a signing key. It is made in one transaction: a crash leaves all or nothing.
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
  return ok({
    resources: await listResources(db),
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
  await insertInstallation(db, {
    installationId: platform.newGuid(),
    sealedCustomIdKey: sealer.seal(platform.randomBytes(32), customIdKeyPurpose),
    sealedAdminToken: sealer.seal(Buffer.from(adminToken), adminTokenPurpose),
    atMs: nowMs,
  })
  const resources = await listResources(db)
  if (resources.length === 0) {
    await insertResourceWithKeys(world, { ...firstResource, subscriptionId: platform.newGuid() })
  }
  await turnSigningKeys(db, world)
}

/**
 * Stores a resource with a fresh key in each slot. Run it in a transaction.
 *
 * @param asked - all of the resource but its id.
 */
export async function insertResourceWithKeys(
  world: Pick<InTransaction, 'db' | 'platform' | 'sealer'>,
  asked: Omit<Resource, 'resourceId'>,
): Promise<{ readonly resource: Resource; readonly accessKeys: readonly ActiveAccessKey[] }> {
  const { db, platform, sealer } = world
  const nowMs = platform.now()
  const resource = { ...asked, resourceId: platform.newGuid() }
  await insertResource(db, resource, nowMs)
  const accessKeys: ActiveAccessKey[] = []
  for (const slot of ['primary', 'secondary'] as const) {
    const owner = { resourceId: resource.resourceId, slot, generation: 1 }
    const { stored, secret } = newAccessKey(owner, { sealer, platform })
    await insertAccessKey(db, stored, nowMs)
    accessKeys.push(activeAccessKey(stored, secret))
  }
  return { resource, accessKeys }
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
