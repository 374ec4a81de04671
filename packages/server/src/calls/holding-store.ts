import { printInstant } from '../contract/fields.ts'
import { type Holding, heldPage } from '../identities/holdings.ts'

interface LegRow {
  readonly call_id: string
  readonly leg_id: string
  readonly direction: string
  readonly joined_at: Date
  readonly ended_at: Date | null
}

const legHolding: Holding = {
  type: 'callLeg',
  async list(db, { resourceId, identityId }, { after, rowsMax }) {
    const [callId, legId] = after?.split('/') ?? []
    const rows = await db<LegRow[]>`
      select call_id, leg_id, direction, joined_at, ended_at
      from call_leg
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
      ${
        callId === undefined || legId === undefined
          ? db``
          : db`and (call_id, leg_id) > (${callId}::uuid, ${legId}::uuid)`
      }
      order by call_id, leg_id
      limit ${rowsMax + 1}
    `
    return heldPage(rows, rowsMax, {
      place: (row) => `${row.call_id}/${row.leg_id}`,
      line: (row) => ({
        callId: row.call_id,
        direction: row.direction,
        joinedOn: printInstant(row.joined_at.getTime()),
        ...(row.ended_at === null ? {} : { endedOn: printInstant(row.ended_at.getTime()) }),
      }),
    })
  },
  async count(db, { resourceId, identityId }) {
    const [row] = await db<{ readonly count: string | number }[]>`
      select count(*) as count
      from call_leg
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
    `
    return Number(row?.count)
  },
}

interface RingRow {
  readonly call_id: string
  readonly state: string
  readonly expires_at: Date
}

const ringHolding: Holding = {
  type: 'callRing',
  async list(db, { resourceId, identityId }, { after, rowsMax }) {
    const rows = await db<RingRow[]>`
      select call_id, state, expires_at
      from call_ring
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
      ${after === undefined ? db`` : db`and call_id > ${after}::uuid`}
      order by call_id
      limit ${rowsMax + 1}
    `
    return heldPage(rows, rowsMax, {
      place: (row) => row.call_id,
      line: (row) => ({
        callId: row.call_id,
        state: row.state,
        expiresOn: printInstant(row.expires_at.getTime()),
      }),
    })
  },
  async count(db, { resourceId, identityId }) {
    const [row] = await db<{ readonly count: string | number }[]>`
      select count(*) as count
      from call_ring
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
    `
    return Number(row?.count)
  },
}

const deviceHolding: Holding = {
  type: 'callDevice',
  async list(db, { resourceId, identityId }, { after, rowsMax }) {
    const rows = await db<{ readonly device_id: string; readonly seen_at: Date }[]>`
      select device_id, seen_at
      from call_device
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
      ${after === undefined ? db`` : db`and device_id > ${after}::uuid`}
      order by device_id
      limit ${rowsMax + 1}
    `
    return heldPage(rows, rowsMax, {
      place: (row) => row.device_id,
      line: (row) => ({
        deviceId: row.device_id,
        seenOn: printInstant(row.seen_at.getTime()),
      }),
    })
  },
  async count(db, { resourceId, identityId }) {
    const [row] = await db<{ readonly count: string | number }[]>`
      select count(*) as count
      from call_device
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
    `
    return Number(row?.count)
  },
}

/** The records of an identity's calls, who called it, and its devices at sockets. */
export const callHoldings: readonly Holding[] = [legHolding, ringHolding, deviceHolding]
