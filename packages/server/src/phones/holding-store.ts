import { printInstant } from '../contract/fields.ts'
import { type Holding, heldPage } from '../identities/holdings.ts'

/** The phone numbers that ring an identity. */
export const numberHolding: Holding = {
  type: 'phoneNumber',
  async list(db, { resourceId, identityId }, { after, rowsMax }) {
    const rows = await db<{ readonly number: string; readonly created_at: Date }[]>`
      select number, created_at
      from phone_number
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
      ${after === undefined ? db`` : db`and number > ${after}`}
      order by number
      limit ${rowsMax + 1}
    `
    return heldPage(rows, rowsMax, {
      place: (row) => row.number,
      line: (row) => ({
        number: row.number,
        createdOn: printInstant(row.created_at.getTime()),
      }),
    })
  },
  async count(db, { resourceId, identityId }) {
    const [row] = await db<{ readonly count: string | number }[]>`
      select count(*) as count
      from phone_number
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
    `
    return Number(row?.count)
  },
}
