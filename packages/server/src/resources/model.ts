/**
 * A resource is what a customer owns: it holds identities and two access keys, and everything
 * stored belongs to exactly one. Its id is a GUID that stands inside every identity and token of
 * it, so that a token says by itself whose it is; its name is for people and for host names.
 *
 * A resource lies in a data location, chosen once. The location says where data at rest stays and
 * appears in two claims: `resourceLocation`, its name in lower case without spaces, and `rgn`, the
 * short name of the region. Clients pass both on without reading them.
 *
 * Its name is unique on the whole server, not in its group or subscription, because it becomes a
 * host name; like one it has no case. Groups are nothing but a word in the path: they come with
 * their first resource and go with their last.
 *
 * Invariant: whatever is stored reaches its resource through foreign keys, and every statement is
 * confined to one resource. Rejected: a tenant column checked by row-level security alone. It
 * hides a forgotten condition instead of showing it, and no other engine than PostgreSQL has it.
 */
import type { CorsRules } from './cors.ts'

/** A resource as stored. */
export interface Resource {
  readonly resourceId: string
  readonly subscriptionId: string
  readonly resourceGroup: string
  readonly name: string
  /** One of `dataLocations`. */
  readonly dataLocation: DataLocation
  /** Whether access keys are refused: bearers only. */
  readonly isLocalAuthDisabled: boolean
  /** Whether its subscription is not cancelled. */
  readonly isSubscriptionEnabled: boolean
  /** From which web pages it may be called; absent: as the server is set. */
  readonly cors?: CorsRules | undefined
}

/** What an administrator sets on a resource, beside its name and its data location. */
export interface ResourceSettings {
  /** Kept as it was given: a resource lies in a data location, and runs where the server does. */
  readonly location: string
  readonly tags: Readonly<Record<string, string>>
  /** Kept as it was given; `undefined` when it was never set. */
  readonly managedIdentity: Readonly<Record<string, unknown>> | undefined
  readonly linkedDomains: readonly string[] | undefined
  readonly notificationHubId: string | undefined
  readonly publicNetworkAccess: string
  readonly isLocalAuthDisabled: boolean
}

/** A resource with all that is known of it. */
export interface StoredResource extends Resource, ResourceSettings {
  /** Who made it and who changed it last, as the audit log names them; empty when not known. */
  readonly createdBy: string
  readonly createdAtMs: number
  readonly updatedBy: string
  readonly updatedAtMs: number
}

/** Where a resource stands in the control plane; case does not count. */
export type ResourcePlace = Pick<Resource, 'subscriptionId' | 'resourceGroup' | 'name'>

/** The settings of a resource for which none were given. */
export const defaultSettings: ResourceSettings = {
  location: 'global',
  tags: {},
  managedIdentity: undefined,
  linkedDomains: undefined,
  notificationHubId: undefined,
  publicNetworkAccess: 'Enabled',
  isLocalAuthDisabled: false,
}

/** The resource type of all resources here. @source ARM, `Microsoft.Communication`. */
export const resourceType = 'Microsoft.Communication/communicationServices'

/**
 * The path of a resource in the control plane, which is also its ARM id.
 *
 * @returns `/subscriptions/<id>/resourceGroups/<group>/providers/<type>/<name>`.
 */
export function printResourcePath(resource: ResourcePlace): string {
  const { subscriptionId, resourceGroup, name } = resource
  const group = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`
  return `${group}/providers/${resourceType}/${name}`
}

const regions = {
  Africa: 'africa',
  'Asia Pacific': 'apac',
  Australia: 'au',
  Brazil: 'br',
  Canada: 'ca',
  Europe: 'emea',
  France: 'fr',
  Germany: 'de',
  India: 'in',
  Japan: 'jp',
  Korea: 'kr',
  Norway: 'no',
  Switzerland: 'ch',
  UAE: 'ae',
  UK: 'uk',
  'United States': 'amer',
} as const

/** A geography in which data at rest stays. @source ACS data residency. */
export type DataLocation = keyof typeof regions

/** Every data location. */
export const dataLocations = Object.keys(regions) as readonly DataLocation[]

/** Finds a data location by its name, whose case and spaces do not count. */
export function findDataLocation(text: string): DataLocation | undefined {
  const plain = text.replaceAll(' ', '').toLowerCase()
  return dataLocations.find((location) => resourceLocationClaim(location) === plain)
}

/**
 * Says whether a text can name a resource: it must do as a label of a host name.
 *
 * @source RFC 1123 section 2.1. ACS allows an underscore too, which no host name has.
 */
export function isResourceName(text: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(text)
}

/**
 * Says whether a text can name a resource group. A slash would make one place look like another.
 *
 * @source ARM, naming rules of resource groups; here ASCII only.
 */
export function isResourceGroupName(text: string): boolean {
  return /^[\w().-]{1,90}$/.test(text) && !text.endsWith('.')
}

/** The value of the `resourceLocation` claim. */
export function resourceLocationClaim(location: DataLocation): string {
  return location.toLowerCase().replaceAll(' ', '')
}

/** The value of the `rgn` claim. */
export function regionClaim(location: DataLocation): string {
  return regions[location]
}

/** What a first start creates, so that a new server can be used at once. */
export const firstResource = {
  resourceGroup: 'parley',
  name: 'parley',
  dataLocation: 'United States',
  isLocalAuthDisabled: false,
  isSubscriptionEnabled: true,
} as const satisfies Omit<Resource, 'resourceId' | 'subscriptionId'>
