/**
 * When each fault is met, and one example of it: what the reference page of errors is printed
 * from. A new kind of fault or reason without a line here does not compile.
 */
import type { Fault, RefusalReason } from './faults.ts'
import { serverLimits } from './limits.ts'

type FaultOf<Kind extends Fault['kind']> = Extract<Fault, { readonly kind: Kind }>

/** When a fault is met. */
export interface FaultMeaning<Kind extends Fault['kind']> {
  readonly when: string
  readonly example: FaultOf<Kind>
}

/** The meaning of every fault. */
export const faultMeanings: { readonly [Kind in Fault['kind']]: FaultMeaning<Kind> } = {
  'path-unknown': {
    when: 'No operation has such a path in any version, or a segment of it is too long.',
    example: { kind: 'path-unknown' },
  },
  'method-unknown': {
    when: 'The path has operations, with other methods; `Allow` lists them.',
    example: { kind: 'method-unknown', allowed: ['POST'] },
  },
  'request-malformed': {
    when: 'What arrived is no HTTP request, or its headers are too long.',
    example: { kind: 'request-malformed' },
  },
  'version-missing': {
    when: 'The operation has versions and the request names none.',
    example: { kind: 'version-missing' },
  },
  'version-unknown': {
    when: 'The path does not exist in the version asked for, or there is no such version.',
    example: { kind: 'version-unknown', uri: '{uri}', version: '{version}' },
  },
  'caller-refused': {
    when: 'The caller could not be authenticated, for any of the reasons below.',
    example: { kind: 'caller-refused', reason: 'signature-differs' },
  },
  'user-not-allowed': {
    when:
      'The access token is live and its scope, or the part that its holder has in the thread, ' +
      'does not allow this.',
    example: { kind: 'user-not-allowed', reason: 'scope' },
  },
  'media-type-unknown': {
    when: 'The body has a `Content-Type` that the operation does not take, or none.',
    example: { kind: 'media-type-unknown', accepted: ['application/json'] },
  },
  'content-encoding-unknown': {
    when: 'The body has a `Content-Encoding` other than `identity`.',
    example: { kind: 'content-encoding-unknown' },
  },
  'body-too-large': {
    when: 'The body exceeds the limit of its operation; the connection is closed.',
    example: { kind: 'body-too-large', bytesMax: serverLimits.bodyBytesMax },
  },
  'body-not-json': {
    when: 'The body is announced as JSON and is none, or is not UTF-8.',
    example: { kind: 'body-not-json' },
  },
  'body-invalid': {
    when:
      'A field has the wrong type, is unknown, or does not exist in the version asked for. ' +
      'With several such fields `details` has an error for each.',
    example: {
      kind: 'body-invalid',
      details: [{ field: 'expiresInMinutes', problem: 'Expected integer, found string.' }],
    },
  },
  'lifetime-out-of-range': {
    when: 'A token was asked for with a lifetime that is too short or too long.',
    example: { kind: 'lifetime-out-of-range', minutes: 1441 },
  },
  'scopes-missing': {
    when: 'A token was asked for with `scopes` absent, null or empty.',
    example: { kind: 'scopes-missing', field: 'Scopes' },
  },
  'scope-unknown': {
    when: 'There is no such scope in the version asked for.',
    example: { kind: 'scope-unknown', field: 'Scopes', scope: '{scope}', version: '{version}' },
  },
  'header-invalid': {
    when: 'A header of Parley has a value that it cannot have.',
    example: { kind: 'header-invalid', header: 'x-parley-device', expected: '{expected}' },
  },
  'custom-id-length': {
    when: 'A `customId` is empty or too long.',
    example: { kind: 'custom-id-length' },
  },
  'identity-not-owned': {
    when: 'The resource has no such identity: deleted, never created, or of another resource.',
    example: { kind: 'identity-not-owned' },
  },
  'entra-token-invalid': {
    when:
      'The Entra token in the body is invalid, expired, or permits nothing; the reason in the ' +
      'log is one of those below.',
    example: { kind: 'entra-token-invalid', reason: 'bearer-expired' },
  },
  'application-differs': {
    when: 'The Entra token in the body was issued to another application than `appId`.',
    example: { kind: 'application-differs' },
  },
  'user-differs': {
    when: 'The Entra token in the body is that of another person than `userId`.',
    example: { kind: 'user-differs' },
  },
  'operation-not-served': {
    when: 'The contract has the operation and this server does not serve it.',
    example: { kind: 'operation-not-served', what: '{operation}' },
  },
  'relay-not-configured': {
    when: 'A relay was asked for, and `PARLEY_TURN_URLS` names none.',
    example: { kind: 'relay-not-configured' },
  },
  'sip-unprocessable': {
    when:
      'Trunks and routes cannot be as they were asked for; `details` has the code of what is ' +
      'wrong, such as `InvalidTrunkFqdn`.',
    example: {
      kind: 'sip-unprocessable',
      code: 'InvalidTrunkFqdn',
      message: 'Trunk with an invalid FQDN.',
    },
  },
  'caller-not-allowed': {
    when: 'The caller is known and has no role that allows this at this place.',
    example: { kind: 'caller-not-allowed', actor: '{caller}' },
  },
  'subscription-unknown': {
    when: 'The subscription was never created, or is deleted.',
    example: { kind: 'subscription-unknown', subscriptionId: '{subscription}' },
  },
  'subscription-disabled': {
    when: 'The subscription is cancelled: what it holds can be read and deleted.',
    example: { kind: 'subscription-disabled', subscriptionId: '{subscription}' },
  },
  'subscription-id-malformed': {
    when: 'A subscription is created under a name that is no GUID.',
    example: { kind: 'subscription-id-malformed' },
  },
  'resource-unknown': {
    when: 'The resource was never created, or is deleted.',
    example: { kind: 'resource-unknown', resourceGroup: '{group}', name: '{name}' },
  },
  'resource-name-invalid': {
    when: 'A resource is created under a name that cannot be part of a host name.',
    example: { kind: 'resource-name-invalid' },
  },
  'resource-group-invalid': {
    when: 'A resource is created in a group that no path can name safely.',
    example: { kind: 'resource-group-invalid' },
  },
  'resource-name-taken': {
    when: 'A resource is created under the name of another, in whatever subscription.',
    example: { kind: 'resource-name-taken', name: '{name}' },
  },
  'property-fixed': {
    when: 'A property is changed that is chosen once, such as `dataLocation`.',
    example: { kind: 'property-fixed', property: 'properties.dataLocation' },
  },
  'entry-unknown': {
    when: 'What the path names, such as an assignment, does not exist.',
    example: { kind: 'entry-unknown', what: 'assignment' },
  },
  'query-invalid': {
    when: 'A query parameter has a value that it cannot have.',
    example: { kind: 'query-invalid', parameter: '$top', expected: 'a whole number, 1..1000' },
  },
  'issuer-unreachable': {
    when:
      'The keys that say whether a bearer is good could not be fetched from its issuer; ' +
      '`Retry-After` says when to come again.',
    example: { kind: 'issuer-unreachable', reason: 'bearer-issuer-unreachable' },
  },
  'rate-exceeded': {
    when:
      'More was asked for than a limit allows (`PARLEY_RATE_LIMITS`), and nothing was changed; ' +
      '`Retry-After` says when there is room again.',
    example: { kind: 'rate-exceeded', retryAfterSeconds: 3 },
  },
  'server-busy': {
    when:
      'The server has not started yet, too much is waiting, or the database cannot be reached; ' +
      '`Retry-After` says when to come again.',
    example: { kind: 'server-busy' },
  },
  'events-forgotten': {
    when:
      'A follower of revocations asks for what came after a number that is too long ago, or that ' +
      'the log does not have; it takes a snapshot and goes on from there.',
    example: { kind: 'events-forgotten' },
  },
  'node-behind': {
    when:
      'The server may not know the latest revocations, because it cannot reach the database or ' +
      'was held up, and does not guess; `Retry-After` says when to come again.',
    example: { kind: 'node-behind' },
  },
  'server-stopping': {
    when: 'The server is being stopped; `Retry-After` says when to come again.',
    example: { kind: 'server-stopping' },
  },
  'server-broken': {
    when: 'A bug. The log has the rest under the `x-ms-request-id` of the answer.',
    example: { kind: 'server-broken' },
  },
}

/** The meaning of every reason for which a caller is refused. */
export const refusalMeanings: Readonly<Record<RefusalReason, string>> = {
  'authorization-missing': 'There is no `Authorization` header.',
  'authorization-malformed': 'The `Authorization` header is not of the form of HMAC-SHA256.',
  'headers-not-signed': 'The signature leaves out the date, `host` or `x-ms-content-sha256`.',
  'date-malformed': 'The signed date is absent or not of the form of RFC 9110.',
  'date-out-of-window': 'The signed date and the clock of the server lie too far apart.',
  'content-hash-differs': '`x-ms-content-sha256` is not the hash of the body that arrived.',
  'signature-differs': 'No access key of this server makes this signature for this request.',
  'key-superseded': 'The access key was regenerated while the request was being answered.',
  'local-auth-disabled': 'The resource takes no secrets of its own (`disableLocalAuth`).',
  'subscription-disabled': 'The subscription of the resource is cancelled.',
  'resource-deleted': 'The resource was deleted while the request was being answered.',
  'host-unknown': 'The host name is not that of a resource.',
  'bearer-not-taken': 'The operation takes another kind of credential.',
  'bearer-malformed': 'The bearer is no JWT that can be checked.',
  'bearer-issuer-unknown': 'The issuer of the bearer is not in `PARLEY_TRUSTED_ISSUERS`.',
  'bearer-issuer-unreachable': 'The keys of the issuer could not be fetched.',
  'bearer-signature-differs': 'No key of the issuer makes the signature of the bearer.',
  'bearer-expired': 'The bearer is expired, or not valid yet.',
  'bearer-audience-differs': 'The bearer was issued for somebody else.',
  'bearer-tenant-differs': 'The bearer is of another tenant than the one that is trusted.',
  'bearer-role-missing': 'The bearer has no role that reaches the resource.',
  'bearer-not-assigned': 'No assignment of the resource covers the person and its application.',
  'bearer-permission-missing': 'The bearer permits nothing that the exchange could give.',
  'admin-token-differs': 'The bearer is neither a JWT nor the admin token.',
  'credential-unknown': 'No such credential of a verifier, or it was deleted or rotated.',
  'credential-expired': 'The credential of the verifier is over.',
  'access-token-invalid': 'The bearer is no access token of this server.',
  'access-token-expired': 'The access token is expired.',
  'access-token-void': 'The access token was revoked, or what it depends on was.',
  'access-token-elsewhere': 'The access token is of another resource than the host name.',
}
