import type { Queries } from '../database/connect.ts'
import type { ScheduledKey } from './signing-key-schedule.ts'
import type { PublicSigningJwk, StoredSigningKey } from './signing-keys.ts'

/** A signing key as stored, with its times. */
export type SigningKeyRow = StoredSigningKey & ScheduledKey

/**
 * Locks the signing keys until the end of the transaction: whoever changes which there are waits
 * here, whoever reads them does not.
 */
export async function lockSigningKeys(db: Queries): Promise<void> {
  await db`lock table signing_key in exclusive mode`
}

/** Lists the signing keys that are published, newest first. */
export async function listSigningKeys(db: Queries): Promise<readonly SigningKeyRow[]> {
  const rows = await db<DatabaseRow[]>`
    select
      kid, algorithm, public_jwk, sealed_private_key,
      created_at, signs_from, replaced_at, retired_at
    from signing_key
    where retired_at is null
    order by created_at desc, kid
  `
  return rows.map(keyFrom)
}

/** Lists the keys that were retired, the last first. */
export async function listRetiredSigningKeys(
  db: Queries,
  keysMax: number,
): Promise<readonly SigningKeyRow[]> {
  const rows = await db<DatabaseRow[]>`
    select
      kid, algorithm, public_jwk, sealed_private_key,
      created_at, signs_from, replaced_at, retired_at
    from signing_key
    where retired_at is not null
    order by retired_at desc, kid
    limit ${keysMax}
  `
  return rows.map(keyFrom)
}

/** Stores a signing key. */
export async function insertSigningKey(
  db: Queries,
  key: StoredSigningKey,
  times: { readonly createdAtMs: number; readonly signsFromMs: number },
): Promise<void> {
  await db`
    insert into signing_key
      (kid, algorithm, public_jwk, sealed_private_key, created_at, signs_from)
    values (
      ${key.kid},
      ${key.algorithm},
      ${JSON.stringify(key.publicJwk)}::text::jsonb,
      ${key.sealedPrivateKey},
      ${new Date(times.createdAtMs)},
      ${new Date(times.signsFromMs)}
    )
  `
}

/** Notes that keys sign no more. */
export async function replaceSigningKeys(
  db: Queries,
  kids: readonly string[],
  nowMs: number,
): Promise<void> {
  await db`
    update signing_key
    set replaced_at = ${new Date(nowMs)}
    where kid = any(${kids}::text[])
  `
}

/** Notes that a key that was replaced signs again. */
export async function resumeSigningKey(db: Queries, kid: string): Promise<void> {
  await db`
    update signing_key
    set replaced_at = null
    where kid = ${kid}
  `
}

/** Takes keys out of publication for good, and destroys their private halves. */
export async function retireSigningKeys(
  db: Queries,
  kids: readonly string[],
  nowMs: number,
): Promise<void> {
  await db`
    update signing_key
    set
      retired_at = ${new Date(nowMs)},
      replaced_at = coalesce(replaced_at, ${new Date(nowMs)}),
      sealed_private_key = ''
    where kid = any(${kids}::text[])
  `
}

/** Puts other sealed bytes of the same private half in the place of those stored. */
export async function updateSealedSigningKey(
  db: Queries,
  key: Pick<StoredSigningKey, 'kid' | 'sealedPrivateKey'>,
): Promise<void> {
  await db`
    update signing_key
    set sealed_private_key = ${key.sealedPrivateKey}
    where kid = ${key.kid}
  `
}

interface DatabaseRow {
  readonly kid: string
  readonly algorithm: StoredSigningKey['algorithm']
  readonly public_jwk: PublicSigningJwk
  readonly sealed_private_key: Buffer
  readonly created_at: Date
  readonly signs_from: Date | null
  readonly replaced_at: Date | null
  readonly retired_at: Date | null
}

/** The version before gave a key no times: it signed as soon as it was made. */
function keyFrom(row: DatabaseRow): SigningKeyRow {
  return {
    kid: row.kid,
    algorithm: row.algorithm,
    publicJwk: row.public_jwk,
    sealedPrivateKey: row.sealed_private_key,
    createdAtMs: row.created_at.getTime(),
    signsFromMs: (row.signs_from ?? row.created_at).getTime(),
    replacedAtMs: row.replaced_at?.getTime(),
    retiredAtMs: row.retired_at?.getTime(),
  }
}
