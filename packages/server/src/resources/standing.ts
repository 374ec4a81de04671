import type { Queries } from '../database/connect.ts'

/** Whether a resource may be worked in, or why not. */
export type Standing = 'live' | 'resource-deleted' | 'subscription-disabled'

/**
 * The standing of a resource as an expression of SQL, for the statement that makes something in it:
 * read from the rows as they are when that statement runs, never from a cache.
 *
 * A statement that began before the deletion was committed still sees a live resource. What it
 * makes is dead all the same: the cut-off of the resource voids its tokens, and the purge takes
 * its rows.
 *
 * Two look-ups by primary key for a whole statement: some 3 us, whatever it makes.
 */
export function standingOf(db: Queries, resourceId: string): ReturnType<typeof db> {
  return db`
    coalesce(
      (
        select case
          when resource.deleted_at is not null then 'resource-deleted'
          when subscription.state <> 'Enabled' then 'subscription-disabled'
          else 'live'
        end
        from resource
        join subscription on subscription.subscription_id = resource.subscription_id
        where resource.resource_id = ${resourceId}
      ),
      'resource-deleted'
    )
  `
}
