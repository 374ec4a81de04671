import { printInstant } from '../contract/fields.ts'
import { type Holding, heldPage } from '../identities/holdings.ts'

interface UserRow {
  readonly user_name: string
  readonly created_at: Date
  readonly expires_at: Date | null
}

/** The relay users of an identity. */
export const relayHolding: Holding = {
  type: 'relayUser',
  async list(db, { resourceId, identityId }, { after, rowsMax }) {
    const rows = await db<UserRow[]>`
      select user_name, created_at, expires_at
      from relay_user
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
      ${after === undefined ? db`` : db`and user_name > ${after}`}
      order by user_name
      limit ${rowsMax + 1}
    `
    return heldPage(rows, rowsMax, {
      place: (row) => row.user_name,
      line: (row) => ({
        userName: row.user_name,
        createdOn: printInstant(row.created_at.getTime()),
        ...(row.expires_at === null ? {} : { expiresOn: printInstant(row.expires_at.getTime()) }),
      }),
    })
  },
  async count(db, { resourceId, identityId }) {
    const [row] = await db<{ readonly count: string | number }[]>`
      select count(*) as count
      from relay_user
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
    `
    return Number(row?.count)
  },
}
