/**
 * The control plane in the manner of Azure Resource Manager (ARM): a resource is a document at a
 * path, and tools put back what they got. So a document may hold more than we know, and what a
 * client cannot know it must not lose: fields that came with later api-versions are passed over in
 * older ones, and stay as they are.
 *
 * PUT says how a resource is to be: of what its version knows, what it leaves out is gone. Two
 * settings are exceptions. `disableLocalAuth` and `publicNetworkAccess` are locks, and a template
 * that says nothing of a lock does not open it. PATCH changes what it names, as RFC 7396 says,
 * whichever of the two media types announces it.
 *
 * Everything takes effect at once: a reply is finished, never `Accepted`, and no client polls.
 *
 * Rejected: storing the document as it came. It would give back settings that nobody checked, and
 * every reader would have to know the versions.
 */
import { fail, ok, type Result } from '@parley/protocol'
import type { Fault, FieldFault } from '../contract/faults.ts'
import { type ApiVersion, isInRange, type ServiceVersions } from '../contract/versions.ts'
import {
  type DataLocation,
  dataLocations,
  defaultSettings,
  findDataLocation,
  type ResourceSettings,
  type StoredResource,
} from '../resources/model.ts'
import { mergePatch } from './merge-patch.ts'

/** Fields of a resource, by their path, that came with a version later than the first. */
export const resourceFieldVersions = {
  'properties.linkedDomains': { service: 'management', since: '2023-03-31' },
  identity: { service: 'management', since: '2023-04-01' },
  'properties.publicNetworkAccess': { service: 'management', since: '2025-09-01' },
  'properties.disableLocalAuth': { service: 'management', since: '2025-09-01' },
} as const satisfies Readonly<Record<string, ServiceVersions>>

/** Kinds of managed identities. @source ARM common types v5, `ManagedServiceIdentityType`. */
export const managedIdentityTypes = [
  'None',
  'SystemAssigned',
  'UserAssigned',
  'SystemAssigned,UserAssigned',
] as const

/** @source ARM common types v5, `PublicNetworkAccess`. */
export const publicNetworkAccesses = ['Enabled', 'Disabled', 'SecuredByPerimeter'] as const

/** Tags, and user-assigned identities, at most. @source ARM, limits of tags. */
const entriesOfRecordMax = 50

/** A resource as a client writes it; `null` is absent in a PUT, and deletes in a PATCH. */
export interface ResourceDocument {
  readonly location?: string | null
  readonly tags?: Readonly<Record<string, string | null>> | null
  readonly identity?: IdentityDocument | null
  readonly properties?: PropertiesDocument | null
}

interface IdentityDocument {
  readonly type?: string | null
  readonly userAssignedIdentities?: Readonly<Record<string, unknown>> | null
}

interface PropertiesDocument {
  readonly dataLocation?: string | null
  readonly linkedDomains?: readonly string[] | null
  readonly publicNetworkAccess?: string | null
  readonly disableLocalAuth?: boolean | null
}

/** What a resource is to be. */
export interface WantedResource {
  readonly dataLocation: DataLocation
  readonly settings: ResourceSettings
}

/**
 * Decides what a PUT makes of a resource.
 *
 * @param existing - `undefined` where there is none yet.
 * @faults `body-invalid`; `property-fixed` - another data location or location than it has.
 */
export function resourceAfterPut(
  existing: StoredResource | undefined,
  document: ResourceDocument,
  version: ApiVersion,
): Result<WantedResource, Fault> {
  const known = knownPart(document, version)
  const properties = known.properties ?? {}
  const dataLocation = dataLocationFor(existing, properties.dataLocation ?? undefined)
  if (!dataLocation.ok) return dataLocation
  const location = document.location ?? existing?.location ?? defaultSettings.location
  if (existing !== undefined && !isSameLocation(location, existing.location)) {
    return fail({ kind: 'property-fixed', property: 'location' })
  }
  const base = existing ?? defaultSettings
  const keeps = (field: ResourceField) => !isKnown(field, version)
  const settings = checkedSettings({
    ...base,
    location: existing?.location ?? location,
    tags: withoutNulls(known.tags ?? {}),
    managedIdentity: keeps('identity') ? base.managedIdentity : (known.identity ?? undefined),
    linkedDomains: keeps('properties.linkedDomains')
      ? base.linkedDomains
      : (properties.linkedDomains ?? undefined),
    publicNetworkAccess: properties.publicNetworkAccess ?? base.publicNetworkAccess,
    isLocalAuthDisabled: properties.disableLocalAuth ?? base.isLocalAuthDisabled,
  })
  if (!settings.ok) return settings
  return ok({ dataLocation: dataLocation.value, settings: settings.value })
}

/**
 * Decides what a PATCH makes of a resource.
 *
 * @faults `body-invalid`; `property-fixed` - another data location than it has.
 * @source RFC 7396.
 */
export function resourceAfterPatch(
  existing: StoredResource,
  patch: ResourceDocument,
  version: ApiVersion,
): Result<WantedResource, Fault> {
  const { dataLocation: asked, ...properties } = patch.properties ?? {}
  const dataLocation = dataLocationFor(existing, asked ?? undefined)
  if (!dataLocation.ok) return dataLocation
  const { tags, managedIdentity: identity, ...rest } = existing
  const before: ResourceDocument = {
    tags,
    identity: identity ?? null,
    properties: {
      linkedDomains: rest.linkedDomains ?? null,
      publicNetworkAccess: rest.publicNetworkAccess,
      disableLocalAuth: rest.isLocalAuthDisabled,
    },
  }
  const { location: _, ...known } = knownPart({ ...patch, properties }, version)
  const after = mergePatch(before, known) as ResourceDocument
  const { linkedDomains, publicNetworkAccess, disableLocalAuth } = after.properties ?? {}
  const settings = checkedSettings({
    ...existing,
    tags: withoutNulls(after.tags ?? {}),
    managedIdentity: after.identity ?? undefined,
    linkedDomains: linkedDomains ?? undefined,
    publicNetworkAccess: publicNetworkAccess ?? defaultSettings.publicNetworkAccess,
    isLocalAuthDisabled: disableLocalAuth ?? defaultSettings.isLocalAuthDisabled,
  })
  if (!settings.ok) return settings
  return ok({ dataLocation: dataLocation.value, settings: settings.value })
}

type ResourceField = keyof typeof resourceFieldVersions

function isKnown(field: ResourceField, version: ApiVersion): boolean {
  return isInRange(version, resourceFieldVersions[field])
}

/** What a client of this version can have meant. */
function knownPart(document: ResourceDocument, version: ApiVersion): ResourceDocument {
  const { tags, identity, properties, location } = document
  const { dataLocation, linkedDomains, publicNetworkAccess, disableLocalAuth } = properties ?? {}
  const ifKnown = <Value>(field: ResourceField, name: string, value: Value) =>
    value !== undefined && isKnown(field, version) ? { [name]: value } : {}
  return {
    ...(location === undefined ? {} : { location }),
    ...(tags === undefined ? {} : { tags }),
    ...ifKnown('identity', 'identity', identity && plainIdentity(identity)),
    properties: {
      ...(dataLocation === undefined ? {} : { dataLocation }),
      ...ifKnown('properties.linkedDomains', 'linkedDomains', linkedDomains),
      ...ifKnown('properties.publicNetworkAccess', 'publicNetworkAccess', publicNetworkAccess),
      ...ifKnown('properties.disableLocalAuth', 'disableLocalAuth', disableLocalAuth),
    },
  }
}

/** Whatever stands in an identity is no setting of ours; which ones there are is. */
function plainIdentity(identity: IdentityDocument): IdentityDocument {
  const { type, userAssignedIdentities: assigned } = identity
  const ids = Object.entries(assigned ?? {}).map(([id, value]) => [id, value === null ? null : {}])
  return {
    ...(type === undefined ? {} : { type }),
    ...(assigned === undefined
      ? {}
      : { userAssignedIdentities: assigned === null ? null : Object.fromEntries(ids) }),
  }
}

function dataLocationFor(
  existing: StoredResource | undefined,
  asked: string | undefined,
): Result<DataLocation, Fault> {
  const field = 'properties.dataLocation'
  if (asked === undefined) {
    return existing === undefined ? invalid(field, 'Required.') : ok(existing.dataLocation)
  }
  const found = findDataLocation(asked)
  if (found === undefined) return invalid(field, `Expected one of ${dataLocations.join(', ')}.`)
  if (existing !== undefined && existing.dataLocation !== found) {
    return fail({ kind: 'property-fixed', property: field })
  }
  return ok(found)
}

function isSameLocation(one: string, other: string): boolean {
  const plain = (text: string) => text.replaceAll(' ', '').toLowerCase()
  return plain(one) === plain(other)
}

function checkedSettings(
  wanted: Omit<ResourceSettings, 'managedIdentity'> & {
    readonly managedIdentity: IdentityDocument | undefined
  },
): Result<ResourceSettings, Fault> {
  const { location, tags, linkedDomains, notificationHubId } = wanted
  const { publicNetworkAccess, isLocalAuthDisabled } = wanted
  if (Object.keys(tags).length > entriesOfRecordMax) {
    return invalid('tags', `At most ${entriesOfRecordMax} tags.`)
  }
  if (!(publicNetworkAccesses as readonly string[]).includes(publicNetworkAccess)) {
    const problem = `Expected one of ${publicNetworkAccesses.join(', ')}.`
    return invalid('properties.publicNetworkAccess', problem)
  }
  const managedIdentity = checkedIdentity(wanted.managedIdentity)
  if (!managedIdentity.ok) return managedIdentity
  return ok({
    location,
    tags,
    managedIdentity: managedIdentity.value,
    linkedDomains,
    notificationHubId,
    publicNetworkAccess,
    isLocalAuthDisabled,
  })
}

/** Whoever is no longer of a kind with user-assigned identities has none. */
function checkedIdentity(
  identity: IdentityDocument | undefined,
): Result<ResourceSettings['managedIdentity'], Fault> {
  if (identity === undefined) return ok(undefined)
  const asked = (identity.type ?? '').replaceAll(' ', '').toLowerCase()
  const type = managedIdentityTypes.find((one) => one.toLowerCase() === asked)
  if (type === undefined) {
    return invalid('identity.type', `Expected one of ${managedIdentityTypes.join(' | ')}.`)
  }
  const { userAssignedIdentities: assigned } = identity
  if (!type.includes('UserAssigned') || !assigned) return ok({ type })
  const given = Object.entries(assigned).filter(([, value]) => value !== null)
  if (given.length > entriesOfRecordMax) {
    return invalid('identity.userAssignedIdentities', `At most ${entriesOfRecordMax} identities.`)
  }
  return ok({ type, userAssignedIdentities: Object.fromEntries(given) })
}

function withoutNulls(
  tags: Readonly<Record<string, string | null>>,
): Readonly<Record<string, string>> {
  const given = Object.entries(tags).filter(([, value]) => value !== null)
  return Object.fromEntries(given) as Record<string, string>
}

function invalid(field: string, problem: string): Result<never, Fault> {
  const details: readonly FieldFault[] = [{ field, problem }]
  return fail({ kind: 'body-invalid', details })
}
