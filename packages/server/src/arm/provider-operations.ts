import { fail, ok } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import { controlOperation, type Operation } from '../contract/operation.ts'
import type { ResourceDirectory } from '../resources/directory.ts'
import { isResourceName, resourceType } from '../resources/model.ts'
import { type ControlPlane, subscriptionAt } from './control-plane.ts'
import { everyVersion, paths } from './paths.ts'

const nameSchema = Type.Object({ name: Type.String(), type: Type.String() })

const availabilitySchema = Type.Object({
  nameAvailable: Type.Optional(Type.Boolean()),
  reason: Type.Optional(Type.String({ enum: ['Invalid', 'AlreadyExists'] })),
  message: Type.Optional(Type.String()),
})

const operationListSchema = Type.Object({
  value: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.Optional(Type.String()),
        isDataAction: Type.Optional(Type.Boolean()),
        display: Type.Optional(
          Type.Object({
            provider: Type.Optional(Type.String()),
            resource: Type.Optional(Type.String()),
            operation: Type.Optional(Type.String()),
            description: Type.Optional(Type.String()),
          }),
        ),
      }),
    ),
  ),
})

/** The operations of the provider as a whole. */
export function providerOperations(plane: ControlPlane): readonly Operation[] {
  return [
    {
      id: 'Operations_List',
      summary: 'Lists what can be done here, in the words of role-based access control.',
      method: 'GET',
      path: `${paths.provider}/operations`,
      access: 'public',
      versions: everyVersion,
      reply: { status: 200, schema: operationListSchema },
      handle: () => ok({ value: operationList }),
    },
    controlOperation('reader', {
      id: 'CommunicationServices_CheckNameAvailability',
      summary: 'Tells whether a resource could be created under a name.',
      method: 'POST',
      path: `${paths.inSubscription}/checkNameAvailability`,
      versions: everyVersion,
      body: { schema: nameSchema, isRequired: true },
      reply: { status: 200, schema: availabilitySchema },
      handle: async ({ params, body }) => {
        const subscription = await subscriptionAt(plane.db, params['subscriptionId'] ?? '')
        if (!subscription.ok) return subscription
        const type = body.type.toLowerCase()
        if (type.startsWith('microsoft.communication/emailservices')) {
          return fail({ kind: 'operation-not-served', what: 'e-mail' })
        }
        if (type !== resourceType.toLowerCase()) {
          const problem = `Expected '${resourceType}'.`
          return fail({ kind: 'body-invalid', details: [{ field: 'type', problem }] })
        }
        return ok(availabilityOf(body.name, plane.resources))
      },
    }),
  ]
}

/** The same rules as those of a PUT. */
function availabilityOf(name: string, resources: ResourceDirectory): object {
  if (!isResourceName(name)) {
    const message =
      'A name has 1 to 63 letters, digits and hyphens, none of the hyphens at either end.'
    return { nameAvailable: false, reason: 'Invalid', message }
  }
  if (resources.findByName(name) !== undefined) {
    const message = 'Requested name is unavailable for the requested type'
    return { nameAvailable: false, reason: 'AlreadyExists', message }
  }
  return { nameAvailable: true, message: 'Requested name is available for the requested type' }
}

const resource = 'Communication Services'
const actions = [
  ['read', 'Get or list resources', 'Reads a resource, or lists those of a place.'],
  ['write', 'Create or update a resource', 'Creates a resource, or changes it.'],
  ['delete', 'Delete a resource', 'Deletes a resource with all that belongs to it.'],
  ['listKeys/action', 'List keys', 'Reads the access keys of a resource.'],
  ['regenerateKey/action', 'Regenerate a key', 'Replaces an access key of a resource.'],
  ['linkNotificationHub/action', 'Link a hub', 'Notes the notification hub of a resource.'],
] as const

const operationList = actions.map(([action, operation, description]) => ({
  name: `${resourceType}/${action}`,
  isDataAction: false,
  display: { provider: 'Microsoft Communication', resource, operation, description },
}))
