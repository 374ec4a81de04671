import { createSecretKey, type KeyObject } from 'node:crypto'
import { fail, ok, type Result } from '@parley/protocol'
import type { Database, Queries } from '../database/connect.ts'
import type { Platform } from '../foundation/platform.ts'
import type { Sealer } from '../foundation/seal.ts'
import type { SigningAlgorithm } from '../foundation/settings.ts'
import { type ActiveAccessKey, activeAccessKey, newAccessKey, openSlot } from '../keys/model.ts'
import { insertAccessKey, listAccessKeys } from '../keys/store.ts'
import { firstResource, type Resource } from '../resources/model.ts'
import { insertResource, listResources } from '../resources/store.ts'
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
  /** Oldest first; the first is the one of the first start. */
  readonly resources: readonly Resource[]
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
type InTransaction = Omit<InstallationWorld, 'db'> & { readonly db: Queries }

const customIdKeyPurpose = 'installation/custom-id-key'
const adminTokenPurpose = 'installation/admin-token'

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
  const signing = await openSigning(world)
  if (!customIdKey || !adminToken || !accessKeys || !signing) return fail(masterKeyDiffers)
  return ok({
    resources: await listResources(db),
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
  const signingKeys = await listSigningKeys(db)
  if (!signingKeys.some((key) => key.algorithm === signingAlgorithm)) {
    await insertSigningKey(db, newSigningKey(signingAlgorithm, sealer), nowMs)
  }
}

/**
 * Stores a resource with a fresh key in each slot. Run it in a transaction.
 *
 * @param asked - all of the resource but its id.
 */
export async function insertResourceWithKeys(
  world: Omit<InTransaction, 'signingAlgorithm'>,
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
