/**
 * Whether a resource may be worked in, or why not.
 *
 * The statement that makes something in a resource reads this from `resource_standing`, as the
 * rows are when it runs and never from a cache; where the view has no row the resource is purged.
 * That is two look-ups by primary key for a whole statement: with 24 tokens in it, 2 us of the
 * database for each.
 *
 * A statement that began before the deletion was committed still sees a live resource. What it
 * makes is dead all the same: the cut-off of the resource voids its tokens, and the purge takes
 * its rows.
 */
export type Standing = 'live' | 'resource-deleted' | 'subscription-disabled'
