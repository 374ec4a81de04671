import { printInstant } from '../contract/fields.ts'
import { type Holding, heldPage } from '../identities/holdings.ts'
import type { RoomRole } from './model.ts'

/** The rooms on whose lists an identity stands. */
export const roomHolding: Holding = {
  type: 'roomParticipant',
  async list(db, { resourceId, identityId }, { after, rowsMax }) {
    const rows = await db<ListedRow[]>`
      select room_participant.room_id, role, valid_from, valid_until
      from room_participant
      join room
        on room.resource_id = ${resourceId}
        and room.room_id = room_participant.room_id
      where room_participant.resource_id = ${resourceId}
      and identity_id = ${identityId}
      ${after === undefined ? db`` : db`and room_participant.room_id > ${after}::bigint`}
      order by room_participant.room_id
      limit ${rowsMax + 1}
    `
    return heldPage(rows, rowsMax, {
      place: (row) => String(row.room_id),
      line: (row) => ({
        roomId: String(row.room_id),
        role: row.role,
        validFrom: printInstant(row.valid_from.getTime()),
        validUntil: printInstant(row.valid_until.getTime()),
      }),
    })
  },
  async count(db, { resourceId, identityId }) {
    const [row] = await db<{ readonly count: string | number }[]>`
      select count(*) as count
      from room_participant
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
    `
    return Number(row?.count)
  },
}

interface ListedRow {
  readonly room_id: string | number
  readonly role: RoomRole
  readonly valid_from: Date
  readonly valid_until: Date
}
