import type { Queries } from '../database/connect.ts'

/** Who pays: what holds resources. Cancelled is `Disabled`: to be read and deleted, no more. */
export interface Subscription {
  readonly subscriptionId: string
  readonly displayName: string
  readonly state: SubscriptionState
}

/** Whether its resources can be used and changed. */
export type SubscriptionState = 'Enabled' | 'Disabled'

/** Finds a subscription; `undefined` when there is none or it is deleted. */
export async function findSubscription(
  db: Queries,
  subscriptionId: string,
): Promise<Subscription | undefined> {
  const [row] = await db<SubscriptionRow[]>`
    select subscription_id, display_name, state
    from subscription
    where subscription_id = ${subscriptionId}
    and deleted_at is null
  `
  return row === undefined ? undefined : subscriptionFrom(row)
}

/**
 * Holds a subscription as it is until the transaction ends: one that is cancelled or deleted by
 * another node meanwhile is so for the resource that is made or changed here, or this one is there
 * when that node lists its resources.
 */
export async function holdSubscription(db: Queries, subscriptionId: string): Promise<void> {
  await db`
    select
    from subscription
    where subscription_id::text = ${subscriptionId.toLowerCase()}
    for share
  `
}

/**
 * Lists subscriptions that are not deleted in the order of their ids.
 *
 * @param page.afterId - the page starts after this id; absent for the first page.
 */
export async function listSubscriptions(
  db: Queries,
  page: { readonly afterId: string | undefined; readonly entriesMax: number },
): Promise<readonly Subscription[]> {
  const { afterId, entriesMax } = page
  const rows = await db<SubscriptionRow[]>`
    select subscription_id, display_name, state
    from subscription
    where deleted_at is null
    ${afterId === undefined ? db`` : db`and subscription_id > ${afterId}`}
    order by subscription_id
    limit ${entriesMax}
  `
  return rows.map(subscriptionFrom)
}

/**
 * Stores a new subscription. One that was deleted under the same id may still have a row, which
 * waits for the purge of its resources: that row begins anew, and they stay deleted.
 */
export async function insertSubscription(
  db: Queries,
  made: { readonly subscriptionId: string; readonly displayName: string; readonly atMs: number },
): Promise<void> {
  await db`
    insert into subscription (subscription_id, display_name, created_at)
    values (${made.subscriptionId}, ${made.displayName}, ${new Date(made.atMs)})
    on conflict (subscription_id)
    do update set
      display_name = excluded.display_name,
      state = 'Enabled',
      created_at = excluded.created_at,
      deleted_at = null
    where subscription.deleted_at is not null
  `
}

/** Stores the display name and the state of a subscription that is not deleted. */
export async function updateSubscription(db: Queries, subscription: Subscription): Promise<void> {
  const { subscriptionId, displayName, state } = subscription
  await db`
    update subscription
    set display_name = ${displayName}, state = ${state}
    where subscription_id = ${subscriptionId}
    and deleted_at is null
  `
}

/**
 * Deletes a subscription for everybody. Its row stays while its resources have rows.
 *
 * @returns whether there was one.
 */
export async function markSubscriptionDeleted(
  db: Queries,
  subscriptionId: string,
  atMs: number,
): Promise<boolean> {
  const rows = await db`
    update subscription
    set deleted_at = ${new Date(atMs)}
    where subscription_id = ${subscriptionId}
    and deleted_at is null
    returning subscription_id
  `
  return rows.length === 1
}

/** Deletes the rows of deleted subscriptions whose resources are all purged. */
export async function deletePurgedSubscriptions(db: Queries): Promise<void> {
  await db`
    delete from subscription
    where deleted_at is not null
    and not exists (
      select
      from resource
      where resource.subscription_id = subscription.subscription_id
    )
  `
}

interface SubscriptionRow {
  readonly subscription_id: string
  readonly display_name: string
  readonly state: SubscriptionState
}

function subscriptionFrom(row: SubscriptionRow): Subscription {
  return {
    subscriptionId: row.subscription_id,
    displayName: row.display_name === '' ? row.subscription_id : row.display_name,
    state: row.state,
  }
}
