import type { Queries } from '../database/connect.ts'
import type { DataLocation, Resource } from './model.ts'

/** Lists the resources that are not deleted, oldest first. */
export async function listResources(db: Queries): Promise<readonly Resource[]> {
  const rows = await db<ResourceRow[]>`
    select
      resource.resource_id, resource.subscription_id, resource.resource_group, resource.name,
      resource.data_location, resource.is_local_auth_disabled,
      subscription.state = 'Enabled' as is_subscription_enabled
    from resource
    join subscription on subscription.subscription_id = resource.subscription_id
    where resource.deleted_at is null
    order by resource.created_at, resource.resource_id
  `
  return rows.map(resourceFrom)
}

/** Finds a resource that is not deleted. */
export async function findResource(db: Queries, resourceId: string): Promise<Resource | undefined> {
  const [row] = await db<ResourceRow[]>`
    select
      resource.resource_id, resource.subscription_id, resource.resource_group, resource.name,
      resource.data_location, resource.is_local_auth_disabled,
      subscription.state = 'Enabled' as is_subscription_enabled
    from resource
    join subscription on subscription.subscription_id = resource.subscription_id
    where resource.resource_id = ${resourceId}
    and resource.deleted_at is null
  `
  return row === undefined ? undefined : resourceFrom(row)
}

/** Stores a resource and, where it is new, its subscription. */
export async function insertResource(
  db: Queries,
  resource: Resource,
  nowMs: number,
): Promise<void> {
  const createdAt = new Date(nowMs)
  await db`
    insert into subscription (subscription_id, created_at)
    values (${resource.subscriptionId}, ${createdAt})
    on conflict do nothing
  `
  await db`
    insert into resource
      (resource_id, subscription_id, resource_group, name, data_location, created_at)
    values (
      ${resource.resourceId},
      ${resource.subscriptionId},
      ${resource.resourceGroup},
      ${resource.name},
      ${resource.dataLocation},
      ${createdAt}
    )
  `
}

interface ResourceRow {
  readonly resource_id: string
  readonly subscription_id: string
  readonly resource_group: string
  readonly name: string
  readonly data_location: string
  readonly is_local_auth_disabled: boolean
  readonly is_subscription_enabled: boolean
}

function resourceFrom(row: ResourceRow): Resource {
  return {
    resourceId: row.resource_id,
    subscriptionId: row.subscription_id,
    resourceGroup: row.resource_group,
    name: row.name,
    dataLocation: row.data_location as DataLocation,
    isLocalAuthDisabled: row.is_local_auth_disabled,
    isSubscriptionEnabled: row.is_subscription_enabled,
  }
}
