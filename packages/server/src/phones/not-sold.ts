import { fail } from '@parley/protocol'
import type { Operation } from '../contract/operation.ts'

const available = '/availablePhoneNumbers'
const country = `${available}/countries/{countryCode}`
const reservation = `${available}/reservations/{reservationId}`

const buying = 'the sale of phone numbers; assign those of a trunk at /parley/phoneNumbers'
const lookup = 'the look-up of operators'

const places: readonly (readonly [
  id: string,
  method: Operation['method'],
  path: string,
  what?: string,
])[] = [
  ['ListAreaCodes', 'GET', `${country}/areaCodes`],
  ['ListAvailableCountries', 'GET', `${available}/countries`],
  ['BrowseAvailableNumbers', 'POST', `${country}/:browse`],
  ['ListAvailableLocalities', 'GET', `${country}/localities`],
  ['ListOfferings', 'GET', `${country}/offerings`],
  ['ListReservations', 'GET', `${available}/reservations`],
  ['CreateOrUpdateReservation', 'PATCH', reservation],
  ['GetReservation', 'GET', reservation],
  ['DeleteReservation', 'DELETE', reservation],
  ['StartReservationPurchase', 'POST', `${reservation}/:purchase`],
  ['SearchAvailablePhoneNumbers', 'POST', `${country}/:search`],
  ['GetSearchResult', 'GET', `${available}/searchResults/{searchId}`],
  ['PurchasePhoneNumbers', 'POST', `${available}/:purchase`],
  ['GetOperation', 'GET', '/phoneNumbers/operations/{operationId}'],
  ['CancelOperation', 'DELETE', '/phoneNumbers/operations/{operationId}'],
  ['UpdateCapabilities', 'PATCH', '/phoneNumbers/{phoneNumber}/capabilities'],
  ['GetByNumber', 'GET', '/phoneNumbers/{phoneNumber}'],
  ['ReleasePhoneNumber', 'DELETE', '/phoneNumbers/{phoneNumber}'],
  ['ListPhoneNumbers', 'GET', '/phoneNumbers'],
  ['OperatorInformationSearch', 'POST', '/operatorInformation/:search', lookup],
]

/**
 * What the service has for buying numbers. Nobody sells any here, and whoever asks is told so,
 * instead of a 404 that would look like a wrong endpoint.
 *
 * @source ACS phone numbers 2025-06-01.
 */
export const notSoldOperations: readonly Operation[] = places.map(
  ([id, method, path, what = buying]): Operation => ({
    id: `PhoneNumbers_${id}`,
    summary: 'Not served.',
    method,
    path,
    access: 'public',
    versions: { service: 'phone-numbers', since: '2021-03-07' },
    reply: { status: 501 },
    handle: () => fail({ kind: 'operation-not-served', what }),
  }),
)
