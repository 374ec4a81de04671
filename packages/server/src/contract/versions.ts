/**
 * The api-versions of the identity service, oldest first. Their names sort by time, so that
 * "exists since" is a comparison of positions.
 *
 * @source ACS Identity, stable and preview versions; `2021-11-01` is one that the service lists.
 */
export const identityVersions = [
  '2020-07-20-preview2',
  '2021-02-22-preview1',
  '2021-03-07',
  '2021-03-31-preview1',
  '2021-10-31-preview',
  '2021-11-01',
  '2022-06-01',
  '2022-10-01',
  '2023-10-01',
  '2025-03-02-preview',
  '2025-06-30',
  '2026-07-22',
  '2026-09-23',
] as const

/**
 * The stable api-versions of the control plane.
 *
 * @source ARM, `Microsoft.Communication`; those that the stable SDKs send.
 */
export const managementVersions = [
  '2020-08-20',
  '2023-03-31',
  '2023-04-01',
  '2025-05-01',
  '2025-09-01',
] as const

/**
 * The api-versions in which subscriptions are managed.
 *
 * @source ARM, `Microsoft.Resources` and `Microsoft.Subscription`; those that their SDKs send.
 */
export const subscriptionVersions = [
  '2016-06-01',
  '2020-01-01',
  '2020-09-01',
  '2021-01-01',
  '2021-10-01',
  '2022-12-01',
] as const

/**
 * The stable api-versions of chat.
 *
 * @source ACS Chat; those that the stable SDKs send.
 */
export const chatVersions = [
  '2021-03-07',
  '2021-09-07',
  '2023-11-07',
  '2024-03-07',
  '2025-03-15',
] as const

/**
 * The stable api-versions of rooms.
 *
 * @source ACS Rooms; those that the stable SDKs send.
 */
const roomsVersions = ['2023-06-14', '2024-04-15', '2025-03-13'] as const

/**
 * The api-version of relays; the service never had a stable one.
 *
 * @source ACS Network Traversal; what its last SDK sends.
 */
const relaysVersions = ['2022-03-01-preview'] as const

/**
 * The stable api-version of SIP routing.
 *
 * @source ACS SIP routing; the one that all stable SDKs send.
 */
const sipVersions = ['2023-03-01'] as const

/**
 * The stable api-versions of phone numbers, which are known and not served.
 *
 * @source ACS phone numbers; those that the stable SDKs send.
 */
const phoneNumberVersions = [
  '2021-03-07',
  '2022-12-01',
  '2025-02-11',
  '2025-04-01',
  '2025-06-01',
] as const

/** The api-versions of every service; the same name in two of them means two things. */
export const apiVersions = {
  identity: identityVersions,
  management: managementVersions,
  subscription: subscriptionVersions,
  chat: chatVersions,
  rooms: roomsVersions,
  relays: relaysVersions,
  sip: sipVersions,
  'phone-numbers': phoneNumberVersions,
} as const

/** A service with api-versions, and a manner of answering, of its own. */
export type Service = keyof typeof apiVersions

/** One of `identityVersions`. */
export type IdentityVersion = (typeof identityVersions)[number]

/** A version of some service. */
export type ApiVersion = (typeof apiVersions)[Service][number]

/** The versions in which an operation, a field or a value exists; both ends inclusive. */
export type VersionRange = { readonly service?: 'identity' } & Ends<IdentityVersion>

/** The same of any service. */
export type ServiceVersions =
  | VersionRange
  | ({ readonly service: 'management' } & Ends<(typeof managementVersions)[number]>)
  | ({ readonly service: 'subscription' } & Ends<(typeof subscriptionVersions)[number]>)
  | ({ readonly service: 'chat' } & Ends<(typeof chatVersions)[number]>)
  | ({ readonly service: 'rooms' } & Ends<(typeof roomsVersions)[number]>)
  | ({ readonly service: 'relays' } & Ends<(typeof relaysVersions)[number]>)
  | ({ readonly service: 'sip' } & Ends<(typeof sipVersions)[number]>)
  | ({ readonly service: 'phone-numbers' } & Ends<(typeof phoneNumberVersions)[number]>)

interface Ends<Version> {
  readonly since: Version
  readonly until?: Version
}

/** The service whose versions a range is about. */
export function serviceOf(range: ServiceVersions): Service {
  return range.service ?? 'identity'
}

/** Says whether `version` lies in `range`; one of another service never does. */
export function isInRange(version: ApiVersion, range: ServiceVersions): boolean {
  const names: readonly ApiVersion[] = apiVersions[serviceOf(range)]
  const position = names.indexOf(version)
  const end = range.until === undefined ? names.length : names.indexOf(range.until)
  return position >= names.indexOf(range.since) && position <= end
}

/** The versions of `range`, oldest first. */
export function versionsIn(range: ServiceVersions): readonly ApiVersion[] {
  return apiVersions[serviceOf(range)].filter((version) => isInRange(version, range))
}
