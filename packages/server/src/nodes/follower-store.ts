import type { Database, Queries } from '../database/connect.ts'

/** A verifier elsewhere that is waited for, as the table shows it. */
export interface FollowerRow {
  readonly resourceId: string
  readonly followerId: string
  readonly renewals: number
  readonly appliedSeq: number
  readonly waitMs: number
}

/** Lists the followers that some resources wait for; of all resources where none is named. */
export async function listFollowers(
  db: Queries,
  resourceIds?: readonly string[],
): Promise<readonly FollowerRow[]> {
  const rows = await db<StoredFollower[]>`
    select resource_id, follower_id, renewals, applied_seq, wait_ms
    from revocation_follower
    ${resourceIds === undefined ? db`` : db`where resource_id = any(${resourceIds}::uuid[])`}
  `
  return rows.map((row) => ({
    resourceId: row.resource_id,
    followerId: row.follower_id,
    renewals: Number(row.renewals),
    appliedSeq: Number(row.applied_seq),
    waitMs: row.wait_ms,
  }))
}

/**
 * Enters a follower, durably: who confirms after this has come back reads the row. It gives no
 * lease: only a renewal that finds the row does.
 *
 * @returns whether it was entered; the resource may have as many as it may, or be deleted.
 */
export async function insertFollower(
  db: Database,
  follower: Omit<FollowerRow, 'renewals'>,
  followersMax: number,
): Promise<boolean> {
  const { resourceId, followerId, appliedSeq, waitMs } = follower
  return db.begin(async (transaction) => {
    // One after the other, so that two do not both find the last place.
    const held = await transaction`
      select resource_id
      from resource
      where resource_id = ${resourceId}
      and deleted_at is null
      for no key update
    `
    if (held.length === 0) return false
    const inserted = await transaction`
      insert into revocation_follower (resource_id, follower_id, renewals, applied_seq, wait_ms)
      select ${resourceId}, ${followerId}, 1, ${appliedSeq}, ${waitMs}
      where (
        select count(*)
        from revocation_follower
        where resource_id = ${resourceId}
      ) < ${followersMax}
    `
    return inserted.count > 0
  })
}

/** What a follower says of itself. */
export interface Acknowledgement {
  readonly followerId: string
  readonly seq: number
}

/**
 * Renews the rows of followers of a resource and notes how far each is.
 *
 * The log is read in the same statement, so in a snapshot that is younger than the requests: what
 * had been committed when a follower asked is told to it.
 *
 * @returns for each the last cut-off of its resource; `undefined` for those that have no row.
 */
export async function renewFollowers(
  db: Queries,
  resourceId: string,
  asked: readonly Acknowledgement[],
): Promise<readonly (number | undefined)[]> {
  const furthest = new Map<string, number>()
  for (const { followerId, seq } of asked) {
    furthest.set(followerId, Math.max(seq, furthest.get(followerId) ?? 0))
  }
  const [row] = await db<RenewedFollowers[]>`
    with asked as (
      select follower_id, applied_seq
      from unnest(
        ${[...furthest.keys()]}::uuid[],
        ${[...furthest.values()].map(String)}::text[]::bigint[]
      ) as asked (follower_id, applied_seq)
    ),
    renewed as (
      update revocation_follower
      set
        renewals = renewals + 1,
        applied_seq = greatest(revocation_follower.applied_seq, asked.applied_seq)
      from asked
      where revocation_follower.resource_id = ${resourceId}
      and revocation_follower.follower_id = asked.follower_id
      returning revocation_follower.follower_id
    )
    select
      array(select follower_id::text from renewed) as renewed,
      (
        select coalesce(max(seq), 0)
        from revocation_event
        where resource_id = ${resourceId}
        and kind not in ('resource-changed', 'signing-keys-changed')
      ) as last_seq
  `
  const renewed = new Set(row?.renewed)
  return asked.map(({ followerId }) =>
    renewed.has(followerId) ? Number(row?.last_seq) : undefined,
  )
}

/**
 * Ends the lease of followers that have been silent, unless they were renewed meanwhile.
 *
 * @returns how many it has ended.
 */
export async function endFollowers(
  db: Queries,
  silent: readonly Pick<FollowerRow, 'resourceId' | 'followerId' | 'renewals'>[],
): Promise<number> {
  const ended = await db`
    delete from revocation_follower
    using unnest(
      ${silent.map((row) => row.resourceId)}::uuid[],
      ${silent.map((row) => row.followerId)}::uuid[],
      ${silent.map((row) => String(row.renewals))}::text[]::bigint[]
    ) as silent (resource_id, follower_id, renewals)
    where revocation_follower.resource_id = silent.resource_id
    and revocation_follower.follower_id = silent.follower_id
    and revocation_follower.renewals = silent.renewals
  `
  return ended.count
}

/** Takes a follower out that accepts nothing any more. */
export async function deleteFollower(
  db: Queries,
  resourceId: string,
  followerId: string,
): Promise<void> {
  await db`
    delete from revocation_follower
    where resource_id = ${resourceId}
    and follower_id = ${followerId}
  `
}

interface StoredFollower {
  readonly resource_id: string
  readonly follower_id: string
  readonly renewals: string | number
  readonly applied_seq: string | number
  readonly wait_ms: number
}

interface RenewedFollowers {
  readonly renewed: readonly string[]
  readonly last_seq: string | number
}
