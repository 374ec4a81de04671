import { fail, ok, type Result } from '@parley/protocol'
import { appendAudit } from '../audit/store.ts'
import type { Database, Queries } from '../database/connect.ts'
import type { Log } from '../foundation/log.ts'
import type { Platform } from '../foundation/platform.ts'
import { createReseal, type Reseal, type Sealer, SecretUnopened } from '../foundation/seal.ts'
import { resealAccessKeys } from '../keys/reseal.ts'
import { listSigningKeys, updateSealedSigningKey } from '../tokens/signing-key-store.ts'
import { signingKeyPurpose } from '../tokens/signing-keys.ts'
import {
  adminTokenPurpose,
  customIdKeyPurpose,
  findInstallation,
  updateSealedInstallation,
} from './installation-store.ts'

/** Neither the master key nor the former one opens a stored secret. */
interface FormerMasterKeyDiffers {
  readonly kind: 'master-key-differs'
  readonly message: string
}

/**
 * Seals everything anew that the former master key has sealed, in one transaction: after a crash
 * all of it is sealed under the one or all of it under the other, and the next start goes on from
 * there. What the present key opens already stays as it is, so doing it twice does it once.
 *
 * @faults `master-key-differs` - some secret opens with neither; nothing is changed then.
 */
export async function rotateMasterKey(world: {
  readonly db: Database
  readonly platform: Platform
  readonly sealer: Sealer
  readonly formerSealer: Sealer
  readonly log: Log
}): Promise<Result<undefined, FormerMasterKeyDiffers>> {
  const { db, platform, log } = world
  const reseal = createReseal({ present: world.sealer, former: world.formerSealer })
  try {
    const resealedCount = await db.begin((transaction) =>
      resealEverything(transaction, { reseal, platform }),
    )
    log.info(
      { resealedCount },
      'no secret is sealed under the former master key: it can be removed',
    )
    return ok(undefined)
  } catch (error) {
    if (error instanceof SecretUnopened) return fail(formerMasterKeyDiffers)
    throw error
  }
}

const formerMasterKeyDiffers: FormerMasterKeyDiffers = {
  kind: 'master-key-differs',
  message:
    'Neither the master key nor the former one is that under which the keys in this database ' +
    'were sealed; nothing was changed. Give the server the right PARLEY_MASTER_KEY_FORMER, or ' +
    'the right file master.key.former in its data directory.',
}

async function resealEverything(
  db: Queries,
  by: { readonly reseal: Reseal; readonly platform: Platform },
): Promise<number> {
  const { reseal, platform } = by
  const resealedCount =
    (await resealInstallation(db, reseal)) +
    (await resealSigningKeys(db, reseal)) +
    (await resealAccessKeys(db, reseal))
  if (resealedCount === 0) return 0
  const act = {
    actor: 'server',
    operation: 'Parley_RotateMasterKey',
    target: '/',
    resourceId: undefined,
    requestId: platform.newGuid(),
    atMs: platform.now(),
  }
  await appendAudit(db, [act])
  return resealedCount
}

async function resealInstallation(db: Queries, reseal: Reseal): Promise<number> {
  const stored = await findInstallation(db)
  if (stored === undefined) return 0
  const { sealedCustomIdKey, sealedAdminToken } = stored
  const customIdKey = reseal(sealedCustomIdKey, customIdKeyPurpose)
  const adminToken = reseal(sealedAdminToken, adminTokenPurpose)
  await updateSealedInstallation(db, {
    sealedCustomIdKey: customIdKey ?? sealedCustomIdKey,
    sealedAdminToken: adminToken ?? sealedAdminToken,
  })
  return [customIdKey, adminToken].filter((one) => one !== undefined).length
}

/** Those that were retired have no private half any more. */
async function resealSigningKeys(db: Queries, reseal: Reseal): Promise<number> {
  let resealedCount = 0
  for (const { kid, sealedPrivateKey } of await listSigningKeys(db)) {
    const resealed = reseal(sealedPrivateKey, signingKeyPurpose(kid))
    if (resealed === undefined) continue
    await updateSealedSigningKey(db, { kid, sealedPrivateKey: resealed })
    resealedCount += 1
  }
  return resealedCount
}
