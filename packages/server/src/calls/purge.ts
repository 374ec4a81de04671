import type { PurgeStep } from '../resources/purge.ts'

/** Deletes what devices of a resource were told; it goes by itself a minute later. */
const framePurge: PurgeStep = {
  table: 'call_frame',
  async deleteRows(db, resourceId, { rowsMax }) {
    const { count: rowCount } = await db`
      with batch as materialized (
        select device_id, seq
        from call_frame
        where resource_id = ${resourceId}
        limit ${rowsMax}
      )
      delete from call_frame
      using batch
      where call_frame.resource_id = ${resourceId}
      and call_frame.device_id = batch.device_id
      and call_frame.seq = batch.seq
    `
    return { rowCount, last: undefined }
  },
}

const devicePurge: PurgeStep = {
  table: 'call_device',
  async deleteRows(db, resourceId, { rowsMax }) {
    const { count: rowCount } = await db`
      delete from call_device
      where resource_id = ${resourceId}
      and device_id = any(array(
        select device_id from call_device where resource_id = ${resourceId} limit ${rowsMax}
      ))
    `
    return { rowCount, last: undefined }
  },
}

const ringPurge: PurgeStep = {
  table: 'call_ring',
  async deleteRows(db, resourceId, { rowsMax }) {
    const { count: rowCount } = await db`
      with batch as materialized (
        select call_id, identity_id
        from call_ring
        where resource_id = ${resourceId}
        limit ${rowsMax}
      )
      delete from call_ring
      using batch
      where call_ring.resource_id = ${resourceId}
      and call_ring.call_id = batch.call_id
      and call_ring.identity_id = batch.identity_id
    `
    return { rowCount, last: undefined }
  },
}

const legPurge: PurgeStep = {
  table: 'call_leg',
  async deleteRows(db, resourceId, { rowsMax }) {
    const { count: rowCount } = await db`
      with batch as materialized (
        select call_id, leg_id
        from call_leg
        where resource_id = ${resourceId}
        limit ${rowsMax}
      )
      delete from call_leg
      using batch
      where call_leg.resource_id = ${resourceId}
      and call_leg.call_id = batch.call_id
      and call_leg.leg_id = batch.leg_id
    `
    return { rowCount, last: undefined }
  },
}

const callPurge: PurgeStep = {
  table: 'call',
  async deleteRows(db, resourceId, { rowsMax }) {
    const { count: rowCount } = await db`
      delete from call
      where resource_id = ${resourceId}
      and call_id = any(array(
        select call_id from call where resource_id = ${resourceId} limit ${rowsMax}
      ))
    `
    return { rowCount, last: undefined }
  },
}

/** Deletes the calls of a resource, and everything of them. */
export const callPurges: readonly PurgeStep[] = [
  framePurge,
  devicePurge,
  ringPurge,
  legPurge,
  callPurge,
]
