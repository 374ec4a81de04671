import type { PurgeStep } from '../resources/purge.ts'

/** Deletes which Entra users may exchange their tokens for those of a resource. */
export const assignmentPurge: PurgeStep = {
  table: 'entra_assignment',
  async deleteRows(db, resourceId, { rowsMax }) {
    const { count: rowCount } = await db`
      with batch as materialized (
        select family, tenant_id, object_id
        from entra_assignment
        where resource_id = ${resourceId}
        limit ${rowsMax}
      )
      delete from entra_assignment
      using batch
      where entra_assignment.resource_id = ${resourceId}
      and entra_assignment.family = batch.family
      and entra_assignment.tenant_id = batch.tenant_id
      and entra_assignment.object_id = batch.object_id
    `
    return { rowCount, last: undefined }
  },
}
