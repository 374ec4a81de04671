import type { PurgeStep } from '../resources/purge.ts'

/**
 * Empties the ledger of a resource. It goes before the identities: an identity may have any number
 * of tokens, and what a batch deletes must have a bound.
 */
export const tokenPurge: PurgeStep = {
  table: 'access_token',
  counted: 'tokens',
  async deleteRows(db, resourceId, { after, rowsMax }) {
    const [row] = await db<{ readonly count: number; readonly last: string | null }[]>`
      with batch as materialized (
        select jti
        from access_token
        where resource_id = ${resourceId}
        and jti > ${after}::uuid
        order by jti
        limit ${rowsMax}
      ),
      deleted as (
        delete from access_token
        where resource_id = ${resourceId}
        and jti = any(array(select jti from batch))
        returning jti
      )
      select
        (select count(*) from deleted)::integer as count,
        (select jti from batch order by jti desc limit 1) as last
    `
    return { rowCount: row?.count ?? 0, last: row?.last ?? undefined }
  },
}
