import { scopesInMask } from '@parley/protocol'
import { printInstant } from '../contract/fields.ts'
import { type Holding, heldPage } from '../identities/holdings.ts'

/** The lines of the ledger, of tokens that are live or not; never their text. */
export const tokenHolding: Holding = {
  type: 'accessToken',
  async list(db, { resourceId, identityId }, { after, rowsMax }) {
    const rows = await db<TokenRow[]>`
      select jti, scopes, issued_at, expires_at, device
      from access_token
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
      ${after === undefined ? db`` : db`and jti > ${after}::uuid`}
      order by jti
      limit ${rowsMax + 1}
    `
    return heldPage(rows, rowsMax, {
      place: (row) => row.jti,
      line: (row) => ({
        jti: row.jti,
        scopes: scopesInMask(row.scopes),
        issuedOn: printInstant(row.issued_at.getTime()),
        expiresOn: printInstant(row.expires_at.getTime()),
        ...(row.device === null ? {} : { device: row.device }),
      }),
    })
  },
  async count(db, { resourceId, identityId }) {
    const [row] = await db<{ readonly count: string | number }[]>`
      select count(*) as count
      from access_token
      where resource_id = ${resourceId}
      and identity_id = ${identityId}
    `
    return Number(row?.count)
  },
}

interface TokenRow {
  readonly jti: string
  readonly scopes: number
  readonly issued_at: Date
  readonly expires_at: Date
  readonly device: string | null
}
