import { type Static, Type } from '@sinclair/typebox'
import { absentable, instantSchema, printInstant } from '../contract/fields.ts'
import { type ApiVersion, isInRange } from '../contract/versions.ts'
import type { StoredResource } from '../resources/model.ts'
import { dataLocations, printResourcePath, resourceType } from '../resources/model.ts'
import { managedIdentityTypes, publicNetworkAccesses, resourceFieldVersions } from './model.ts'

/** What ACS calls the version of a resource; there is one. @source ACS management, examples. */
const resourceVersion = '0.2.0'

/** Enumerations are judged by the model, which says which values there are. */
function oneOf(values: readonly string[], description?: string) {
  return Type.String({ enum: values, ...(description === undefined ? {} : { description }) })
}

const tagsSchema = Type.Record(Type.String(), Type.String())
const patchedTagsSchema = Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()]))

const identityFields = {
  type: absentable(oneOf(managedIdentityTypes)),
  userAssignedIdentities: absentable(Type.Record(Type.String(), Type.Unknown())),
}

const writtenProperties = {
  linkedDomains: absentable(Type.Array(Type.String({ maxLength: 1024 }), { maxItems: 100 })),
  publicNetworkAccess: absentable(
    oneOf(publicNetworkAccesses, 'Kept, and without effect: see docs/divergences.md.'),
  ),
  disableLocalAuth: absentable(
    Type.Boolean({ description: 'Whether requests signed with access keys are refused.' }),
  ),
}

const dataLocationSchema = Type.String({
  description: `Where data at rest stays; chosen once. One of ${dataLocations.join(', ')}.`,
})

/** @source ACS management, `CommunicationServiceResource`, as it is written. */
export const putSchema = Type.Object({
  location: absentable(Type.String({ maxLength: 256, description: 'Kept as it is given.' })),
  tags: absentable(tagsSchema),
  identity: absentable(Type.Object(identityFields)),
  properties: absentable(
    Type.Object({ dataLocation: absentable(dataLocationSchema), ...writtenProperties }),
  ),
})

/** @source ACS management, `CommunicationServiceResourceUpdate`. */
export const patchSchema = Type.Object({
  tags: absentable(patchedTagsSchema),
  identity: absentable(Type.Object(identityFields)),
  properties: absentable(
    Type.Object({ ...writtenProperties, dataLocation: absentable(dataLocationSchema) }),
  ),
})

const principalType = Type.Optional(oneOf(['User', 'Application', 'ManagedIdentity', 'Key']))

/** @source ACS management, `CommunicationServiceResource`, as it is read. */
export const resourceSchema = Type.Object({
  id: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
  type: Type.Optional(Type.String()),
  systemData: Type.Optional(
    Type.Object({
      createdBy: Type.Optional(Type.String()),
      createdByType: principalType,
      createdAt: Type.Optional(instantSchema),
      lastModifiedBy: Type.Optional(Type.String()),
      lastModifiedByType: principalType,
      lastModifiedAt: Type.Optional(instantSchema),
    }),
  ),
  location: Type.String(),
  tags: Type.Optional(tagsSchema),
  identity: Type.Optional(
    Type.Object({
      type: oneOf(managedIdentityTypes),
      userAssignedIdentities: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    }),
  ),
  properties: Type.Optional(
    Type.Object({
      provisioningState: Type.Optional(oneOf(['Succeeded'])),
      hostName: Type.Optional(Type.String()),
      dataLocation: dataLocationSchema,
      notificationHubId: Type.Optional(Type.String()),
      version: Type.Optional(Type.String()),
      immutableResourceId: Type.Optional(Type.String({ description: 'As in ids and tokens.' })),
      linkedDomains: Type.Optional(Type.Array(Type.String())),
      publicNetworkAccess: Type.Optional(oneOf(publicNetworkAccesses)),
      disableLocalAuth: Type.Optional(Type.Boolean()),
    }),
  ),
})

/** A resource as a client reads it. */
export type WireResource = Static<typeof resourceSchema>

/** Prints a resource as a version has it. */
export function printResource(
  resource: StoredResource,
  version: ApiVersion,
  endpoint: string,
): WireResource {
  const has = (field: keyof typeof resourceFieldVersions) =>
    isInRange(version, resourceFieldVersions[field])
  const { managedIdentity, linkedDomains, notificationHubId } = resource
  return {
    id: printResourcePath(resource),
    name: resource.name,
    type: resourceType,
    location: resource.location,
    tags: { ...resource.tags },
    systemData: printSystemData(resource),
    ...(managedIdentity === undefined || !has('identity')
      ? {}
      : { identity: managedIdentity as NonNullable<WireResource['identity']> }),
    properties: {
      provisioningState: 'Succeeded',
      hostName: new URL(endpoint).host,
      dataLocation: resource.dataLocation,
      immutableResourceId: resource.resourceId,
      version: resourceVersion,
      ...(notificationHubId === undefined ? {} : { notificationHubId }),
      ...(linkedDomains === undefined || !has('properties.linkedDomains')
        ? {}
        : { linkedDomains: [...linkedDomains] }),
      ...(has('properties.publicNetworkAccess')
        ? { publicNetworkAccess: resource.publicNetworkAccess }
        : {}),
      ...(has('properties.disableLocalAuth')
        ? { disableLocalAuth: resource.isLocalAuthDisabled }
        : {}),
    },
  }
}

function printSystemData(resource: StoredResource): NonNullable<WireResource['systemData']> {
  const { createdBy, createdAtMs, updatedBy, updatedAtMs } = resource
  return {
    createdBy,
    createdByType: principalTypeOf(createdBy),
    createdAt: printInstant(createdAtMs),
    lastModifiedBy: updatedBy,
    lastModifiedByType: principalTypeOf(updatedBy),
    lastModifiedAt: printInstant(updatedAtMs),
  }
}

function principalTypeOf(actor: string): string {
  if (actor === 'admin-token') return 'Key'
  return actor.startsWith('bearer/') ? 'User' : 'Application'
}
