import type { RevocationEvent } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'
import { eventFrom, forgetAt, type RevocationEventRow } from '../events/store.ts'

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
  // Rows are locked in the order of their ids, so that two groups never wait for each other, and
  // before the sequence, whose lock is held to the commit: events commit in the order of `seq`.
  const rows = await db<RevocationEventRow[]>`
    with locked as (
      select identity_id
      from identity
      where resource_id = ${resourceId}
      and identity_id = any(${revoked.identityIds}::uuid[])
      order by identity_id
      for no key update
    ),
    raised as (
      update identity
      set generation = identity.generation + 1
      from locked
      where identity.resource_id = ${resourceId}
      and identity.identity_id = locked.identity_id
      returning identity.identity_id, identity.generation
    ),
    numbered as (
      update event_sequence
      set last_seq = last_seq + (select count(*) from raised)
      where exists (select from raised)
      returning last_seq - (select count(*) from raised) as seq_before
    )
    insert into revocation_event (resource_id, seq, kind, subject, generation, forget_at)
    select
      ${resourceId},
      numbered.seq_before + row_number() over (order by raised.identity_id),
      'identity',
      raised.identity_id,
      raised.generation,
      ${forgetAt(revoked.atMs)}
    from raised
    cross join numbered
    returning resource_id, seq, kind, subject, generation, forget_at
  `
  return rows.map(eventFrom)
}
