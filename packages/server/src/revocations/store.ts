import type { RevocationEvent } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'
import { appendCutOffs, eventFrom, type RevocationEventRow } from '../events/store.ts'

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
  // Rows are locked in the order of their ids, so that no two groups wait for each other.
  const rows = await db<RevocationEventRow[]>`
    with locked as (
      select identity_id
      from identity
      where resource_id = ${resourceId}
      and identity_id = any(${identityIds}::uuid[])
      order by identity_id
      for no key update
    ),
    cut_off as (
      update identity
      set generation = identity.generation + 1, live_from_generation = null
      from locked
      where identity.resource_id = ${resourceId}
      and identity.identity_id = locked.identity_id
      returning identity.identity_id as subject, identity.generation
    ),
    ${appendCutOffs(db, { resourceId, kind: 'identity', atMs })}
  `
  return rows.map(eventFrom)
}
