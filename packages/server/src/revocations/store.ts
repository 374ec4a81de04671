import type { RevocationEvent } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'
import { appendCutOffs, eventFrom, type RevocationEventRow } from '../events/store.ts'

/**
 * The beginning of a statement that starts the next generation of identities: `locked` and
 * `cut_off`, as members of its `with`. Others wait at the rows from here to the commit.
 */
export function cutOffGenerations(
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
      for no key update
    ),
    cut_off as (
      update identity
      set generation = generation + 1, live_from_generation = null
      where resource_id = ${resourceId}
      and identity_id = any(array(select identity_id from locked))
      returning identity_id as subject, generation
    )
  `
}

/**
 * Starts the next generation of identities and appends the cut-offs that void every token of the
 * former ones, in one transaction.
 *
 * @returns one event for each identity that exists, in no particular order.
 */
export async function startGenerations(
  db: Queries,
  resourceId: string,
  revoked: { readonly identityIds: readonly string[]; readonly atMs: number },
): Promise<readonly RevocationEvent[]> {
  const { identityIds, atMs } = revoked
  const rows = await db<RevocationEventRow[]>`
    with ${cutOffGenerations(db, resourceId, identityIds)},
    ${appendCutOffs(db, { resourceId, kind: 'identity', atMs })}
  `
  return rows.map(eventFrom)
}
