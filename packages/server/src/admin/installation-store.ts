import type { Queries } from '../database/connect.ts'

/** The one row that a database has of its installation. */
export interface StoredInstallation {
  readonly installationId: string
  readonly sealedCustomIdKey: Buffer
  readonly sealedAdminToken: Buffer
}

/** What the secrets of the installation are sealed for. */
export const customIdKeyPurpose = 'installation/custom-id-key'

/** The same of the administrator's token. */
export const adminTokenPurpose = 'installation/admin-token'

/** Finds the installation; `undefined` before the first start. */
export async function findInstallation(db: Queries): Promise<StoredInstallation | undefined> {
  const [row] = await db<InstallationRow[]>`
    select installation_id, sealed_custom_id_key, sealed_admin_token
    from installation
  `
  if (row === undefined) return undefined
  return {
    installationId: row.installation_id,
    sealedCustomIdKey: row.sealed_custom_id_key,
    sealedAdminToken: row.sealed_admin_token,
  }
}

/**
 * Stores the installation where there is none yet.
 *
 * @returns whether there was none, which makes this the first start.
 */
export async function insertInstallation(
  db: Queries,
  made: StoredInstallation & { readonly atMs: number },
): Promise<boolean> {
  const rows = await db`
    insert into installation
      (installation_id, sealed_custom_id_key, sealed_admin_token, created_at)
    values (
      ${made.installationId},
      ${made.sealedCustomIdKey},
      ${made.sealedAdminToken},
      ${new Date(made.atMs)}
    )
    on conflict do nothing
    returning is_only_row
  `
  return rows.length === 1
}

/** Puts other sealed bytes of the same secrets in the place of those stored. */
export async function updateSealedInstallation(
  db: Queries,
  sealed: Pick<StoredInstallation, 'sealedCustomIdKey' | 'sealedAdminToken'>,
): Promise<void> {
  await db`
    update installation
    set
      sealed_custom_id_key = ${sealed.sealedCustomIdKey},
      sealed_admin_token = ${sealed.sealedAdminToken}
  `
}

interface InstallationRow {
  readonly installation_id: string
  readonly sealed_custom_id_key: Buffer
  readonly sealed_admin_token: Buffer
}
