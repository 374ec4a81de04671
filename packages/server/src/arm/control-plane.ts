/**
 * Changes of resources: rows, event and audit entry in one transaction; then the memory of every
 * node, by the event; then the answer.
 */
import { fail, isGuid, ok, type Result } from '@parley/protocol'
import type { AuditAct } from '../audit/model.ts'
import { appendAudit } from '../audit/store.ts'
import type { Fault } from '../contract/faults.ts'
import type { Queries, Transaction } from '../database/connect.ts'
import type { LogEvent } from '../events/model.ts'
import { appendChanges } from '../events/store.ts'
import { insertFirstKeys, type KeyMaker } from '../keys/creation.ts'
import type { ActiveAccessKey } from '../keys/model.ts'
import type { RegenerationRoom } from '../keys/regenerate.ts'
import type { DeletionRoom } from '../resources/deletion.ts'
import { printResourcePath, type ResourcePlace, type StoredResource } from '../resources/model.ts'
import { findResourceAt, insertResource, updateResource } from '../resources/store.ts'
import {
  findSubscription,
  holdSubscription,
  type Subscription,
} from '../resources/subscriptions.ts'
import type { WantedResource } from './model.ts'

/** What the operations of the control plane need. */
export interface ControlPlane extends DeletionRoom, RegenerationRoom {
  /** The https endpoint of the server with a slash at its end. */
  readonly endpoint: string
  /** The endpoint that clients of a resource use, by its name. */
  readonly endpointFor: (name: string) => string
}

/** Who does something, and when; the rest of the entry in the audit log is known where it is. */
export type Doer = Pick<AuditAct, 'actor' | 'operation' | 'requestId' | 'atMs'>

/**
 * Finds the subscription that a path names.
 *
 * @faults `subscription-unknown`.
 */
export async function subscriptionAt(
  db: Queries,
  subscriptionId: string,
): Promise<Result<Subscription, Fault>> {
  const id = subscriptionId.toLowerCase()
  const found = isGuid(id) ? await findSubscription(db, id) : undefined
  return found === undefined ? fail({ kind: 'subscription-unknown', subscriptionId }) : ok(found)
}

/**
 * Finds the resource that a path names.
 *
 * @faults `subscription-unknown`, `resource-unknown`.
 */
export async function resourceAt(
  db: Queries,
  place: ResourcePlace,
): Promise<Result<StoredResource, Fault>> {
  const subscription = await subscriptionAt(db, place.subscriptionId)
  if (!subscription.ok) return subscription
  const { subscriptionId } = subscription.value
  const found = await findResourceAt(db, { ...place, subscriptionId })
  return found === undefined ? fail({ kind: 'resource-unknown', ...place }) : ok(found)
}

/** As `resourceAt`, for whoever will change it. @faults `subscription-disabled` beside those. */
export async function changeableResourceAt(
  db: Queries,
  place: ResourcePlace,
): Promise<Result<StoredResource, Fault>> {
  const found = await resourceAt(db, place)
  if (!found.ok || found.value.isSubscriptionEnabled) return found
  return fail({ kind: 'subscription-disabled', subscriptionId: found.value.subscriptionId })
}

/** A resource as it is after a PUT. */
export interface PutResource {
  readonly resource: StoredResource
  readonly isNew: boolean
}

/**
 * Creates the resource of a place, or changes the one that is there. When this returns its keys
 * are accepted.
 *
 * @param decide - says what the resource is to be, from what it is.
 * @faults those of `decide`; `subscription-unknown`, `subscription-disabled`,
 *   `resource-name-taken`.
 */
export async function putResource(
  plane: ControlPlane,
  place: ResourcePlace,
  asked: {
    readonly decide: (existing: StoredResource | undefined) => Result<WantedResource, Fault>
    readonly by: Doer
  },
): Promise<Result<PutResource, Fault>> {
  const { db, feed, oneAtATime } = plane
  const { decide, by } = asked
  const put = await oneAtATime(() =>
    db.begin(async (transaction) => {
      await holdSubscription(transaction, place.subscriptionId)
      const subscription = await subscriptionAt(transaction, place.subscriptionId)
      if (!subscription.ok) return subscription
      const { subscriptionId, state } = subscription.value
      if (state === 'Disabled')
        return fail<Fault>({ kind: 'subscription-disabled', subscriptionId })
      const here = { ...place, subscriptionId }
      const existing = await findResourceAt(transaction, here)
      const wanted = decide(existing)
      if (!wanted.ok) return wanted
      if (existing !== undefined) {
        const changed = await changeRow(transaction, { existing, wanted: wanted.value, by })
        return ok({ ...changed, isNew: false })
      }
      const made = await createResource(transaction, plane, { place: here, ...wanted.value, by })
      return made === undefined
        ? fail<Fault>({ kind: 'resource-name-taken', name: place.name })
        : ok({ ...made, isNew: true })
    }),
  )
  if (!put.ok) return put
  const { resource, events, isNew } = put.value
  await feed.publish(events)
  return ok({ resource, isNew })
}

/**
 * Changes the resource of a place.
 *
 * @faults those of `decide`, `subscription-unknown`, `subscription-disabled`, `resource-unknown`.
 */
export async function changeResource(
  plane: ControlPlane,
  place: ResourcePlace,
  asked: {
    readonly decide: (existing: StoredResource) => Result<WantedResource, Fault>
    readonly by: Doer
  },
): Promise<Result<StoredResource, Fault>> {
  const { db, feed, oneAtATime } = plane
  const { decide, by } = asked
  const changed = await oneAtATime(() =>
    db.begin(async (transaction) => {
      await holdSubscription(transaction, place.subscriptionId)
      const existing = await changeableResourceAt(transaction, place)
      if (!existing.ok) return existing
      const wanted = decide(existing.value)
      if (!wanted.ok) return wanted
      const { value } = existing
      return ok(await changeRow(transaction, { existing: value, wanted: wanted.value, by }))
    }),
  )
  if (!changed.ok) return changed
  await feed.publish(changed.value.events)
  return ok(changed.value.resource)
}

/** A resource as it was stored, and the event that tells the nodes. */
interface Stored {
  readonly resource: StoredResource
  readonly events: readonly LogEvent[]
}

async function changeRow(
  transaction: Transaction,
  change: {
    readonly existing: StoredResource
    readonly wanted: WantedResource
    readonly by: Doer
  },
): Promise<Stored> {
  const { existing, wanted, by } = change
  const { resourceId } = existing
  const changed = {
    ...existing,
    ...wanted.settings,
    updatedBy: by.actor,
    updatedAtMs: by.atMs,
  }
  await updateResource(transaction, changed)
  const events = await appendResourceChange(transaction, { resourceId, atMs: by.atMs })
  await appendAudit(transaction, [{ ...by, target: printResourcePath(existing), resourceId }])
  return { resource: changed, events }
}

/** Every node reads the resource and its keys again. */
function appendResourceChange(
  transaction: Transaction,
  { resourceId, atMs }: { readonly resourceId: string; readonly atMs: number },
): Promise<readonly LogEvent[]> {
  const changed = { kind: 'resource-changed', resourceIds: [resourceId], atMs } as const
  return appendChanges(transaction, changed)
}

/** A new resource, and its keys in the form that checks signatures. */
export interface CreatedWithKeys extends Stored {
  readonly accessKeys: readonly ActiveAccessKey[]
}

/**
 * Stores a resource with a fresh key in each slot, and its entry in the audit log. Run it in a
 * transaction; the subscription exists.
 *
 * @returns `undefined` when the name is taken.
 */
export async function createResource(
  transaction: Transaction,
  maker: KeyMaker,
  asked: WantedResource & { readonly place: ResourcePlace; readonly by: Doer },
): Promise<CreatedWithKeys | undefined> {
  const { place, dataLocation, settings, by } = asked
  const { subscriptionId, resourceGroup, name } = place
  const resource: StoredResource = {
    ...settings,
    resourceId: maker.platform.newGuid(),
    subscriptionId,
    resourceGroup,
    name,
    dataLocation,
    isSubscriptionEnabled: true,
    createdBy: by.actor,
    createdAtMs: by.atMs,
    updatedBy: by.actor,
    updatedAtMs: by.atMs,
  }
  const { resourceId } = resource
  if (!(await insertResource(transaction, resource))) return undefined
  const accessKeys = await insertFirstKeys(transaction, resourceId, maker)
  const events = await appendResourceChange(transaction, { resourceId, atMs: by.atMs })
  await appendAudit(transaction, [{ ...by, target: printResourcePath(resource), resourceId }])
  return { resource, accessKeys, events }
}
