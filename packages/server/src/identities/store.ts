import { deletedGeneration, type RevocationEvent } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'
import { appendCutOffs, eventFrom, type RevocationEventRow } from '../events/store.ts'
import type { Standing } from '../resources/standing.ts'

/**
 * Stores new identities of a resource, at most a few hundred at once.
 *
 * @returns the standing of the resource; none was stored unless that is `live`.
 */
export async function insertIdentities(
  db: Queries,
  resourceId: string,
  created: { readonly identityIds: readonly string[]; readonly atMs: number },
): Promise<Standing> {
  const [row] = await db<{ readonly standing: Standing }[]>`
    with owner as materialized (
      select standing from resource_standing where resource_id = ${resourceId}
    ),
    created as (
      insert into identity (resource_id, identity_id, created_at)
      select ${resourceId}, identity_id, ${new Date(created.atMs)}
      from unnest(${created.identityIds}::uuid[]) as identity_id
      where (select standing from owner) = 'live'
    )
    select standing
    from owner
  `
  return row?.standing ?? 'resource-deleted'
}

/** An identity found or made by its `customId`. */
export interface NamedIdentity {
  readonly identityId: string
  readonly lastTokenIssuedAtMs: number | undefined
}

/**
 * Finds the identity of a `customId`, or stores a new one under it.
 *
 * One statement decides: of any number of callers with the same value, on any number of nodes,
 * one inserts and the others find its row. The update changes nothing; it is what makes PostgreSQL
 * wait for a concurrent insert and return the row that won.
 *
 * @returns the standing of the resource instead where that is not `live`; nothing was stored then.
 */
export async function upsertNamedIdentity(
  db: Queries,
  resourceId: string,
  named: { readonly identityId: string; readonly customIdHash: Buffer; readonly atMs: number },
): Promise<NamedIdentity | Exclude<Standing, 'live'>> {
  const { identityId, customIdHash, atMs } = named
  const [row] = await db<(Partial<LastIssuedRow> & { readonly standing: Standing })[]>`
    with owner as materialized (
      select standing from resource_standing where resource_id = ${resourceId}
    ),
    met as (
      insert into identity (resource_id, identity_id, custom_id_hash, created_at)
      select ${resourceId}, ${identityId}::uuid, ${customIdHash}::bytea, ${new Date(atMs)}
      from owner
      where standing = 'live'
      on conflict (resource_id, custom_id_hash) where custom_id_hash is not null
      do update set custom_id_hash = excluded.custom_id_hash
      returning
        identity.identity_id,
        ${lastIssuedAt(db, resourceId)}
    )
    select owner.standing, met.identity_id, met.last_issued_at
    from owner
    left join met on true
  `
  const { standing = 'resource-deleted', identity_id, last_issued_at = null } = row ?? {}
  if (standing !== 'live') return standing
  if (identity_id === undefined) throw new Error('an upsert returns the row it met')
  return namedIdentityFrom({ identity_id, last_issued_at })
}

/** Finds an identity; `undefined` when the resource has none of that id. */
export async function findIdentity(
  db: Queries,
  resourceId: string,
  identityId: string,
): Promise<NamedIdentity | undefined> {
  const [row] = await db<LastIssuedRow[]>`
    select
      identity.identity_id,
      ${lastIssuedAt(db, resourceId)}
    from identity
    where identity.resource_id = ${resourceId}
    and identity.identity_id = ${identityId}
  `
  return row === undefined ? undefined : namedIdentityFrom(row)
}

/**
 * When the identity of the row at hand was last issued a token: what expired tokens left behind,
 * or what the ledger says of those that have not.
 */
function lastIssuedAt(db: Queries, resourceId: string): ReturnType<typeof db> {
  return db`
    greatest(
      identity.last_token_issued_at,
      (
        select max(token.issued_at)
        from access_token as token
        where token.resource_id = ${resourceId}
        and token.identity_id = identity.identity_id
      )
    ) as last_issued_at
  `
}

interface LastIssuedRow {
  readonly identity_id: string
  readonly last_issued_at: Date | null
}

function namedIdentityFrom(row: LastIssuedRow): NamedIdentity {
  return {
    identityId: row.identity_id,
    lastTokenIssuedAtMs: row.last_issued_at?.getTime(),
  }
}

/**
 * Holds an identity to the commit: whoever was adding something of it has committed, or waits.
 *
 * @returns whether it is there.
 */
export async function lockIdentity(
  db: Queries,
  { resourceId, identityId }: { readonly resourceId: string; readonly identityId: string },
): Promise<boolean> {
  const rows = await db`
    select
    from identity
    where resource_id = ${resourceId}
    and identity_id = ${identityId}
    for update
  `
  return rows.count === 1
}

/**
 * The beginning of a statement that deletes identities with all that hangs on them: `locked` and
 * `cut_off`, as members of its `with`. Others wait at the rows from here to the commit.
 */
export function cutOffForEver(
  db: Queries,
  resourceId: string,
  identityIds: readonly string[],
): ReturnType<typeof db> {
  // Rows are locked in the order of their ids, so that no two groups wait for each other. They are
  // found by an array: of a join the planner may make one over all identities of the resource.
  return db`
    locked as (
      select identity_id
      from identity
      where resource_id = ${resourceId}
      and identity_id = any(${identityIds}::uuid[])
      order by identity_id
      for update
    ),
    cut_off as (
      delete from identity
      where resource_id = ${resourceId}
      and identity_id = any(array(select identity_id from locked))
      returning identity_id as subject, ${deletedGeneration}::bigint as generation
    )
  `
}

/**
 * Deletes identities with their ledger rows, and appends the cut-off that voids their tokens, in
 * one transaction.
 *
 * @returns one event for each identity that existed; the others never were.
 */
export async function deleteIdentities(
  db: Queries,
  resourceId: string,
  gone: { readonly identityIds: readonly string[]; readonly atMs: number },
): Promise<readonly RevocationEvent[]> {
  const { identityIds, atMs } = gone
  const rows = await db<RevocationEventRow[]>`
    with ${cutOffForEver(db, resourceId, identityIds)},
    ${appendCutOffs(db, { resourceId, kind: 'identity', atMs })}
  `
  return rows.map(eventFrom)
}
