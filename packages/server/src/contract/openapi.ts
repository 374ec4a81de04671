/**
 * Prints the operations of one api-version, or our own unversioned ones, as an OpenAPI document.
 *
 * The table of operations is the source and the document a view of it: nothing here is known of
 * any single operation.
 *
 * @source OpenAPI Specification 3.1.0.
 */
import { STATUS_CODES } from 'node:http'
import type { TObject } from '@sinclair/typebox'
import { serverLimits } from './limits.ts'
import { type FieldContext, type Json, type JsonObject, printSchema } from './openapi-schema.ts'
import type { BodyContract, Operation, ReplyContract } from './operation.ts'
import { type ApiVersion, isInRange, type Service, serviceOf } from './versions.ts'

/** Which of the operations a document is about. */
export type OpenApiSpace = ServiceVersion | 'unversioned'

/** One version of one service. */
export interface ServiceVersion {
  readonly service: Service
  readonly version: ApiVersion
}

/**
 * Prints the OpenAPI document of a space.
 *
 * @param operations - the whole table; those of other spaces are left out.
 * @returns plain JSON, equal for equal tables.
 */
export function printOpenApi(operations: readonly Operation[], space: OpenApiSpace): JsonObject {
  const paths: Record<string, Record<string, Json>> = {}
  const shown = operations.filter((one) => isInSpace(one, space))
  const hasUsers = shown.some(({ access }) => access === 'user' || access === 'resource-or-user')
  for (const operation of shown) {
    const { path, method } = operation
    const methods = paths[path] ?? {}
    methods[method.toLowerCase()] = printOperation(operation, space)
    paths[path] = methods
  }
  return {
    openapi: '3.1.0',
    info: printInfo(space),
    paths,
    components: printComponents(space, hasUsers),
  }
}

function isInSpace(operation: Operation, space: OpenApiSpace): boolean {
  const { versions } = operation
  if (versions === 'unversioned' || space === 'unversioned') return versions === space
  return serviceOf(versions) === space.service && isInRange(space.version, versions)
}

function printInfo(space: OpenApiSpace): JsonObject {
  const isOurs = space === 'unversioned'
  return {
    title: isOurs ? 'Parley: tokens' : titles[space.service],
    description: isOurs
      ? 'What Parley serves beside the operations of Azure Communication Services.'
      : 'What Parley serves of this api-version of Azure Communication Services.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    version: isOurs ? '1' : space.version,
  }
}

const titles: Readonly<Record<Service, string>> = {
  identity: 'Parley: identities and access tokens',
  management: 'Parley: resources and their access keys',
  subscription: 'Parley: subscriptions',
  chat: 'Parley: chat',
  rooms: 'Parley: rooms',
  relays: 'Parley: relays',
  sip: 'Parley: SIP trunks and routes',
  'phone-numbers': 'Parley: phone numbers, which it does not sell',
}

function printOperation(operation: Operation, space: OpenApiSpace): JsonObject {
  const { id, summary, path, query = {}, body, reply } = operation
  const isVersioned = space !== 'unversioned'
  const version = isVersioned ? space.version : undefined
  const requestBody = body === undefined ? undefined : printBody(body, version)
  return {
    operationId: id,
    summary,
    security: securityOf(operation),
    parameters: [
      ...pathParameters(path),
      ...queryParameters(query),
      ...(isVersioned ? [reference('parameters', 'ApiVersion')] : []),
      reference('parameters', 'ClientRequestId'),
    ],
    ...(requestBody === undefined ? {} : { requestBody }),
    responses: {
      [reply.status]: printReply(reply, version),
      ...Object.fromEntries(
        (reply.otherStatuses ?? []).map((status) => [
          status,
          printReply(status === 204 ? { status } : { ...reply, status }, version),
        ]),
      ),
      default: reference('responses', 'Fault'),
    },
  }
}

function securityOf({ access, scopes = [] }: Operation): readonly JsonObject[] {
  switch (access) {
    case 'public':
      return []
    case 'resource':
    case 'follower':
      return [{ AccessKey: [] }, { Bearer: [] }]
    case 'user':
      return [{ AccessToken: [...scopes] }]
    case 'resource-or-user':
      return [{ AccessKey: [] }, { Bearer: [] }, { AccessToken: [...scopes] }]
    default:
      return [{ Bearer: [] }]
  }
}

function pathParameters(path: string): readonly JsonObject[] {
  return [...path.matchAll(/\{([A-Za-z]+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', maxLength: serverLimits.pathSegmentCharactersMax },
  }))
}

function queryParameters(query: NonNullable<Operation['query']>): readonly JsonObject[] {
  return Object.entries(query).map(([name, schema]) => {
    return { name, in: 'query', schema: printSchema(schema, { version: undefined }) }
  })
}

/** A body that can only be empty is no body for a reader. */
function printBody(body: BodyContract, version: ApiVersion | undefined): Json | undefined {
  const judged = version === undefined ? undefined : body.judged?.(version)
  const context: FieldContext = { version, fieldVersions: body.fieldVersions, judged }
  const content: Record<string, Json> = {}
  let isRequired = body.isRequired
  for (const [mediaType, schema] of Object.entries(body.schemas)) {
    if (canOnlyBeEmpty(schema)) return undefined
    const printed = printSchema(schema, context)
    isRequired ||= printed['required'] !== undefined
    content[mediaType] = { schema: printed }
  }
  return { required: isRequired, content }
}

function canOnlyBeEmpty(schema: TObject): boolean {
  return Object.keys(schema.properties).length === 0 && schema.additionalProperties === false
}

function printReply(reply: ReplyContract, version: ApiVersion | undefined): JsonObject {
  const { status, schema, fieldVersions, isSecret, streamOf } = reply
  // A contract has it and this server does not.
  if (status >= 400) return reference('responses', 'Fault')
  const isVersioned = version !== undefined
  return {
    description: STATUS_CODES[status] ?? '',
    headers: {
      'x-ms-request-id': reference('headers', 'RequestId'),
      ...(isVersioned ? { 'api-supported-versions': reference('headers', 'Versions') } : {}),
      ...(isSecret === true ? printHeaders({ 'cache-control': 'no-store' }) : {}),
      ...printHeaders(reply.headers ?? {}),
    },
    ...(schema === undefined
      ? {}
      : {
          content: {
            [streamOf ?? mediaTypeOf(reply)]: {
              schema: printSchema(schema, { version, fieldVersions }),
            },
            ...(reply.isAlsoCsv === true ? { 'text/csv': { schema: { type: 'string' } } } : {}),
          },
        }),
  }
}

function mediaTypeOf({ isText, isBytes }: ReplyContract): string {
  if (isText === true) return 'text/plain'
  return isBytes === true ? 'application/octet-stream' : 'application/json'
}

function printHeaders(headers: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, { schema: { const: value } }]),
  )
}

function printComponents(space: OpenApiSpace, hasUsers: boolean): JsonObject {
  const isVersioned = space !== 'unversioned'
  return {
    parameters: {
      ...(isVersioned ? { ApiVersion: apiVersion(space.version) } : {}),
      ClientRequestId: clientRequestId,
    },
    headers: { RequestId: requestId, ...(isVersioned ? { Versions: supportedVersions } : {}) },
    responses: { Fault: fault },
    schemas: { ErrorEnvelope: errorEnvelope, Error: error },
    securitySchemes: {
      AccessKey: accessKey,
      Bearer: bearer,
      ...(hasUsers ? { AccessToken: accessToken } : {}),
    },
  }
}

function apiVersion(version: ApiVersion): JsonObject {
  return { name: 'api-version', in: 'query', required: true, schema: { const: version } }
}

const clientRequestId = {
  name: 'x-ms-client-request-id',
  in: 'header',
  description: 'Comes back in the header of the same name.',
  schema: { type: 'string', maxLength: serverLimits.clientRequestIdCharactersMax },
}

const requestId = {
  description: 'Names this request in the log of the server.',
  schema: { type: 'string', format: 'uuid' },
}

const supportedVersions = {
  description: 'The api-versions of the path and method, separated by commas.',
  schema: { type: 'string' },
}

const fault = {
  description: 'What went wrong, in the envelope of Azure Communication Services.',
  content: jsonContent(reference('schemas', 'ErrorEnvelope')),
}

const errorEnvelope = {
  type: 'object',
  required: ['error'],
  properties: { error: reference('schemas', 'Error') },
}

const error = {
  type: 'object',
  required: ['code', 'message'],
  properties: {
    code: { type: 'string' },
    message: { type: 'string' },
    target: { type: 'string' },
    details: { type: 'array', items: reference('schemas', 'Error') },
  },
}

const accessKey = {
  type: 'apiKey',
  in: 'header',
  name: 'Authorization',
  description:
    '`HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=<base64>`: the ' +
    'request signed with an access key of the resource, as the SDKs of Azure Communication ' +
    'Services do it. `x-ms-content-sha256` is the base64 of the SHA-256 of the body.',
}

const bearer = {
  type: 'http',
  scheme: 'bearer',
  description:
    'A token of an issuer in `PARLEY_TRUSTED_ISSUERS` with a role that allows the operation; in ' +
    'the control plane also the admin token of `parley.env`.',
}

const accessToken = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description: 'An access token of this server that is live and has one of the scopes listed.',
}

function jsonContent(schema: JsonObject): JsonObject {
  return { 'application/json': { schema } }
}

function reference(kind: string, name: string): JsonObject {
  return { $ref: `#/components/${kind}/${name}` }
}
