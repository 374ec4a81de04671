import type { PurgeStep } from '../resources/purge.ts'

/**
 * Deletes the identities of a resource. A token that was being recorded while the resource was
 * deleted goes with its identity, by the foreign key, and is not counted.
 */
export const identityPurge: PurgeStep = {
  table: 'identity',
  counted: 'identities',
  async deleteRows(db, resourceId, { after, rowsMax }) {
    const [row] = await db<{ readonly count: number; readonly last: string | null }[]>`
      with batch as materialized (
        select identity_id
        from identity
        where resource_id = ${resourceId}
        and identity_id > ${after}::uuid
        order by identity_id
        limit ${rowsMax}
      ),
      deleted as (
        delete from identity
        where resource_id = ${resourceId}
        and identity_id = any(array(select identity_id from batch))
        returning identity_id
      )
      select
        (select count(*) from deleted)::integer as count,
        (select identity_id from batch order by identity_id desc limit 1) as last
    `
    return { rowCount: row?.count ?? 0, last: row?.last ?? undefined }
  },
}
