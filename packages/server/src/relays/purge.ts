import type { PurgeStep } from '../resources/purge.ts'

/** Deletes the relay users of a resource; when its cut-off was heard, their sessions were ended. */
export const relayUserPurge: PurgeStep = {
  table: 'relay_user',
  async deleteRows(db, resourceId, { rowsMax }) {
    const { count: rowCount } = await db`
      delete from relay_user
      where resource_id = ${resourceId}
      and user_name = any(array(
        select user_name from relay_user where resource_id = ${resourceId} limit ${rowsMax}
      ))
    `
    return { rowCount, last: undefined }
  },
}

/** Deletes what a resource has set. */
export const relayPolicyPurge: PurgeStep = {
  table: 'relay_policy',
  async deleteRows(db, resourceId) {
    const { count } = await db`delete from relay_policy where resource_id = ${resourceId}`
    return { rowCount: count, last: undefined }
  },
}
