import type { Queries } from '../database/connect.ts'
import { deletePurgedSubscriptions } from './subscriptions.ts'

/** A deleted resource and how far its purge is. */
export interface PurgeReport {
  readonly resourceId: string
  readonly subscriptionId: string
  readonly resourceGroup: string
  readonly name: string
  readonly beganAtMs: number
  readonly identitiesDeleted: number
  readonly tokensDeleted: number
  /** Absent while rows are left. */
  readonly finishedAtMs: number | undefined
}

/** Which rows of the report a batch adds to. */
export type PurgeCount = 'identities' | 'tokens'

/** Lists the purges that are not finished, the oldest first; never one of a resource that lives. */
export async function listUnfinishedPurges(
  db: Queries,
  purgesMax: number,
): Promise<readonly PurgeReport[]> {
  const rows = await db<PurgeRow[]>`
    select ${columns(db)}
    from resource_purge
    where finished_at is null
    and not exists (
      select
      from resource
      where resource.resource_id = resource_purge.resource_id
      and resource.deleted_at is null
    )
    order by began_at, resource_id
    limit ${purgesMax}
  `
  return rows.map(reportFrom)
}

/** Where a page of reports begins: after this one. */
export interface PurgePlace {
  readonly beganAtMs: number
  readonly resourceId: string
}

/** Lists reports, those of the oldest purges first. */
export async function listPurges(
  db: Queries,
  asked: { readonly after: PurgePlace | undefined; readonly reportsMax: number },
): Promise<readonly PurgeReport[]> {
  const { after = { beganAtMs: 0, resourceId: noResource }, reportsMax } = asked
  const rows = await db<PurgeRow[]>`
    select ${columns(db)}
    from resource_purge
    where (began_at, resource_id) > (${new Date(after.beganAtMs)}, ${after.resourceId}::uuid)
    order by began_at, resource_id
    limit ${reportsMax}
  `
  return rows.map(reportFrom)
}

const noResource = '00000000-0000-0000-0000-000000000000'

/** Adds to the report what a batch deleted. Run it in the transaction of the batch. */
export async function addToPurge(
  db: Queries,
  resourceId: string,
  deleted: { readonly identities: number; readonly tokens: number },
): Promise<void> {
  if (deleted.identities === 0 && deleted.tokens === 0) return
  await db`
    update resource_purge
    set
      identities_deleted = identities_deleted + ${deleted.identities},
      tokens_deleted = tokens_deleted + ${deleted.tokens}
    where resource_id = ${resourceId}
  `
}

/**
 * Holds the row of a deleted resource to the commit. Whoever was still inserting something that
 * belongs to it has committed when this returns, and nobody begins.
 */
export async function lockDeletedResource(db: Queries, resourceId: string): Promise<void> {
  await db`
    select
    from resource
    where resource_id = ${resourceId}
    and deleted_at is not null
    for update
  `
}

/**
 * Deletes the row of a deleted resource, and that of its subscription where it was the last one of
 * one that is deleted too, and closes the report.
 *
 * @returns whether this has closed it.
 */
export async function finishPurge(
  db: Queries,
  resourceId: string,
  nowMs: number,
): Promise<boolean> {
  await db`
    delete from resource
    where resource_id = ${resourceId}
    and deleted_at is not null
  `
  const finished = await db`
    update resource_purge
    set finished_at = ${new Date(nowMs)}
    where resource_id = ${resourceId}
    and finished_at is null
  `
  await deletePurgedSubscriptions(db)
  return finished.count > 0
}

const keptForMs = 90 * 24 * 60 * 60 * 1000

/** Deletes the reports of purges that were finished 90 days ago. */
export async function deleteOldPurges(db: Queries, nowMs: number): Promise<void> {
  await db`
    delete from resource_purge
    where finished_at <= ${new Date(nowMs - keptForMs)}
  `
}

interface PurgeRow {
  readonly resource_id: string
  readonly subscription_id: string
  readonly resource_group: string
  readonly name: string
  readonly began_at: Date
  readonly identities_deleted: string | number
  readonly tokens_deleted: string | number
  readonly finished_at: Date | null
}

function columns(db: Queries): ReturnType<typeof db> {
  return db`
    resource_id, subscription_id, resource_group, name,
    began_at, identities_deleted, tokens_deleted, finished_at
  `
}

function reportFrom(row: PurgeRow): PurgeReport {
  return {
    resourceId: row.resource_id,
    subscriptionId: row.subscription_id,
    resourceGroup: row.resource_group,
    name: row.name,
    beganAtMs: row.began_at.getTime(),
    identitiesDeleted: Number(row.identities_deleted),
    tokensDeleted: Number(row.tokens_deleted),
    finishedAtMs: row.finished_at?.getTime(),
  }
}
