import { ok } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import { type AdministratorCall, controlOperation, type Operation } from '../contract/operation.ts'
import { isResourceName } from '../resources/model.ts'
import { listResourcesByName } from '../resources/store.ts'
import { type ControlPlane, subscriptionAt } from './control-plane.ts'
import { resourceFieldVersions } from './model.ts'
import { pageAsked, printPage } from './paging.ts'
import { everyVersion, paths } from './paths.ts'
import { printResource, resourceSchema } from './wire.ts'

const listReply = {
  status: 200,
  schema: Type.Object({
    value: Type.Optional(Type.Array(resourceSchema)),
    nextLink: Type.Optional(Type.String()),
  }),
  fieldVersions: Object.fromEntries(
    Object.entries(resourceFieldVersions).map(([field, range]) => [`value.${field}`, range]),
  ),
}

/** The lists of resources. */
export function listOperations(plane: ControlPlane): readonly Operation[] {
  return [
    controlOperation('reader', {
      id: 'CommunicationServices_ListBySubscription',
      summary: 'Lists the resources of a subscription by their names.',
      method: 'GET',
      path: `${paths.inSubscription}/communicationServices`,
      versions: everyVersion,
      reply: listReply,
      handle: (call) => listResources(plane, call),
    }),
    controlOperation('reader', {
      id: 'CommunicationServices_ListByResourceGroup',
      summary: 'Lists the resources of a resource group by their names.',
      method: 'GET',
      path: `${paths.inGroup}/communicationServices`,
      versions: everyVersion,
      reply: listReply,
      handle: (call) => listResources(plane, call),
    }),
  ]
}

async function listResources(plane: ControlPlane, call: AdministratorCall<unknown>) {
  const { params, query, version } = call
  const { subscriptionId: asked = '', resourceGroupName: resourceGroup } = params
  const subscription = await subscriptionAt(plane.db, asked)
  if (!subscription.ok) return subscription
  const page = pageAsked(query, isResourceName)
  if (!page.ok) return page
  const { subscriptionId } = subscription.value
  const { after: afterName = '', entriesMax } = page.value
  const entries = await listResourcesByName(plane.db, {
    subscriptionId,
    resourceGroup,
    afterName,
    entriesMax: entriesMax + 1,
  })
  const group =
    resourceGroup === undefined ? '' : `/resourceGroups/${encodeURIComponent(resourceGroup)}`
  return ok(
    printPage({
      entries,
      asked: page.value,
      print: (resource) => printResource(resource, version, plane.endpointFor(resource.name)),
      markOf: ({ name }) => name,
      path: `/subscriptions/${subscriptionId}${group}${paths.provider}/communicationServices`,
      call,
      endpoint: plane.endpoint,
    }),
  )
}
