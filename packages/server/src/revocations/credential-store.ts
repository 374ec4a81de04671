import type { Queries, Transaction } from '../database/connect.ts'
import type { PurgeStep } from '../resources/purge.ts'

/** A credential of a verifier, without its secret. */
export interface StoredCredential {
  readonly credentialId: string
  readonly name: string
  readonly secretHash: Buffer
  readonly mayBeWaitedFor: boolean
  readonly createdAtMs: number
  readonly rotatedAtMs: number | undefined
  readonly expiresAtMs: number | undefined
}

/** Finds a credential by whose it is; `undefined` where it or its resource is gone. */
export async function findCredential(
  db: Queries,
  resourceId: string,
  credentialId: string,
): Promise<StoredCredential | undefined> {
  const [row] = await db<CredentialRow[]>`
    select
      credential_id, name, secret_hash, may_be_waited_for, created_at, rotated_at, expires_at
    from verifier_credential
    where resource_id = ${resourceId}
    and credential_id = ${credentialId}
    and exists (
      select
      from resource
      where resource_id = ${resourceId}
      and deleted_at is null
    )
  `
  return row === undefined ? undefined : credentialFrom(row)
}

/** Lists the credentials of a resource, the oldest first. */
export async function listCredentials(
  db: Queries,
  resourceId: string,
): Promise<readonly StoredCredential[]> {
  const rows = await db<CredentialRow[]>`
    select
      credential_id, name, secret_hash, may_be_waited_for, created_at, rotated_at, expires_at
    from verifier_credential
    where resource_id = ${resourceId}
    order by created_at, credential_id
  `
  return rows.map(credentialFrom)
}

/**
 * Holds the credentials of a resource until the transaction is over, forgets those that are over,
 * and counts the others.
 *
 * @returns `undefined` when the resource is deleted.
 */
export async function holdCredentials(
  db: Transaction,
  resourceId: string,
  nowMs: number,
): Promise<number | undefined> {
  const held = await db`
    select resource_id
    from resource
    where resource_id = ${resourceId}
    and deleted_at is null
    for no key update
  `
  if (held.length === 0) return undefined
  await db`
    delete from verifier_credential
    where resource_id = ${resourceId}
    and expires_at <= ${new Date(nowMs)}
  `
  const [row] = await db<{ readonly count: string | number }[]>`
    select count(*) as count
    from verifier_credential
    where resource_id = ${resourceId}
  `
  return Number(row?.count)
}

/** Stores a credential. */
export async function insertCredential(
  db: Queries,
  resourceId: string,
  made: Omit<StoredCredential, 'rotatedAtMs'>,
): Promise<void> {
  const { expiresAtMs } = made
  await db`
    insert into verifier_credential (
      resource_id, credential_id, name, secret_hash, may_be_waited_for, created_at, expires_at
    )
    values (
      ${resourceId}, ${made.credentialId}, ${made.name}, ${made.secretHash},
      ${made.mayBeWaitedFor}, ${new Date(made.createdAtMs)},
      ${expiresAtMs === undefined ? null : new Date(expiresAtMs)}
    )
  `
}

/** Gives a credential another secret; `undefined` where there is none. */
export async function updateCredentialSecret(
  db: Queries,
  resourceId: string,
  changed: {
    readonly credentialId: string
    readonly secretHash: Buffer
    readonly atMs: number
  },
): Promise<StoredCredential | undefined> {
  const [row] = await db<CredentialRow[]>`
    update verifier_credential
    set secret_hash = ${changed.secretHash}, rotated_at = ${new Date(changed.atMs)}
    where resource_id = ${resourceId}
    and credential_id = ${changed.credentialId}
    and (expires_at is null or expires_at > ${new Date(changed.atMs)})
    returning
      credential_id, name, secret_hash, may_be_waited_for, created_at, rotated_at, expires_at
  `
  return row === undefined ? undefined : credentialFrom(row)
}

/** Deletes a credential. @returns whether there was one. */
export async function deleteCredential(
  db: Queries,
  resourceId: string,
  credentialId: string,
): Promise<boolean> {
  const deleted = await db`
    delete from verifier_credential
    where resource_id = ${resourceId}
    and credential_id = ${credentialId}
  `
  return deleted.count > 0
}

/** Deletes the credentials of verifiers of a deleted resource. */
export const credentialPurge: PurgeStep = {
  table: 'verifier_credential',
  async deleteRows(db, resourceId) {
    const { count: rowCount } = await db`
      delete from verifier_credential
      where resource_id = ${resourceId}
    `
    return { rowCount, last: undefined }
  },
}

interface CredentialRow {
  readonly credential_id: string
  readonly name: string
  readonly secret_hash: Buffer
  readonly may_be_waited_for: boolean
  readonly created_at: Date
  readonly rotated_at: Date | null
  readonly expires_at: Date | null
}

function credentialFrom(row: CredentialRow): StoredCredential {
  return {
    credentialId: row.credential_id,
    name: row.name,
    secretHash: row.secret_hash,
    mayBeWaitedFor: row.may_be_waited_for,
    createdAtMs: row.created_at.getTime(),
    rotatedAtMs: row.rotated_at?.getTime(),
    expiresAtMs: row.expires_at?.getTime(),
  }
}
