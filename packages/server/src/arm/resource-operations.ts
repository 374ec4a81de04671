import { fail, ok } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import {
  type AdministratorCall,
  controlOperation,
  type Operation,
  Replied,
} from '../contract/operation.ts'
import { deleteResource } from '../resources/deletion.ts'
import { isResourceGroupName, isResourceName, type StoredResource } from '../resources/model.ts'
import {
  type ControlPlane,
  changeResource,
  type Doer,
  putResource,
  resourceAt,
} from './control-plane.ts'
import { resourceAfterPatch, resourceAfterPut, resourceFieldVersions } from './model.ts'
import { everyVersion, paths, placeIn } from './paths.ts'
import { patchSchema, printResource, putSchema, resourceSchema, type WireResource } from './wire.ts'

const linkSchema = Type.Object({
  resourceId: Type.String({ minLength: 1, maxLength: 1024 }),
  connectionString: Type.String({ description: 'Not kept: nothing here sends to the hub.' }),
})

const linkedSchema = Type.Object({ resourceId: Type.Optional(Type.String()) })

/** Who does what the operation does. */
export function doerOf(call: AdministratorCall<unknown>, operation: string): Doer {
  const { caller, requestId, nowMs } = call
  return { actor: caller.actor, operation, requestId, atMs: nowMs }
}

/** The operations on one resource. */
export function resourceOperations(plane: ControlPlane): readonly Operation[] {
  const print = (resource: StoredResource, call: AdministratorCall<unknown>): WireResource =>
    printResource(resource, call.version, plane.endpointFor(resource.name))
  return [
    putOperation(plane, print),
    patchOperation(plane, print),
    controlOperation('reader', {
      id: 'CommunicationServices_Get',
      summary: 'Gets a resource.',
      method: 'GET',
      path: paths.resource,
      versions: everyVersion,
      reply: resourceReply,
      handle: async (call) => {
        const found = await resourceAt(plane.db, placeIn(call.params))
        return found.ok ? ok(print(found.value, call)) : found
      },
    }),
    deleteOperation(plane),
    linkOperation(plane),
  ]
}

const resourceReply = {
  status: 200,
  schema: resourceSchema,
  fieldVersions: resourceFieldVersions,
} as const

type Print = (resource: StoredResource, call: AdministratorCall<unknown>) => WireResource

function putOperation(plane: ControlPlane, print: Print): Operation {
  const id = 'CommunicationServices_CreateOrUpdate'
  return controlOperation('administrator', {
    id,
    summary: 'Creates a resource with its access keys, or says how an existing one is to be.',
    method: 'PUT',
    path: paths.resource,
    versions: everyVersion,
    body: {
      schema: putSchema,
      isRequired: true,
      fieldVersions: resourceFieldVersions,
      passesOverUnknown: true,
      judged: () => ({
        'properties.dataLocation': { isRequired: true },
        'identity.type': { isRequired: true },
      }),
    },
    reply: { ...resourceReply, otherStatuses: [201] },
    handle: async (call) => {
      const place = placeIn(call.params)
      if (!isResourceName(place.name)) return fail({ kind: 'resource-name-invalid' })
      if (!isResourceGroupName(place.resourceGroup)) {
        return fail({ kind: 'resource-group-invalid' })
      }
      const { body, version } = call
      const put = await putResource(plane, place, {
        decide: (existing) => resourceAfterPut(existing, body, version),
        by: doerOf(call, id),
      })
      if (!put.ok) return put
      const { resource, isNew } = put.value
      return ok(new Replied(isNew ? 201 : 200, print(resource, call)))
    },
  })
}

function patchOperation(plane: ControlPlane, print: Print): Operation {
  const id = 'CommunicationServices_Update'
  return controlOperation('administrator', {
    id,
    summary: 'Changes what it names of a resource.',
    method: 'PATCH',
    path: paths.resource,
    versions: everyVersion,
    body: {
      schema: patchSchema,
      isRequired: true,
      acceptsMergePatch: true,
      fieldVersions: resourceFieldVersions,
      passesOverUnknown: true,
    },
    reply: resourceReply,
    handle: async (call) => {
      const { body, version } = call
      const changed = await changeResource(plane, placeIn(call.params), {
        decide: (existing) => resourceAfterPatch(existing, body, version),
        by: doerOf(call, id),
      })
      return changed.ok ? ok(print(changed.value, call)) : changed
    },
  })
}

function deleteOperation(plane: ControlPlane): Operation {
  const id = 'CommunicationServices_Delete'
  return controlOperation('administrator', {
    id,
    summary: 'Deletes a resource: its keys and tokens are void at once, its data is purged.',
    method: 'DELETE',
    path: paths.resource,
    versions: everyVersion,
    reply: { status: 200, otherStatuses: [204] },
    handle: async (call) => {
      const found = await resourceAt(plane.db, placeIn(call.params))
      if (!found.ok) {
        return found.fault.kind === 'resource-unknown' ? ok(new Replied(204)) : found
      }
      const existed = await deleteResource(plane, found.value, doerOf(call, id))
      return ok(new Replied(existed ? 200 : 204))
    },
  })
}

function linkOperation(plane: ControlPlane): Operation {
  const id = 'CommunicationServices_LinkNotificationHub'
  return controlOperation('administrator', {
    id,
    summary: 'Notes the notification hub of a resource.',
    method: 'POST',
    path: `${paths.resource}/linkNotificationHub`,
    versions: everyVersion,
    body: { schema: linkSchema, isRequired: false },
    reply: { status: 200, schema: linkedSchema },
    handle: async (call) => {
      const { resourceId } = call.body
      // The contract lets the body be absent, which an empty one of another type may be as well.
      if (resourceId === undefined) {
        const details = [{ field: 'resourceId', problem: 'Required.' }]
        return fail({ kind: 'body-invalid', details })
      }
      const linked = await changeResource(plane, placeIn(call.params), {
        decide: ({ dataLocation, ...settings }) =>
          ok({ dataLocation, settings: { ...settings, notificationHubId: resourceId } }),
        by: doerOf(call, id),
      })
      return linked.ok ? ok({ resourceId }) : linked
    },
  })
}
