/**
 * Deletion of resources and of subscriptions: everything of theirs is dead before the answer, in
 * one transaction whose cost does not depend on how much there is; the rows are purged afterwards.
 */
import type { RevocationEvent } from '@parley/protocol'
import type { AuditAct } from '../audit/model.ts'
import { appendAudit } from '../audit/store.ts'
import type { Database, Transaction } from '../database/connect.ts'
import type { Feed } from '../events/feed.ts'
import type { OneAtATime } from '../foundation/one-at-a-time.ts'
import type { ResourceDirectory } from './directory.ts'
import { printResourcePath, type ResourcePlace } from './model.ts'
import { markResourcesDeleted } from './store.ts'
import { markSubscriptionDeleted } from './subscriptions.ts'

/** What deleting needs. */
export interface DeletionRoom {
  readonly db: Database
  readonly feed: Feed
  readonly resources: ResourceDirectory
  readonly oneAtATime: OneAtATime
}

/** Who deletes, and when; the rest of the entry in the audit log is known here. */
export type Deleter = Pick<AuditAct, 'actor' | 'operation' | 'requestId' | 'atMs'>

/**
 * Deletes a resource: its keys, tokens and identities are void when this returns.
 *
 * @returns whether it was there.
 */
export function deleteResource(
  room: DeletionRoom,
  place: ResourcePlace,
  deleter: Deleter,
): Promise<boolean> {
  return deleteAt(room, async (transaction) => {
    const events = await markResourcesDeleted(transaction, place, deleter.atMs)
    await appendAudit(transaction, actsFor(room, events, deleter))
    return { events, existed: events.length > 0 }
  })
}

/**
 * Deletes a subscription with all its resources.
 *
 * @returns whether it was there.
 */
export function deleteSubscription(
  room: DeletionRoom,
  subscriptionId: string,
  deleter: Deleter,
): Promise<boolean> {
  return deleteAt(room, async (transaction) => {
    const existed = await markSubscriptionDeleted(transaction, subscriptionId, deleter.atMs)
    if (!existed) return { events: [], existed }
    const events = await markResourcesDeleted(transaction, { subscriptionId }, deleter.atMs)
    const target = `/subscriptions/${subscriptionId}`
    const itself = { ...deleter, target, resourceId: undefined }
    await appendAudit(transaction, [...actsFor(room, events, deleter), itself])
    return { events, existed }
  })
}

interface Deleted {
  readonly events: readonly RevocationEvent[]
  readonly existed: boolean
}

async function deleteAt(
  room: DeletionRoom,
  deleteRows: (transaction: Transaction) => Promise<Deleted>,
): Promise<boolean> {
  const { db, feed, oneAtATime } = room
  const { events, existed } = await oneAtATime(() => db.begin(deleteRows))
  await feed.publish(events)
  return existed
}

function actsFor(
  room: DeletionRoom,
  events: readonly RevocationEvent[],
  deleter: Deleter,
): readonly AuditAct[] {
  return events.map(({ resourceId }) => {
    const resource = room.resources.find(resourceId)
    const target = resource === undefined ? resourceId : printResourcePath(resource)
    return { ...deleter, target, resourceId }
  })
}
