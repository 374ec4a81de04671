import { type AccessKeySlot, type Scope, scopesInMask } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'

/** A token that still opens something. */
export interface LiveToken {
  readonly tokenId: string
  readonly identityId: string
  /** Those that are left: fewer than it was issued with where its identity was stepped down. */
  readonly scopes: readonly Scope[]
  readonly issuedAtMs: number
  readonly expiresAtMs: number
  /** The access key it was issued under; absent for a caller that came with a bearer. */
  readonly accessKey: { readonly slot: AccessKeySlot; readonly generation: number } | undefined
  readonly device: string | undefined
}

/** Part of a list of live tokens. */
export interface LiveTokenPage {
  /** In the order of their ids, which is that of their issue. */
  readonly tokens: readonly LiveToken[]
  /** After which id the list goes on; `undefined` where it does not. */
  readonly nextAfter: string | undefined
}

/**
 * Lists tokens that open something at this moment, of a resource or of one of its identities.
 *
 * It follows the algebra of `voiding.ts` on the rows themselves: the generation of the identity was
 * not revoked, that of the access key is the current one or the former while its row stands, the
 * log has no denial of the token, and a scope is left that it has not taken. Time is asked about
 * expiry alone.
 *
 * A page looks at no more than `linesMax` lines. Where most of them are void, as after an access
 * key was regenerated, it may be short or empty and still have a next one.
 *
 * Of 1,000,000 live tokens the first 100 take 20 ms through the whole server, those of one identity
 * 5, a page of nothing but void ones 7 (`bench/live.ts`, on a busy machine). Rejected: looking on
 * until the page is full, which reads a million void lines for one request; and marking lines as
 * they are voided, which writes as many for one revocation.
 */
export async function listLiveTokens(
  db: Queries,
  resourceId: string,
  asked: {
    /** Absent: those of all identities. */
    readonly identityId: string | undefined
    /** The list goes on after this id; absent: from its beginning. */
    readonly after: string | undefined
    readonly tokensMax: number
    readonly linesMax: number
    readonly nowMs: number
  },
): Promise<LiveTokenPage> {
  const { identityId, after, tokensMax, linesMax, nowMs } = asked
  const ofIdentity = identityId === undefined ? db`` : db`and identity_id = ${identityId}`
  const afterId = after === undefined ? db`` : db`and jti > ${after}`
  const rows = await db<LiveTokenRow[]>`
    with line as materialized (
      select
        jti, identity_id, identity_generation, scopes, access_key_slot, access_key_generation,
        issued_at, expires_at, device
      from access_token
      where resource_id = ${resourceId}
      ${ofIdentity}
      and expires_at > ${new Date(nowMs)}
      ${afterId}
      order by jti
      limit ${linesMax}
    ),
    ${liveLines(db, resourceId, tokensMax + 1)}
    select
      live.*,
      (select jti from line order by jti desc limit 1) as last_line,
      (select count(*) from line)::integer as line_count
    from (values (true)) as always (is_there)
    left join live on true
    order by live.jti
  `
  return pageFrom(rows, { tokensMax, linesMax })
}

/**
 * Of the lines at hand those that nothing has voided, with the scopes that are left. For
 * that only identities are looked up in the log that were stepped down since they were revoked.
 */
function liveLines(db: Queries, resourceId: string, linesMax: number): ReturnType<typeof db> {
  return db`
    live as (
      select
        line.jti, line.identity_id, line.access_key_slot, line.access_key_generation,
        line.issued_at, line.expires_at, line.device, narrowed.scopes
      from line
      join identity
        on identity.resource_id = ${resourceId}
        and identity.identity_id = line.identity_id
        and coalesce(line.identity_generation, identity.generation)
          >= coalesce(identity.live_from_generation, identity.generation)
      cross join lateral (
        select line.scopes & ~coalesce(bit_or(1 << right(subject, 1)::integer), 0) as scopes
        from revocation_event
        where identity.live_from_generation is not null
        and revocation_event.resource_id = ${resourceId}
        and revocation_event.kind = 'identity-scope'
        and left(revocation_event.subject, 36) = line.identity_id::text
        and revocation_event.generation > coalesce(line.identity_generation, 0)
      ) as narrowed
      where narrowed.scopes <> 0
      and (
        line.access_key_slot is null
        or exists (
          select from access_key
          where access_key.resource_id = ${resourceId}
          and access_key.slot = line.access_key_slot
          and line.access_key_generation
            in (access_key.generation, access_key.former_generation)
        )
      )
      and not exists (
        select from revocation_event
        where revocation_event.resource_id = ${resourceId}
        and revocation_event.kind = 'token'
        and revocation_event.subject = line.jti::text
      )
      order by line.jti
      limit ${linesMax}
    )
  `
}

function pageFrom(
  rows: readonly LiveTokenRow[],
  { tokensMax, linesMax }: { readonly tokensMax: number; readonly linesMax: number },
): LiveTokenPage {
  const found = rows.flatMap((row) => (row.jti === null ? [] : [tokenFrom(row)]))
  const tokens = found.slice(0, tokensMax)
  if (found.length > tokensMax) return { tokens, nextAfter: tokens.at(-1)?.tokenId }
  const { line_count: lineCount = 0, last_line: lastLine } = rows[0] ?? {}
  return { tokens, nextAfter: lineCount === linesMax ? (lastLine ?? undefined) : undefined }
}

interface LiveTokenRow extends LineRow {
  readonly jti: string | null
  readonly last_line: string | null
  readonly line_count: number
}

interface LineRow {
  readonly identity_id: string
  readonly scopes: number
  readonly access_key_slot: AccessKeySlot | null
  readonly access_key_generation: string | number | null
  readonly issued_at: Date
  readonly expires_at: Date
  readonly device: string | null
}

function tokenFrom(row: LiveTokenRow): LiveToken {
  const { access_key_slot: slot, access_key_generation: generation } = row
  return {
    tokenId: row.jti ?? '',
    identityId: row.identity_id,
    scopes: scopesInMask(row.scopes),
    issuedAtMs: row.issued_at.getTime(),
    expiresAtMs: row.expires_at.getTime(),
    accessKey: slot === null ? undefined : { slot, generation: Number(generation) },
    device: row.device ?? undefined,
  }
}
