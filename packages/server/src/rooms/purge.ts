import type { PurgeStep } from '../resources/purge.ts'

/** Deletes who is on the lists of the rooms of a resource. */
export const roomParticipantPurge: PurgeStep = {
  table: 'room_participant',
  async deleteRows(db, resourceId, { rowsMax }) {
    const { count: rowCount } = await db`
      with batch as materialized (
        select room_id, identity_id
        from room_participant
        where resource_id = ${resourceId}
        limit ${rowsMax}
      )
      delete from room_participant
      using batch
      where room_participant.resource_id = ${resourceId}
      and room_participant.room_id = batch.room_id
      and room_participant.identity_id = batch.identity_id
    `
    return { rowCount, last: undefined }
  },
}

/** Deletes the rooms of a resource. */
export const roomPurge: PurgeStep = {
  table: 'room',
  async deleteRows(db, resourceId, { rowsMax }) {
    const { count: rowCount } = await db`
      delete from room
      where resource_id = ${resourceId}
      and room_id = any(array(
        select room_id
        from room
        where resource_id = ${resourceId}
        limit ${rowsMax}
      ))
    `
    return { rowCount, last: undefined }
  },
}
