import { fail, isGuid, ok, type Result } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import { appendAudit } from '../audit/store.ts'
import type { Fault } from '../contract/faults.ts'
import { absentable } from '../contract/fields.ts'
import {
  type AdministratorCall,
  controlOperation,
  type Operation,
  Replied,
} from '../contract/operation.ts'
import { appendChanges } from '../events/store.ts'
import { deleteSubscription } from '../resources/deletion.ts'
import { listResourceIds } from '../resources/store.ts'
import {
  insertSubscription,
  listSubscriptions,
  type Subscription,
  type SubscriptionState,
  updateSubscription,
} from '../resources/subscriptions.ts'
import { type ControlPlane, type Doer, subscriptionAt } from './control-plane.ts'
import { pageAsked, printPage } from './paging.ts'
import { doerOf } from './resource-operations.ts'

const everyVersion = { service: 'subscription', since: '2016-06-01' } as const
const list = '/subscriptions'
const one = '/subscriptions/{subscriptionId}'

const displayName = Type.String({ minLength: 1, maxLength: 64 })
const putSchema = Type.Object({ displayName: absentable(displayName) })

/** @source ARM, `Microsoft.Resources`, `Subscription`. */
const subscriptionSchema = Type.Object({
  id: Type.String(),
  subscriptionId: Type.String(),
  displayName: Type.String(),
  state: Type.String({ enum: ['Enabled', 'Disabled'] }),
})

const namedSchema = Type.Object({ subscriptionId: Type.String() })

/** The operations on subscriptions. */
export function subscriptionOperations(plane: ControlPlane): readonly Operation[] {
  return [
    putOperation(plane),
    controlOperation('reader', {
      id: 'Subscriptions_Get',
      summary: 'Gets a subscription.',
      method: 'GET',
      path: one,
      versions: everyVersion,
      reply: { status: 200, schema: subscriptionSchema },
      handle: async ({ params }) => {
        const found = await subscriptionAt(plane.db, params['subscriptionId'] ?? '')
        return found.ok ? ok(printSubscription(found.value)) : found
      },
    }),
    listOperation(plane),
    deleteOperation(plane),
    stateOperation(plane, { id: 'Subscription_Cancel', action: 'cancel', state: 'Disabled' }),
    stateOperation(plane, { id: 'Subscription_Enable', action: 'enable', state: 'Enabled' }),
  ]
}

function putOperation(plane: ControlPlane): Operation {
  const id = 'Subscriptions_CreateOrUpdate'
  return controlOperation('administrator', {
    id,
    summary: 'Creates a subscription, or names an existing one.',
    method: 'PUT',
    path: one,
    versions: everyVersion,
    body: { schema: putSchema, isRequired: false },
    reply: { status: 200, otherStatuses: [201], schema: subscriptionSchema },
    handle: (call) => {
      const subscriptionId = (call.params['subscriptionId'] ?? '').toLowerCase()
      if (!isGuid(subscriptionId)) return fail({ kind: 'subscription-id-malformed' })
      return putSubscription(plane, subscriptionId, {
        displayName: call.body.displayName ?? undefined,
        by: doerOf(call, id),
      })
    },
  })
}

function putSubscription(
  plane: ControlPlane,
  subscriptionId: string,
  asked: { readonly displayName: string | undefined; readonly by: Doer },
): Promise<Result<unknown, Fault>> {
  const { by } = asked
  return plane.oneAtATime(() =>
    plane.db.begin(async (transaction): Promise<Result<unknown, Fault>> => {
      const found = await subscriptionAt(transaction, subscriptionId)
      if (found.ok && found.value.state === 'Disabled') {
        return fail({ kind: 'subscription-disabled', subscriptionId })
      }
      const known = found.ok ? found.value.displayName : subscriptionId
      const { displayName: name = known } = asked
      const after: Subscription = { subscriptionId, displayName: name, state: 'Enabled' }
      if (found.ok) await updateSubscription(transaction, after)
      else await insertSubscription(transaction, { ...after, atMs: by.atMs })
      const target = pathOf(subscriptionId)
      await appendAudit(transaction, [{ ...by, target, resourceId: undefined }])
      return ok(new Replied(found.ok ? 200 : 201, printSubscription(after)))
    }),
  )
}

function listOperation(plane: ControlPlane): Operation {
  return controlOperation('reader', {
    id: 'Subscriptions_List',
    summary: 'Lists subscriptions.',
    method: 'GET',
    path: list,
    versions: everyVersion,
    reply: {
      status: 200,
      schema: Type.Object({
        value: Type.Array(subscriptionSchema),
        nextLink: Type.Optional(Type.String()),
      }),
    },
    handle: async (call) => {
      const asked = pageAsked(call.query, isGuid)
      if (!asked.ok) return asked
      const { after: afterId, entriesMax } = asked.value
      const entries = await listSubscriptions(plane.db, { afterId, entriesMax: entriesMax + 1 })
      return ok(
        printPage({
          entries,
          asked: asked.value,
          print: printSubscription,
          markOf: ({ subscriptionId }) => subscriptionId,
          path: list,
          call,
          endpoint: plane.endpoint,
        }),
      )
    },
  })
}

function deleteOperation(plane: ControlPlane): Operation {
  const id = 'Subscriptions_Delete'
  return controlOperation('administrator', {
    id,
    summary: 'Deletes a subscription with all its resources.',
    method: 'DELETE',
    path: one,
    versions: everyVersion,
    reply: { status: 200, otherStatuses: [204] },
    handle: async (call) => {
      const subscriptionId = (call.params['subscriptionId'] ?? '').toLowerCase()
      const existed =
        isGuid(subscriptionId) &&
        (await deleteSubscription(plane, subscriptionId, doerOf(call, id)))
      return ok(new Replied(existed ? 200 : 204))
    },
  })
}

interface StateChange {
  readonly id: string
  readonly action: string
  readonly state: SubscriptionState
}

/** @source ARM, `Microsoft.Subscription`, `cancel` and `enable`. */
function stateOperation(plane: ControlPlane, change: StateChange): Operation {
  const { id, action, state } = change
  return controlOperation('administrator', {
    id,
    summary:
      state === 'Disabled'
        ? 'Cancels a subscription: nobody is let in to its resources until it is enabled.'
        : 'Enables a subscription that was cancelled.',
    method: 'POST',
    path: `${one}/providers/Microsoft.Subscription/${action}`,
    versions: everyVersion,
    reply: { status: 200, schema: namedSchema },
    handle: (call) => setState(plane, call, change),
  })
}

/** Every node learns of it before the answer: who comes after that meets the new state. */
async function setState(
  plane: ControlPlane,
  call: AdministratorCall<unknown>,
  change: StateChange,
): Promise<Result<unknown, Fault>> {
  const { db, feed, oneAtATime } = plane
  const { id, state } = change
  const changed = await oneAtATime(() =>
    db.begin(async (transaction) => {
      const found = await subscriptionAt(transaction, call.params['subscriptionId'] ?? '')
      if (!found.ok) return found
      await updateSubscription(transaction, { ...found.value, state })
      const { subscriptionId } = found.value
      const resourceIds = await listResourceIds(transaction, subscriptionId)
      const atMs = call.nowMs
      const told = { kind: 'resource-changed', resourceIds, atMs } as const
      const events = await appendChanges(transaction, told)
      const target = pathOf(subscriptionId)
      await appendAudit(transaction, [{ ...doerOf(call, id), target, resourceId: undefined }])
      return ok({ subscriptionId, events })
    }),
  )
  if (!changed.ok) return changed
  const { subscriptionId, events } = changed.value
  await feed.publish(events)
  return ok({ subscriptionId })
}

function pathOf(subscriptionId: string): string {
  return `/subscriptions/${subscriptionId}`
}

function printSubscription(subscription: Subscription): object {
  const { subscriptionId, displayName: name, state } = subscription
  return { id: pathOf(subscriptionId), subscriptionId, displayName: name, state }
}
