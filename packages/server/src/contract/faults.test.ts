import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { refusalMeanings } from './fault-meanings.ts'
import { type Fault, type FaultReply, type RefusalReason, replyToFault } from './faults.ts'

type FaultOf<Kind> = Extract<Fault, { readonly kind: Kind }>

/** Status, code, message and target of a reply. */
type Wire = readonly [status: number, code: string, message: string, target?: string]

/** What each kind of fault is told as. A kind that is missing here does not compile. */
const table: { readonly [Kind in Fault['kind']]: readonly [FaultOf<Kind>, Wire] } = {
  'path-unknown': [
    { kind: 'path-unknown' },
    [404, 'NotFound', 'The requested path does not exist.'],
  ],
  'method-unknown': [
    { kind: 'method-unknown', allowed: ['GET', 'DELETE'] },
    [405, 'MethodNotAllowed', 'The requested path does not support the method.'],
  ],
  'request-malformed': [
    { kind: 'request-malformed' },
    [400, 'BadRequest', 'The request is not well-formed HTTP.'],
  ],
  'version-missing': [
    { kind: 'version-missing' },
    [400, 'ApiVersionUnspecified', 'An API version is required, but was not specified.'],
  ],
  'version-unknown': [
    { kind: 'version-unknown', uri: 'https://h/identities', version: '1999-01-01' },
    [
      400,
      'UnsupportedApiVersion',
      "The HTTP resource that matches the request URI 'https://h/identities' " +
        "does not support the API version '1999-01-01'.",
    ],
  ],
  'caller-refused': [
    { kind: 'caller-refused', reason: 'signature-differs' },
    [401, 'Denied', 'Denied by the resource provider.'],
  ],
  'user-not-allowed': [
    { kind: 'user-not-allowed', reason: 'scope' },
    [403, 'Forbidden', 'User is not allowed to perform specified action.'],
  ],
  'rate-exceeded': [
    { kind: 'rate-exceeded', retryAfterSeconds: 7 },
    [429, 'TooManyRequests', 'Too many requests; Retry-After says when to come again.'],
  ],
  'issuer-unreachable': [
    { kind: 'issuer-unreachable', reason: 'bearer-issuer-unreachable' },
    [503, 'ServiceUnavailable', 'The server is currently unable to handle the request.'],
  ],
  'media-type-unknown': [
    { kind: 'media-type-unknown', accepted: ['application/json', 'text/plain'] },
    [415, 'UnsupportedMediaType', 'Content-Type must be application/json or text/plain.'],
  ],
  'content-encoding-unknown': [
    { kind: 'content-encoding-unknown' },
    [415, 'UnsupportedMediaType', 'Content-Encoding must be identity or absent.'],
  ],
  'body-too-large': [
    { kind: 'body-too-large', bytesMax: 65_536 },
    [413, 'RequestEntityTooLarge', 'The body exceeds 65536 bytes.'],
  ],
  'body-not-json': [
    { kind: 'body-not-json' },
    [422, 'UnprocessableEntity', 'The body is not valid JSON.'],
  ],
  'body-invalid': [
    { kind: 'body-invalid', details: [{ field: 'scopes', problem: 'Expected array.' }] },
    [400, 'ValidationError', 'Scopes: Expected array.', 'Scopes'],
  ],
  'lifetime-out-of-range': [
    { kind: 'lifetime-out-of-range', minutes: 1441 },
    [
      400,
      'ValidationError',
      'ExpiresInMinutes value 1441 is invalid. Value must be within the [60, 1440] interval.',
      'ExpiresInMinutes',
    ],
  ],
  'scopes-missing': [
    { kind: 'scopes-missing', field: 'Scopes' },
    [400, 'ValidationError', 'Scopes: The Scopes field is required.', 'Scopes'],
  ],
  'scope-unknown': [
    { kind: 'scope-unknown', field: 'Scopes', scope: 'sms', version: '2023-10-01' },
    [400, 'ValidationError', "Scopes: 'sms' is not a scope of API version '2023-10-01'.", 'Scopes'],
  ],
  'header-invalid': [
    { kind: 'header-invalid', header: 'x-parley-device', expected: 'short' },
    [400, 'InvalidHeader', 'x-parley-device must be short.', 'x-parley-device'],
  ],
  'custom-id-length': [
    { kind: 'custom-id-length' },
    [
      400,
      'ValidationError',
      'CustomId: The length must be within the [1, 256] interval.',
      'CustomId',
    ],
  ],
  'identity-not-owned': [
    { kind: 'identity-not-owned' },
    [401, 'IdentityNotOwned', "Provided identity doesn't exist."],
  ],
  'entra-token-invalid': [
    { kind: 'entra-token-invalid', reason: 'bearer-expired' },
    [401, 'InvalidAccessToken', 'Provided access token is not valid.'],
  ],
  'application-differs': [
    { kind: 'application-differs' },
    [400, 'ValidationError', 'AAD application is not the expected one.', 'appId'],
  ],
  'user-differs': [
    { kind: 'user-differs' },
    [400, 'ValidationError', 'AAD user is not the expected one.', 'userId'],
  ],
  'operation-not-served': [
    { kind: 'operation-not-served', what: 'exchanges' },
    [501, 'NotImplemented', 'This server does not serve exchanges.'],
  ],
  'relay-not-configured': [
    { kind: 'relay-not-configured' },
    [503, 'RelayNotConfigured', 'This server has no relay.'],
  ],
  'sip-unprocessable': [
    { kind: 'sip-unprocessable', code: 'InvalidRouteName', message: 'Its name.' },
    [422, 'UnprocessableConfiguration', 'Its name.'],
  ],
  'caller-not-allowed': [
    { kind: 'caller-not-allowed', actor: 'somebody' },
    [403, 'AuthorizationFailed', 'somebody is not allowed to do this here.'],
  ],
  'subscription-unknown': [
    { kind: 'subscription-unknown', subscriptionId: 's' },
    [404, 'SubscriptionNotFound', "The subscription 's' could not be found."],
  ],
  'subscription-disabled': [
    { kind: 'subscription-disabled', subscriptionId: 's' },
    [
      409,
      'ReadOnlyDisabledSubscription',
      "The subscription 's' is disabled and can only be read or deleted.",
    ],
  ],
  'subscription-id-malformed': [
    { kind: 'subscription-id-malformed' },
    [400, 'InvalidSubscriptionId', 'The subscription must be named by a GUID.'],
  ],
  'resource-unknown': [
    { kind: 'resource-unknown', resourceGroup: 'g', name: 'n' },
    [
      404,
      'ResourceNotFound',
      "The Resource 'Microsoft.Communication/communicationServices/n' under resource group 'g' " +
        'was not found.',
    ],
  ],
  'resource-name-invalid': [
    { kind: 'resource-name-invalid' },
    [
      400,
      'InvalidResourceName',
      'A resource is named by 1 to 63 letters, digits and hyphens, none of them at either end.',
    ],
  ],
  'resource-group-invalid': [
    { kind: 'resource-group-invalid' },
    [
      400,
      'InvalidResourceGroup',
      'A resource group is named by 1 to 90 letters, digits, and -_.(), without a dot at the end.',
    ],
  ],
  'resource-name-taken': [
    { kind: 'resource-name-taken', name: 'n' },
    [409, 'NameUnavailable', "The name 'n' is already in use."],
  ],
  'property-fixed': [
    { kind: 'property-fixed', property: 'properties.dataLocation' },
    [
      400,
      'PropertyChangeNotAllowed',
      "'properties.dataLocation' cannot be changed.",
      'properties.dataLocation',
    ],
  ],
  'entry-unknown': [
    { kind: 'entry-unknown', what: 'assignment' },
    [404, 'NotFound', 'There is no such assignment.'],
  ],
  'query-invalid': [
    { kind: 'query-invalid', parameter: '$top', expected: 'a number' },
    [400, 'InvalidQueryParameter', '$top must be a number.', '$top'],
  ],
  'events-forgotten': [
    { kind: 'events-forgotten' },
    [410, 'EventsForgotten', 'What follows this number is no longer at hand.'],
  ],
  'server-busy': [
    { kind: 'server-busy' },
    [503, 'ServiceUnavailable', 'The server is currently unable to handle the request.'],
  ],
  'node-behind': [
    { kind: 'node-behind' },
    [503, 'ServiceUnavailable', 'The server is currently unable to handle the request.'],
  ],
  'server-stopping': [
    { kind: 'server-stopping' },
    [503, 'ServiceUnavailable', 'The server is currently unable to handle the request.'],
  ],
  'server-broken': [
    { kind: 'server-broken' },
    [500, 'InternalServerError', 'The server met an unexpected condition.'],
  ],
}

/** The headers of those replies that have any. */
const headersOf: Readonly<Partial<Record<Fault['kind'], Readonly<Record<string, string>>>>> = {
  'method-unknown': { allow: 'GET, DELETE' },
  'content-encoding-unknown': { 'accept-encoding': 'identity' },
  'caller-refused': { 'www-authenticate': 'HMAC-SHA256' },
  'rate-exceeded': { 'retry-after': '7' },
  'issuer-unreachable': { 'retry-after': '1' },
  'server-busy': { 'retry-after': '1' },
  'node-behind': { 'retry-after': '1' },
  'server-stopping': { 'retry-after': '1' },
}

/** What stands in `details` of those that have any. */
const detailsOf: Readonly<Partial<Record<Fault['kind'], readonly object[]>>> = {
  'sip-unprocessable': [{ code: 'InvalidRouteName', message: 'Its name.' }],
}

function replyOf(wire: Wire, headers: Readonly<Record<string, string>> = {}): FaultReply {
  const [status, code, message, target] = wire
  const error = { code, message, ...(target === undefined ? {} : { target }) }
  return { status, headers, body: { error } }
}

describe('a fault on the wire', () => {
  for (const [fault, wire] of Object.values(table)) {
    test(`${fault.kind} is told as ${wire[0]} ${wire[1]}`, () => {
      const { details, ...error } = replyToFault(fault).body.error
      assert.deepEqual(details, detailsOf[fault.kind])
      const told = { ...replyToFault(fault), body: { error } }
      assert.deepEqual(told, replyOf(wire, headersOf[fault.kind]))
    })
  }

  test('asks whoever gets a 503 to come again, but where there is no relay at all', () => {
    const passing = Object.values(table).filter(([{ kind }]) => kind !== 'relay-not-configured')
    const all = passing.map(([fault]) => replyToFault(fault))
    const unavailable = all.filter((reply) => reply.status === 503)
    assert.equal(unavailable.length, 4)
    assert.ok(unavailable.every((reply) => 'retry-after' in reply.headers))
  })
})

describe('a refused caller', () => {
  for (const reason of Object.keys(refusalMeanings) as RefusalReason[]) {
    test(`is told the same whatever the reason: ${reason}`, () => {
      const [, wire] = table['caller-refused']
      const headers = headersOf['caller-refused']
      assert.deepEqual(replyToFault({ kind: 'caller-refused', reason }), replyOf(wire, headers))
    })
  }
})

describe('a fault of the control plane', () => {
  const manners: readonly (readonly [Fault, status: number, code: string])[] = [
    [{ kind: 'version-missing' }, 400, 'MissingApiVersionParameter'],
    [{ kind: 'version-unknown', uri: '', version: '1' }, 400, 'InvalidApiVersionParameter'],
    [{ kind: 'caller-refused', reason: 'admin-token-differs' }, 401, 'AuthenticationFailed'],
    [{ kind: 'body-not-json' }, 400, 'InvalidRequestContent'],
    [{ kind: 'body-invalid', details: [] }, 400, 'InvalidRequestContent'],
    [{ kind: 'server-broken' }, 500, 'InternalServerError'],
  ]
  for (const [fault, status, code] of manners) {
    test(`${fault.kind} is told as ${status} ${code}`, () => {
      const reply = replyToFault(fault, 'management')
      assert.deepEqual([reply.status, reply.body.error.code], [status, code])
    })
  }
})

describe('a fault of chat', () => {
  test('caller-refused is told as 401 Unauthorized, to come with a bearer', () => {
    const reply = replyToFault({ kind: 'caller-refused', reason: 'access-token-void' }, 'chat')
    const headers = { 'www-authenticate': 'Bearer' }
    assert.deepEqual(reply, replyOf([401, 'Unauthorized', 'Request is not authorized.'], headers))
  })

  test('version-unknown is told as by the identity service', () => {
    const fault = { kind: 'version-unknown', uri: 'u', version: 'v' } as const
    assert.deepEqual(replyToFault(fault, 'chat'), replyToFault(fault))
  })
})

describe('an invalid body on the wire', () => {
  test('names each field as the service does, and the first of them twice', () => {
    const details = [
      { field: 'expiresInMinutes', problem: 'Expected integer, found string.' },
      { field: 'scopes[0]', problem: 'Expected string.' },
    ]
    const [first, second] = [
      {
        code: 'ValidationError',
        message: 'ExpiresInMinutes: Expected integer, found string.',
        target: 'ExpiresInMinutes',
      },
      { code: 'ValidationError', message: 'Scopes[0]: Expected string.', target: 'Scopes[0]' },
    ]
    assert.deepEqual(replyToFault({ kind: 'body-invalid', details }), {
      status: 400,
      headers: {},
      body: { error: { ...first, details: [first, second] } },
    })
  })

  test('is called Body where it is wrong as a whole', () => {
    const details = [{ field: '', problem: 'Expected object.' }]
    const wire = [400, 'ValidationError', 'Body: Expected object.', 'Body'] as const
    assert.deepEqual(replyToFault({ kind: 'body-invalid', details }), replyOf(wire))
  })
})

describe('an unknown scope on the wire', () => {
  const lengths = [
    [64, 64],
    [65, 64],
    [10_000, 64],
  ] as const
  for (const [length, shown] of lengths) {
    test(`of ${length} characters is repeated up to ${shown}`, () => {
      const scope = 'x'.repeat(length)
      const fault = { kind: 'scope-unknown', field: 'Scopes', scope, version: 'v' } as const
      const { message } = replyToFault(fault).body.error
      const quoted = 'x'.repeat(shown)
      assert.equal(message, `Scopes: '${quoted}' is not a scope of API version 'v'.`)
    })
  }
})
