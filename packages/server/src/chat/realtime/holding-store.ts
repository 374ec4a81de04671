import { printInstant } from '../../contract/fields.ts'
import { type Holding, heldPage } from '../../identities/holdings.ts'

/** The clients of an identity that hear its notifications, or did a while ago. */
export const endpointHolding: Holding = {
  type: 'chatEndpoint',
  async list(db, { resourceId, identityId }, { after, rowsMax }) {
    const rows = await db<{ readonly endpoint_id: string; readonly seen_at: Date }[]>`
      select endpoint_id, seen_at
      from chat_endpoint
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
      ${after === undefined ? db`` : db`and endpoint_id > ${after}`}
      order by endpoint_id
      limit ${rowsMax + 1}
    `
    return heldPage(rows, rowsMax, {
      place: (row) => row.endpoint_id,
      line: (row) => ({
        endpointId: row.endpoint_id,
        seenOn: printInstant(row.seen_at.getTime()),
      }),
    })
  },
  async count(db, { resourceId, identityId }) {
    const [row] = await db<{ readonly count: string | number }[]>`
      select count(*) as count
      from chat_endpoint
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
    `
    return Number(row?.count)
  },
}
