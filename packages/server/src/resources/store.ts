import { deletedGeneration, type RevocationEvent } from '@parley/protocol'
import type { Queries } from '../database/connect.ts'
import { appendCutOffs, eventFrom, type RevocationEventRow } from '../events/store.ts'
import type { CorsRules } from './cors.ts'
import type { DataLocation, ResourcePlace, ResourceSettings, StoredResource } from './model.ts'

/** Lists the resources that are not deleted, oldest first. */
export async function listResources(db: Queries): Promise<readonly StoredResource[]> {
  const rows = await db<ResourceRow[]>`
    ${selectResources(db)}
    where resource.deleted_at is null
    order by resource.created_at, resource.resource_id
  `
  return rows.map(resourceFrom)
}

/** Finds a resource that is not deleted. */
export async function findResource(
  db: Queries,
  resourceId: string,
): Promise<StoredResource | undefined> {
  const [row] = await db<ResourceRow[]>`
    ${selectResources(db)}
    where resource.resource_id = ${resourceId}
    and resource.deleted_at is null
  `
  return row === undefined ? undefined : resourceFrom(row)
}

/** Lists the ids of the resources of a subscription that are not deleted. */
export async function listResourceIds(
  db: Queries,
  subscriptionId: string,
): Promise<readonly string[]> {
  const rows = await db<{ readonly resource_id: string }[]>`
    select resource_id
    from resource
    where subscription_id = ${subscriptionId}
    and deleted_at is null
  `
  return rows.map((row) => row.resource_id)
}

/** Which resources a page has. */
export interface PageOfResources {
  readonly subscriptionId: string
  /** Absent: those of every group. */
  readonly resourceGroup: string | undefined
  /** The page starts after this name; empty for the first page. */
  readonly afterName: string
  readonly entriesMax: number
}

/** Lists resources that are not deleted in the order of their names, which have no case. */
export async function listResourcesByName(
  db: Queries,
  page: PageOfResources,
): Promise<readonly StoredResource[]> {
  const { subscriptionId, resourceGroup, afterName, entriesMax } = page
  const inGroup =
    resourceGroup === undefined
      ? db``
      : db`and lower(resource.resource_group) = lower(${resourceGroup})`
  const rows = await db<ResourceRow[]>`
    ${selectResources(db)}
    where resource.subscription_id = ${subscriptionId}
    ${inGroup}
    and resource.deleted_at is null
    and lower(resource.name) collate "C" > lower(${afterName}) collate "C"
    order by lower(resource.name) collate "C"
    limit ${entriesMax}
  `
  return rows.map(resourceFrom)
}

/** Finds a resource by its place; `undefined` when there is none or it is deleted. */
export async function findResourceAt(
  db: Queries,
  place: ResourcePlace,
): Promise<StoredResource | undefined> {
  const [row] = await db<ResourceRow[]>`
    ${selectResources(db)}
    where resource.subscription_id = ${place.subscriptionId}
    and lower(resource.resource_group) = lower(${place.resourceGroup})
    and lower(resource.name) = lower(${place.name})
    and resource.deleted_at is null
  `
  return row === undefined ? undefined : resourceFrom(row)
}

/**
 * Stores a new resource of a subscription that exists.
 *
 * @returns whether its name was free.
 */
export async function insertResource(db: Queries, resource: StoredResource): Promise<boolean> {
  const createdAt = new Date(resource.createdAtMs)
  const rows = await db`
    insert into resource (
      resource_id, subscription_id, resource_group, name, data_location,
      location, tags, managed_identity, linked_domains, notification_hub_id,
      public_network_access, is_local_auth_disabled,
      created_by, created_at, updated_by, updated_at
    )
    values (
      ${resource.resourceId},
      ${resource.subscriptionId},
      ${resource.resourceGroup},
      ${resource.name},
      ${resource.dataLocation},
      ${resource.location},
      ${jsonOf(db, resource.tags)},
      ${jsonOf(db, resource.managedIdentity)},
      ${jsonOf(db, resource.linkedDomains)},
      ${resource.notificationHubId ?? null},
      ${resource.publicNetworkAccess},
      ${resource.isLocalAuthDisabled},
      ${resource.createdBy},
      ${createdAt},
      ${resource.createdBy},
      ${createdAt}
    )
    on conflict (lower(name)) where deleted_at is null
    do nothing
    returning resource_id
  `
  return rows.length === 1
}

/** Stores the settings of a resource, and who changed them when. */
export async function updateResource(db: Queries, resource: StoredResource): Promise<void> {
  await db`
    update resource
    set
      location = ${resource.location},
      tags = ${jsonOf(db, resource.tags)},
      managed_identity = ${jsonOf(db, resource.managedIdentity)},
      linked_domains = ${jsonOf(db, resource.linkedDomains)},
      notification_hub_id = ${resource.notificationHubId ?? null},
      public_network_access = ${resource.publicNetworkAccess},
      is_local_auth_disabled = ${resource.isLocalAuthDisabled},
      updated_by = ${resource.updatedBy},
      updated_at = ${new Date(resource.updatedAtMs)}
    where resource_id = ${resource.resourceId}
  `
}

/**
 * Stores from which web pages a resource may be called.
 *
 * @returns whether it is there and not deleted.
 */
export async function updateCorsRules(
  db: Queries,
  resourceId: string,
  rules: CorsRules,
): Promise<boolean> {
  const updated = await db`
    update resource
    set
      cors_user_origins = ${rules.userOrigins ?? null}::text[],
      cors_owner_origins = ${rules.ownerOrigins ?? null}::text[]
    where resource_id = ${resourceId}
    and deleted_at is null
  `
  return updated.count === 1
}

/**
 * Deletes resources for everybody: takes them out of the control plane, deletes their access keys,
 * notes them for the purge, and appends one cut-off for each that voids every token of it. What it
 * costs does not depend on how many identities they have.
 *
 * @param place - of one resource, or of a subscription, which means all of its resources.
 * @returns one event for each that was there.
 */
export async function markResourcesDeleted(
  db: Queries,
  place: Pick<ResourcePlace, 'subscriptionId'> & Partial<ResourcePlace>,
  atMs: number,
): Promise<readonly RevocationEvent[]> {
  const { subscriptionId, resourceGroup, name } = place
  const at = new Date(atMs)
  const named =
    resourceGroup === undefined || name === undefined
      ? db``
      : db`and lower(resource_group) = lower(${resourceGroup}) and lower(name) = lower(${name})`
  const rows = await db<RevocationEventRow[]>`
    with gone as (
      update resource
      set deleted_at = ${at}
      where subscription_id = ${subscriptionId}
      ${named}
      and deleted_at is null
      returning resource_id, subscription_id, resource_group, name
    ),
    gone_key as (
      delete from access_key
      using gone
      where access_key.resource_id = gone.resource_id
    ),
    to_purge as (
      insert into resource_purge (resource_id, subscription_id, resource_group, name, began_at)
      select resource_id, subscription_id, resource_group, name, ${at}
      from gone
    ),
    cut_off as (
      select resource_id as subject, ${deletedGeneration}::bigint as generation
      from gone
    ),
    ${appendCutOffs(db, { kind: 'resource', atMs })}
  `
  return rows.map(eventFrom)
}

function selectResources(db: Queries): ReturnType<typeof db> {
  return db`
    select
      resource.resource_id, resource.subscription_id, resource.resource_group, resource.name,
      resource.data_location, resource.location, resource.tags, resource.managed_identity,
      resource.linked_domains, resource.notification_hub_id, resource.public_network_access,
      resource.is_local_auth_disabled, resource.created_by, resource.created_at,
      resource.cors_user_origins, resource.cors_owner_origins,
      resource.updated_by, coalesce(resource.updated_at, resource.created_at) as updated_at,
      subscription.state = 'Enabled' as is_subscription_enabled
    from resource
    join subscription on subscription.subscription_id = resource.subscription_id
  `
}

function jsonOf(db: Queries, value: object | undefined): ReturnType<typeof db> {
  return db`${value === undefined ? null : JSON.stringify(value)}::text::jsonb`
}

interface ResourceRow {
  readonly resource_id: string
  readonly subscription_id: string
  readonly resource_group: string
  readonly name: string
  readonly data_location: string
  readonly location: string
  readonly tags: ResourceSettings['tags']
  readonly managed_identity: Readonly<Record<string, unknown>> | null
  readonly linked_domains: readonly string[] | null
  readonly notification_hub_id: string | null
  readonly public_network_access: string
  readonly is_local_auth_disabled: boolean
  readonly created_by: string
  readonly created_at: Date
  readonly updated_by: string
  readonly updated_at: Date
  readonly is_subscription_enabled: boolean
  readonly cors_user_origins: readonly string[] | null
  readonly cors_owner_origins: readonly string[] | null
}

function resourceFrom(row: ResourceRow): StoredResource {
  return {
    resourceId: row.resource_id,
    subscriptionId: row.subscription_id,
    resourceGroup: row.resource_group,
    name: row.name,
    dataLocation: row.data_location as DataLocation,
    location: row.location,
    tags: row.tags,
    managedIdentity: row.managed_identity ?? undefined,
    linkedDomains: row.linked_domains ?? undefined,
    notificationHubId: row.notification_hub_id ?? undefined,
    publicNetworkAccess: row.public_network_access,
    isLocalAuthDisabled: row.is_local_auth_disabled,
    isSubscriptionEnabled: row.is_subscription_enabled,
    createdBy: row.created_by,
    createdAtMs: row.created_at.getTime(),
    updatedBy: row.updated_by,
    updatedAtMs: row.updated_at.getTime(),
    cors: {
      userOrigins: row.cors_user_origins ?? undefined,
      ownerOrigins: row.cors_owner_origins ?? undefined,
    },
  }
}
