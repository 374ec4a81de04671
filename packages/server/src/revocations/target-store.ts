import { deletedGeneration, type RevocationEvent } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'
import {
  appendCutOffs,
  eventFrom,
  forgetMarginMs,
  type RevocationEventRow,
} from '../events/store.ts'

/** A token that has not expired, live or void. */
export interface LedgerToken {
  readonly tokenId: string
  readonly expiresAtMs: number
}

/**
 * What expired before this has expired everywhere. Clocks differ, and a verifier may forgive an
 * expiry for some minutes: a token that is over here may be accepted there.
 */
function expiredFor(nowMs: number): Date {
  return new Date(nowMs - forgetMarginMs)
}

/** Which of some ids are identities of the resource. */
export async function findIdentityIds(
  db: Queries,
  resourceId: string,
  identityIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db<{ readonly identity_id: string }[]>`
    select identity_id
    from identity
    where resource_id = ${resourceId}
    and identity_id = any(${identityIds}::uuid[])
  `
  return new Set(rows.map((row) => row.identity_id))
}

/** Finds those of some tokens that are the resource's and have not expired. */
export async function findLedgerTokens(
  db: Queries,
  resourceId: string,
  asked: { readonly tokenIds: readonly string[]; readonly nowMs: number },
): Promise<readonly LedgerToken[]> {
  const rows = await db<LedgerRow[]>`
    select jti, expires_at
    from access_token
    where resource_id = ${resourceId}
    and jti = any(${asked.tokenIds}::uuid[])
    and expires_at > ${expiredFor(asked.nowMs)}
  `
  return rows.map(tokenFrom)
}

/** Tokens of an identity that were issued before an instant. */
export interface IssueWindow {
  readonly identityId: string
  readonly beforeMs: number
  /** They are read in the order of their ids; so far up to this one. */
  readonly afterTokenId: string | undefined
}

/**
 * Lists the next tokens of each window that have not expired, live or void: what another call
 * voided may not be confirmed yet.
 *
 * @param asked.eachMax - tokens of one window; one that has so many may have more.
 * @returns a list for each window, in their order.
 */
export async function listIssuedBefore(
  db: Queries,
  resourceId: string,
  asked: {
    readonly windows: readonly IssueWindow[]
    readonly eachMax: number
    readonly nowMs: number
  },
): Promise<readonly (readonly LedgerToken[])[]> {
  const { windows, eachMax, nowMs } = asked
  const rows = await db<(LedgerRow & { readonly position: number })[]>`
    select position::integer, token.jti, token.expires_at
    from unnest(
      ${windows.map(({ identityId }) => identityId)}::uuid[],
      ${windows.map(({ beforeMs }) => new Date(beforeMs).toISOString())}::text[]::timestamptz[],
      ${windows.map(({ afterTokenId }) => afterTokenId ?? firstId)}::uuid[]
    ) with ordinality as issue_window (identity_id, before, after_jti, position)
    cross join lateral (
      select jti, expires_at
      from access_token
      where resource_id = ${resourceId}
      and identity_id = issue_window.identity_id
      and jti > issue_window.after_jti
      and issued_at < issue_window.before
      and expires_at > ${expiredFor(nowMs)}
      order by jti
      limit ${eachMax}
    ) as token
    order by position, token.jti
  `
  const lists: LedgerToken[][] = windows.map(() => [])
  for (const row of rows) lists[row.position - 1]?.push(tokenFrom(row))
  return lists
}

/** Below the id of every token. */
const firstId = '00000000-0000-0000-0000-000000000000'

/**
 * Appends the cut-offs that deny tokens, each until it has expired.
 *
 * No row is locked for it: a denial is a fact about an id, whatever befalls the rest meanwhile.
 */
export async function denyTokens(
  db: Queries,
  resourceId: string,
  tokens: readonly LedgerToken[],
): Promise<readonly RevocationEvent[]> {
  if (tokens.length === 0) return []
  const rows = await db<RevocationEventRow[]>`
    with cut_off as (
      select
        subject,
        ${deletedGeneration}::bigint as generation,
        expires_at + ${forgetMarginMs}::float8 * interval '1 millisecond' as forget_at
      from unnest(
        ${tokens.map(({ tokenId }) => tokenId)}::uuid[],
        ${tokens.map(({ expiresAtMs }) => new Date(expiresAtMs).toISOString())}
          ::text[]::timestamptz[]
      ) as denied (subject, expires_at)
    ),
    ${appendCutOffs(db, { resourceId, kind: 'token' })}
  `
  return rows.map(eventFrom)
}

interface LedgerRow {
  readonly jti: string
  readonly expires_at: Date
}

function tokenFrom(row: LedgerRow): LedgerToken {
  return { tokenId: row.jti, expiresAtMs: row.expires_at.getTime() }
}
