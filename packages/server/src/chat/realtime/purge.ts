import type { PurgeStep } from '../../resources/purge.ts'

/** Deletes what was told in a resource; it goes by itself some minutes later. */
export const noticePurge: PurgeStep = {
  table: 'chat_notice',
  async deleteRows(db, resourceId, { rowsMax }) {
    const { count: rowCount } = await db`
      delete from chat_notice
      where resource_id = ${resourceId}
      and seq = any(array(
        select seq
        from chat_notice
        where resource_id = ${resourceId}
        limit ${rowsMax}
      ))
    `
    return { rowCount, last: undefined }
  },
}

/** Deletes how far the clients of a resource had heard. */
export const endpointPurge: PurgeStep = {
  table: 'chat_endpoint',
  async deleteRows(db, resourceId, { rowsMax }) {
    const { count: rowCount } = await db`
      with batch as materialized (
        select identity_id, endpoint_id
        from chat_endpoint
        where resource_id = ${resourceId}
        limit ${rowsMax}
      )
      delete from chat_endpoint
      using batch
      where chat_endpoint.resource_id = ${resourceId}
      and chat_endpoint.identity_id = batch.identity_id
      and chat_endpoint.endpoint_id = batch.endpoint_id
    `
    return { rowCount, last: undefined }
  },
}
