import { type RevocationEvent, scopes } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'
import { appendCutOffs, eventFrom, type RevocationEventRow } from '../events/store.ts'
import type { StepDown } from './step-down-model.ts'

/**
 * Starts the next generation of identities and appends for each scope that is taken the cut-off at
 * that generation, in one transaction. No token is voided by the generation alone: the identity
 * remembers from which one on its tokens count.
 *
 * @param asked.stepDowns - each identity once.
 * @returns the events of those identities that exist, one for each scope.
 */
export async function takeScopes(
  db: Queries,
  resourceId: string,
  asked: { readonly stepDowns: readonly StepDown[]; readonly atMs: number },
): Promise<readonly RevocationEvent[]> {
  const { stepDowns, atMs } = asked
  if (stepDowns.length === 0) return []
  // Rows are locked in the order of their ids, so that no two groups wait for each other.
  const rows = await db<RevocationEventRow[]>`
    with asked as (
      select identity_id, taken_mask
      from unnest(
        ${stepDowns.map(({ identityId }) => identityId)}::uuid[],
        ${stepDowns.map(({ takenMask }) => takenMask)}::integer[]
      ) as asked (identity_id, taken_mask)
    ),
    locked as (
      select identity.identity_id, asked.taken_mask
      from identity
      join asked on asked.identity_id = identity.identity_id
      where identity.resource_id = ${resourceId}
      order by identity.identity_id
      for no key update of identity
    ),
    stepped_down as (
      update identity
      set
        generation = identity.generation + 1,
        live_from_generation = coalesce(identity.live_from_generation, identity.generation)
      from locked
      where identity.resource_id = ${resourceId}
      and identity.identity_id = locked.identity_id
      returning identity.identity_id, identity.generation, locked.taken_mask
    ),
    cut_off as (
      select stepped_down.identity_id || '-' || place as subject, stepped_down.generation
      from stepped_down
      cross join generate_series(0, ${scopes.length - 1}) as place
      where stepped_down.taken_mask & (1 << place) <> 0
    ),
    ${appendCutOffs(db, { resourceId, kind: 'identity-scope', atMs })}
  `
  return rows.map(eventFrom)
}
