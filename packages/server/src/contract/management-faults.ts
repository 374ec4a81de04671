/**
 * What the control plane says in its own manner: faults that only it has, and its words for those
 * that every service has.
 *
 * @source ARM common types v5, `ErrorResponse`; ARM error codes as its callers know them.
 */
import type { Fault, FaultRow } from './faults.ts'
import type { Service } from './versions.ts'

/** Faults of the control plane. */
export type ManagementFault =
  | { readonly kind: 'caller-not-allowed'; readonly actor: string }
  | { readonly kind: 'subscription-unknown'; readonly subscriptionId: string }
  | { readonly kind: 'subscription-disabled'; readonly subscriptionId: string }
  | { readonly kind: 'subscription-id-malformed' }
  | { readonly kind: 'resource-unknown'; readonly resourceGroup: string; readonly name: string }
  | { readonly kind: 'resource-name-invalid' }
  | { readonly kind: 'resource-group-invalid' }
  | { readonly kind: 'resource-name-taken'; readonly name: string }
  | { readonly kind: 'property-fixed'; readonly property: string }
  | { readonly kind: 'entry-unknown'; readonly what: string }
  | { readonly kind: 'query-invalid'; readonly parameter: string; readonly expected: string }

/** What the wire says of a fault that only the control plane has. */
export function managementRowFor(fault: ManagementFault): FaultRow {
  switch (fault.kind) {
    case 'caller-not-allowed':
      return row(403, 'AuthorizationFailed', `${fault.actor} is not allowed to do this here.`)
    case 'subscription-unknown':
      return row(
        404,
        'SubscriptionNotFound',
        `The subscription '${fault.subscriptionId}' could not be found.`,
      )
    case 'subscription-disabled':
      return row(
        409,
        'ReadOnlyDisabledSubscription',
        `The subscription '${fault.subscriptionId}' is disabled and can only be read or deleted.`,
      )
    case 'subscription-id-malformed':
      return row(400, 'InvalidSubscriptionId', 'The subscription must be named by a GUID.')
    case 'resource-unknown':
      return row(
        404,
        'ResourceNotFound',
        `The Resource 'Microsoft.Communication/communicationServices/${fault.name}' under ` +
          `resource group '${fault.resourceGroup}' was not found.`,
      )
    case 'resource-name-invalid':
      return row(400, 'InvalidResourceName', resourceNameMessage)
    case 'resource-group-invalid':
      return row(400, 'InvalidResourceGroup', resourceGroupMessage)
    case 'resource-name-taken':
      return row(409, 'NameUnavailable', `The name '${fault.name}' is already in use.`)
    case 'property-fixed':
      return {
        ...row(400, 'PropertyChangeNotAllowed', `'${fault.property}' cannot be changed.`),
        target: fault.property,
      }
    case 'entry-unknown':
      return row(404, 'NotFound', `There is no such ${fault.what}.`)
    case 'query-invalid':
      return {
        ...row(400, 'InvalidQueryParameter', `${fault.parameter} must be ${fault.expected}.`),
        target: fault.parameter,
      }
  }
}

const resourceNameMessage =
  'A resource is named by 1 to 63 letters, digits and hyphens, none of them at either end.'

const resourceGroupMessage =
  'A resource group is named by 1 to 90 letters, digits, and -_.(), without a dot at the end.'

/** Says a fault of every service as the service at hand says it. */
export function inMannerOfService(row: FaultRow, fault: Fault, service: Service): FaultRow {
  if (service === 'chat') return inMannerOfChat(row, fault)
  if (service !== 'management' && service !== 'subscription') return row
  switch (fault.kind) {
    case 'version-missing':
      return { ...row, code: 'MissingApiVersionParameter', message: versionMissingMessage }
    case 'version-unknown':
      return {
        ...row,
        code: 'InvalidApiVersionParameter',
        message: `The api-version '${fault.version}' is invalid.`,
      }
    case 'caller-refused':
      return {
        ...row,
        code: 'AuthenticationFailed',
        message: 'Authentication failed.',
        headers: { 'www-authenticate': 'Bearer' },
      }
    case 'body-not-json':
      return { ...row, status: 400, code: 'InvalidRequestContent' }
    case 'body-invalid':
      return { ...row, code: 'InvalidRequestContent' }
    default:
      return row
  }
}

/** @source ACS Chat, `CommunicationErrorResponse` examples: 401 `Unauthorized`. */
function inMannerOfChat(row: FaultRow, { kind }: Fault): FaultRow {
  if (kind !== 'caller-refused') return row
  const [code, message] = ['Unauthorized', 'Request is not authorized.']
  return { ...row, code, message, headers: { 'www-authenticate': 'Bearer' } }
}

const versionMissingMessage =
  'The api-version query parameter (?api-version=) is required for all requests.'

function row(status: number, code: string, message: string): FaultRow {
  return { status, code, message }
}
