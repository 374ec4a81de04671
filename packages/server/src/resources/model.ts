/**
 * A resource is what a customer owns: it holds identities and two access keys, and everything
 * stored belongs to exactly one. Its id is a GUID that stands inside every identity and token of
 * it, so that a token says by itself whose it is; its name is for people and for host names.
 *
 * A resource lies in a data location, chosen once. The location says where data at rest stays and
 * appears in two claims: `resourceLocation`, its name in lower case without spaces, and `rgn`, the
 * short name of the region. Clients pass both on without reading them.
 *
 * Invariant: whatever is stored reaches its resource through foreign keys, and every statement is
 * confined to one resource. Rejected: a tenant column checked by row-level security alone. It
 * hides a forgotten condition instead of showing it, and no other engine than PostgreSQL has it.
 */

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
}

/** The resource type of all resources here. @source ARM, `Microsoft.Communication`. */
export const resourceType = 'Microsoft.Communication/communicationServices'

/**
 * The path of a resource in the control plane, which is also its ARM id.
 *
 * @returns `/subscriptions/<id>/resourceGroups/<group>/providers/<type>/<name>`.
 */
export function printResourcePath(
  resource: Pick<Resource, 'subscriptionId' | 'resourceGroup' | 'name'>,
): string {
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
