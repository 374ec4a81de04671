/**
 * From what went wrong to what the wire says: the only place that knows status, code and message.
 *
 * A fault is met inside as a small object with a `kind`. Here each kind has one row; a kind
 * without a row does not compile. Authentication faults all print alike: from outside a wrong
 * key, host, body or date cannot be told apart, while the log names the reason.
 *
 * @source ACS error responses, `CommunicationErrorResponse`: `{error: {code, message, target?}}`.
 */
import { limits } from '@parley/protocol'
import { serverLimits } from './limits.ts'
import { inMannerOfService, type ManagementFault, managementRowFor } from './management-faults.ts'
import type { Service } from './versions.ts'

/** Why a caller was not known. Names no secret; goes to the log. */
export type RefusalReason =
  | 'authorization-missing'
  | 'authorization-malformed'
  | 'headers-not-signed'
  | 'date-malformed'
  | 'date-out-of-window'
  | 'content-hash-differs'
  | 'signature-differs'
  | 'key-superseded'
  | 'local-auth-disabled'
  | 'subscription-disabled'
  | 'resource-deleted'
  | 'host-unknown'
  | 'bearer-not-taken'
  | 'bearer-malformed'
  | 'bearer-issuer-unknown'
  | 'bearer-issuer-unreachable'
  | 'bearer-signature-differs'
  | 'bearer-expired'
  | 'bearer-audience-differs'
  | 'bearer-tenant-differs'
  | 'bearer-role-missing'
  | 'bearer-not-assigned'
  | 'bearer-permission-missing'
  | 'admin-token-differs'
  | 'credential-unknown'
  | 'credential-expired'
  | 'access-token-invalid'
  | 'access-token-expired'
  | 'access-token-void'
  | 'access-token-elsewhere'

/** Why a user may not do what it asks for: the token's scope, no member, not its own message. */
export type UserRefusalReason = 'scope' | 'membership' | 'ownership'

/** Everything that an operation or the pipeline may answer instead of its reply. */
export type Fault =
  | ManagementFault
  | { readonly kind: 'path-unknown' }
  | { readonly kind: 'method-unknown'; readonly allowed: readonly string[] }
  | { readonly kind: 'request-malformed' }
  | { readonly kind: 'version-missing' }
  | { readonly kind: 'version-unknown'; readonly uri: string; readonly version: string }
  | { readonly kind: 'caller-refused'; readonly reason: RefusalReason }
  | { readonly kind: 'user-not-allowed'; readonly reason: UserRefusalReason }
  | { readonly kind: 'issuer-unreachable'; readonly reason: 'bearer-issuer-unreachable' }
  | { readonly kind: 'media-type-unknown'; readonly accepted: readonly string[] }
  | { readonly kind: 'content-encoding-unknown' }
  | { readonly kind: 'body-too-large'; readonly bytesMax: number }
  | { readonly kind: 'body-not-json' }
  | { readonly kind: 'body-invalid'; readonly details: readonly FieldFault[] }
  | { readonly kind: 'lifetime-out-of-range'; readonly minutes: number }
  | { readonly kind: 'scopes-missing'; readonly field: string }
  | ScopeUnknown
  | { readonly kind: 'custom-id-length' }
  | { readonly kind: 'header-invalid'; readonly header: string; readonly expected: string }
  | { readonly kind: 'identity-not-owned' }
  | { readonly kind: 'entra-token-invalid'; readonly reason: RefusalReason }
  | { readonly kind: 'application-differs' }
  | { readonly kind: 'user-differs' }
  | { readonly kind: 'events-forgotten' }
  | { readonly kind: 'operation-not-served'; readonly what: string }
  | { readonly kind: 'relay-not-configured' }
  | { readonly kind: 'sip-unprocessable'; readonly code: string; readonly message: string }
  | { readonly kind: 'rate-exceeded'; readonly retryAfterSeconds: number }
  | { readonly kind: 'server-busy' }
  | { readonly kind: 'node-behind' }
  | { readonly kind: 'server-stopping' }
  | { readonly kind: 'server-broken' }

/** A scope that does not exist in the version asked for. */
export interface ScopeUnknown {
  readonly kind: 'scope-unknown'
  /** Name of the field on the wire, with a capital. */
  readonly field: string
  readonly scope: string
  readonly version: string
}

/** One field of a body that is not as the contract has it. */
export interface FieldFault {
  /** The field's path, for example `scopes[0]`; empty for the body as a whole. */
  readonly field: string
  readonly problem: string
}

/** A fault as it goes out. */
export interface FaultReply {
  readonly status: number
  readonly body: { readonly error: WireError }
  readonly headers: Readonly<Record<string, string>>
}

/** The error object of the ACS envelope. */
export interface WireError {
  readonly code: string
  readonly message: string
  readonly target?: string
  readonly details?: readonly WireError[]
}

/**
 * What the wire says of a fault.
 *
 * @param service - whose manner of answering it has.
 */
export function replyToFault(fault: Fault, service: Service = 'identity'): FaultReply {
  const { status, headers = {}, ...error } = inMannerOfService(rowFor(fault), fault, service)
  return { status, headers, body: { error } }
}

/** A fault on the wire, in one object. */
export interface FaultRow extends WireError {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
}

const retryLater = { 'retry-after': String(serverLimits.retryAfterSeconds) }

function rowFor(fault: Fault): FaultRow {
  switch (fault.kind) {
    case 'path-unknown':
      return row(404, 'NotFound', 'The requested path does not exist.')
    case 'method-unknown':
      return {
        ...row(405, 'MethodNotAllowed', 'The requested path does not support the method.'),
        headers: { allow: fault.allowed.join(', ') },
      }
    case 'request-malformed':
      return row(400, 'BadRequest', 'The request is not well-formed HTTP.')
    case 'version-missing':
      return row(400, 'ApiVersionUnspecified', 'An API version is required, but was not specified.')
    case 'version-unknown':
      return row(400, 'UnsupportedApiVersion', unsupportedVersionMessage(fault))
    case 'caller-refused':
      return {
        ...row(401, 'Denied', 'Denied by the resource provider.'),
        headers: { 'www-authenticate': 'HMAC-SHA256' },
      }
    case 'user-not-allowed':
      return row(403, 'Forbidden', 'User is not allowed to perform specified action.')
    case 'header-invalid':
      return {
        ...row(400, 'InvalidHeader', `${fault.header} must be ${fault.expected}.`),
        target: fault.header,
      }
    case 'identity-not-owned':
      return row(401, 'IdentityNotOwned', "Provided identity doesn't exist.")
    case 'entra-token-invalid':
      return row(401, 'InvalidAccessToken', 'Provided access token is not valid.')
    case 'application-differs':
      return { ...row(400, 'ValidationError', applicationMessage), target: 'appId' }
    case 'user-differs':
      return { ...row(400, 'ValidationError', userMessage), target: 'userId' }
    case 'events-forgotten':
      return row(410, 'EventsForgotten', 'What follows this number is no longer at hand.')
    case 'operation-not-served':
      return row(501, 'NotImplemented', `This server does not serve ${fault.what}.`)
    case 'relay-not-configured':
      return row(503, 'RelayNotConfigured', 'This server has no relay.')
    case 'sip-unprocessable':
      return sipRow(fault)
    case 'rate-exceeded':
      return {
        ...row(429, 'TooManyRequests', 'Too many requests; Retry-After says when to come again.'),
        headers: { 'retry-after': String(fault.retryAfterSeconds) },
      }
    case 'issuer-unreachable':
    case 'server-busy':
    case 'node-behind':
    case 'server-stopping':
      return { ...row(503, 'ServiceUnavailable', unableMessage), headers: retryLater }
    case 'server-broken':
      return row(500, 'InternalServerError', 'The server met an unexpected condition.')
    default:
      return isBodyFault(fault) ? bodyRowFor(fault) : managementRowFor(fault)
  }
}

function sipRow(fault: Extract<Fault, { readonly kind: 'sip-unprocessable' }>): FaultRow {
  const { code, message } = fault
  return { ...row(422, 'UnprocessableConfiguration', message), details: [{ code, message }] }
}

function isBodyFault(fault: BodyFault | ManagementFault): fault is BodyFault {
  return (bodyFaultKinds as readonly string[]).includes(fault.kind)
}

const bodyFaultKinds = [
  'media-type-unknown',
  'content-encoding-unknown',
  'body-too-large',
  'body-not-json',
  'body-invalid',
  'lifetime-out-of-range',
  'scopes-missing',
  'scope-unknown',
  'custom-id-length',
] as const

type BodyFault = Extract<Fault, { readonly kind: (typeof bodyFaultKinds)[number] }>

function bodyRowFor(fault: BodyFault): FaultRow {
  switch (fault.kind) {
    case 'media-type-unknown':
      return row(
        415,
        'UnsupportedMediaType',
        `Content-Type must be ${fault.accepted.join(' or ')}.`,
      )
    case 'content-encoding-unknown':
      // RFC 9110 section 12.5.3: the answer says which encodings would have been taken.
      return {
        ...row(415, 'UnsupportedMediaType', 'Content-Encoding must be identity or absent.'),
        headers: { 'accept-encoding': 'identity' },
      }
    case 'body-too-large':
      return row(413, 'RequestEntityTooLarge', `The body exceeds ${fault.bytesMax} bytes.`)
    case 'body-not-json':
      return row(422, 'UnprocessableEntity', 'The body is not valid JSON.')
    case 'body-invalid':
      return invalidBodyRow(fault.details)
    case 'lifetime-out-of-range':
      return validationRow('ExpiresInMinutes', lifetimeMessage(fault.minutes))
    case 'scopes-missing':
      return validationRow(fault.field, `${fault.field}: The ${fault.field} field is required.`)
    case 'scope-unknown':
      return validationRow(
        fault.field,
        `${fault.field}: '${fault.scope.slice(0, 64)}' is not a scope of API version ` +
          `'${fault.version}'.`,
      )
    case 'custom-id-length':
      return validationRow('CustomId', customIdMessage)
  }
}

const applicationMessage = 'AAD application is not the expected one.'
const userMessage = 'AAD user is not the expected one.'
const unableMessage = 'The server is currently unable to handle the request.'
const customIdMessage =
  `CustomId: The length must be within the [${limits.customIdCharactersMin}, ` +
  `${limits.customIdCharactersMax}] interval.`

function row(status: number, code: string, message: string): FaultRow {
  return { status, code, message }
}

function validationRow(target: string, message: string): FaultRow {
  return { ...row(400, 'ValidationError', message), target }
}

function unsupportedVersionMessage(fault: {
  readonly uri: string
  readonly version: string
}): string {
  return (
    `The HTTP resource that matches the request URI '${fault.uri}' ` +
    `does not support the API version '${fault.version}'.`
  )
}

function lifetimeMessage(minutes: number): string {
  return (
    `ExpiresInMinutes value ${minutes} is invalid. Value must be within the ` +
    `[${limits.lifetimeMinutesMin}, ${limits.lifetimeMinutesMax}] interval.`
  )
}

function invalidBodyRow(details: readonly FieldFault[]): FaultRow {
  const errors = details.map(({ field, problem }) => {
    const target = wireField(field)
    return { code: 'ValidationError', message: `${target}: ${problem}`, target }
  })
  const [first = { code: 'ValidationError', message: 'The body is invalid.', target: '' }] = errors
  return { status: 400, ...first, ...(errors.length > 1 ? { details: errors } : {}) }
}

/** The service names fields with a capital: `expiresInMinutes` is `ExpiresInMinutes` there. */
function wireField(field: string): string {
  return field === '' ? 'Body' : `${field[0]?.toUpperCase()}${field.slice(1)}`
}
