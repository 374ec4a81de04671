import type { AccessKeyGeneration, Result, Scope } from '@parley/protocol'
import type { Static, TObject, TSchema } from '@sinclair/typebox'
import type { RateName } from '../foundation/rates.ts'
import type { BrowserAudience } from './browser-audience.ts'
import type { CallerCredential } from './caller-credential.ts'
import type { Fault } from './faults.ts'
import type { UserCaller } from './user-operation.ts'
import type { ApiVersion, IdentityVersion, ServiceVersions } from './versions.ts'

/**
 * An operation as data: how it is reached, who may call it, what it takes and gives, and a handler
 * of a few lines. Rooms export tables of these; the composition root concatenates them; `http/`
 * mounts them; the OpenAPI document is printed from them.
 */
export interface Operation {
  /** `operationId` of the contract, for example `CommunicationIdentity_Create`. */
  readonly id: string
  readonly summary: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Template as in OpenAPI; `{name}` stands for one segment, other characters for themselves. */
  readonly path: string
  readonly access: Access
  /** Of operations for users: the scopes of access tokens any of which opens it. */
  readonly scopes?: readonly Scope[]
  /** The api-versions it exists in; `unversioned` operations take no `api-version`. */
  readonly versions: ServiceVersions | 'unversioned'
  /** What may stand in its query beside the api-version. */
  readonly query?: Readonly<Record<string, TSchema>>
  readonly body?: BodyContract
  readonly reply: ReplyContract
  /** Whose browsers may call it from pages of other origins. Absent: as `access` says. */
  readonly browsers?: BrowserAudience
  /** How often it may be called, where the server limits that. Absent: as often as one likes. */
  readonly rate?: RateName | ((call: Call) => RateName)
  readonly handle: (call: Call) => Handled
}

/**
 * Who may call an operation.
 *
 * - `public`: anybody.
 * - `resource`: the owner of a resource, by an access key of it, or by a bearer of a trusted issuer
 *   with the role of an owner or contributor there.
 * - `follower`: the same, or a verifier by a credential of that resource.
 * - `user`: the holder of an access token with one of the scopes of the operation.
 * - `resource-or-user`: one or the other of these two.
 * - `entra-user`: a person, by a bearer of a trusted issuer that is the person's own.
 * - `administrator`: who may change what stands at the operation's place in the control plane.
 * - `reader`: who may look at it.
 */
export type Access =
  | 'public'
  | 'resource'
  | 'follower'
  | 'user'
  | 'resource-or-user'
  | 'entra-user'
  | 'administrator'
  | 'reader'

/** What a handler gives: the reply's body, or the fault to answer instead. */
export type Handled = Result<unknown, Fault> | Promise<Result<unknown, Fault>>

/** What an operation takes. */
export interface BodyContract {
  /** The schema by media type. A form is checked as an object of strings. */
  readonly schemas: Readonly<Partial<Record<MediaType, TObject>>>
  /** Whether an empty body is a fault. */
  readonly isRequired: boolean
  /** Fields that exist in some versions only; in the others they are unknown. */
  readonly fieldVersions?: Readonly<Record<string, ServiceVersions>>
  /** Whether unknown fields are passed over, as ARM does, rather than refused. */
  readonly passesOverUnknown?: boolean
  /** Rules of fields beyond their schema, by field; called with a version of the service. */
  judged?(version: ApiVersion): Readonly<Record<string, JudgedRules>>
  /**
   * Reads JSON of one expected shape straight from the bytes; `undefined` sends the body down the
   * ordinary way. What it gives must equal what that way would give.
   */
  readonly scan?: (bytes: Buffer) => unknown
  /** Most bytes of the body; absent: `serverLimits.bodyBytesMax`. */
  readonly bytesMax?: number
}

/**
 * What the handler decides about a field, because the answer to a breach has words of its own. The
 * schema lets such values through; the OpenAPI document shows these rules beside it.
 */
export interface JudgedRules {
  readonly isRequired?: boolean
  readonly minimum?: number
  readonly maximum?: number
  readonly default?: number
  readonly minLength?: number
  readonly maxLength?: number
  /** Values that the elements of an array may have. */
  readonly elements?: readonly string[]
}

/** Media types that bodies come in. */
export type MediaType =
  | 'application/json'
  | 'application/merge-patch+json'
  | 'application/x-www-form-urlencoded'
  | 'text/plain'

/** What an operation gives when all is well. */
export interface ReplyContract {
  readonly status: number
  /** Other statuses that a handler gives, each with the same body or none: see `Replied`. */
  readonly otherStatuses?: readonly number[]
  /** Absent: the reply has no body. */
  readonly schema?: TSchema
  /** Fields, by their path (`identity.customId`), that replies of some versions only have. */
  readonly fieldVersions?: Readonly<Record<string, ServiceVersions>>
  /** Whether the body is text, a `PrintedText`. */
  readonly isText?: boolean
  /** Whether it is bytes, `PrintedBytes`; the schema says of what. */
  readonly isBytes?: boolean
  /** Says that the reply holds a secret: no cache may keep it. */
  readonly isSecret?: boolean
  /** Headers of every such reply. */
  readonly headers?: Readonly<Record<string, string>>
  /** Whether it comes as comma-separated values (`PrintedCsv`) where that is asked for. */
  readonly isAlsoCsv?: boolean
  /** What a `StreamedReply` is; the schema, where there is one, is that of one message's data. */
  readonly streamOf?: 'text/event-stream' | 'application/x-ndjson'
}

/** A reply's body that a handler has printed already; `http/` sends it as it is. */
export class PrintedJson {
  /** Text, or the bytes of one in UTF-8. */
  readonly text: string | Buffer
  constructor(text: string | Buffer) {
    this.text = text
  }
}

/** A reply with a status of its own, one of the contract's `otherStatuses`, or with headers. */
export class Replied {
  readonly status: number
  /** Absent: no body. */
  readonly body: unknown
  /** Headers of this reply alone. */
  readonly headers: Readonly<Record<string, string>> | undefined
  constructor(status: number, body?: unknown, headers?: Readonly<Record<string, string>>) {
    this.status = status
    this.body = body
    this.headers = headers
  }
}

/** A caller that proved to be the owner of a resource. */
export interface ResourceCaller {
  readonly resourceId: string
  /** The key it signed with; absent for a caller that came with a bearer. */
  readonly accessKey: AccessKeyGeneration | undefined
  /** Who it is, for the audit log: `access-key/primary.1`, or `bearer/<issuer>/<subject>`. */
  readonly actor: string
  /** The credential that a verifier came with; absent for owners. */
  readonly credential?: CallerCredential
}

/** A caller that may do what it asks for in the control plane. */
export interface AdministratorCaller {
  /** Who it is, for the audit log: `admin-token`, or `bearer/<issuer>/<subject>`. */
  readonly actor: string
}

/** A person who came with an Entra token of its own, for one resource. */
export interface EntraUserCaller {
  readonly resourceId: string
  readonly entraToken: EntraToken
}

/** An Entra token whose issuer, audience, signature and time were found good. */
export interface EntraToken {
  readonly issuer: string
  /** `tid`; the issuer's own text where it has none. */
  readonly tenantId: string
  /** `oid`, or `sub` where the issuer has no `oid`. */
  readonly objectId: string
  /** `azp`, `appid` or `client_id`: the application it was issued to; empty when unnamed. */
  readonly clientId: string
  /** `scp` or `scope`, split at spaces, as they stand. */
  readonly scopes: readonly string[]
  /** `groups`. */
  readonly groups: readonly string[]
  /** `exp`, NumericDate. */
  readonly expiresAtSeconds: number
}

/** Somebody who is known. */
export type Caller = ResourceCaller | AdministratorCaller | EntraUserCaller | UserCaller

/** One call as a handler sees it. */
export interface Call {
  /** Who calls, as `access` asks for; `undefined` where that is `public`. */
  readonly caller: Caller | undefined
  readonly params: Readonly<Record<string, string>>
  /** Of a parameter that stands twice it has a list. */
  readonly query: Readonly<Record<string, unknown>>
  /** As they came; their names are in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Checked against the schema; `{}` for an empty body. */
  readonly body: unknown
  /** The version asked for; the newest of the identity service where there are none. */
  readonly version: ApiVersion
  /** When the request was taken up, milliseconds since the Unix epoch. */
  readonly nowMs: number
  /** Names the request in the logs. */
  readonly requestId: string
}

/** A call of the identity service by the owner of a resource, with its body typed. */
export interface ResourceCall<Body> extends Omit<Call, 'caller' | 'body' | 'version'> {
  readonly caller: ResourceCaller
  readonly body: Body
  readonly version: IdentityVersion
}

/** A call of the control plane, with its body typed. */
export interface AdministratorCall<Body> extends Omit<Call, 'caller' | 'body'> {
  readonly caller: AdministratorCaller
  readonly body: Body
}

/** A call by a person with an Entra token, with its body typed. */
export interface EntraUserCall<Body> extends Omit<Call, 'caller' | 'body'> {
  readonly caller: EntraUserCaller
  readonly body: Body
}

/** An operation before its handler was typed away. */
export interface TypedOperation<Schema extends TObject, TypedCall>
  extends Omit<Operation, 'access' | 'handle' | 'body'> {
  readonly body?: Omit<BodyContract, 'schemas'> & {
    readonly schema: Schema
    /** Whether JSON may also be announced as a merge patch (RFC 7396). */
    readonly acceptsMergePatch?: boolean
    /** Whether JSON must be announced so. */
    readonly isMergePatchOnly?: boolean
  }
  readonly handle: (call: TypedCall) => Handled
}

/**
 * Defines an operation for the owner of a resource that takes JSON. The handler's body has the type
 * of the schema; what the pipeline hands it was checked against that.
 */
export function resourceOperation<Schema extends TObject>(
  operation: TypedOperation<Schema, ResourceCall<Static<Schema>>> & {
    readonly access?: 'follower'
  },
): Operation {
  return withoutTypes(operation, operation.access ?? 'resource')
}

/** Defines an operation of the control plane that takes JSON; `access` says who may call it. */
export function controlOperation<Schema extends TObject>(
  access: 'administrator' | 'reader',
  operation: TypedOperation<Schema, AdministratorCall<Static<Schema>>>,
): Operation {
  return withoutTypes(operation, access)
}

/** Defines an operation for a person with an Entra token that takes JSON. */
export function entraUserOperation<Schema extends TObject>(
  operation: TypedOperation<Schema, EntraUserCall<Static<Schema>>>,
): Operation {
  return withoutTypes(operation, 'entra-user')
}

/** Types the body and the caller away; what the pipeline hands over was checked before. */
export function withoutTypes<Schema extends TObject, TypedCall>(
  operation: TypedOperation<Schema, TypedCall>,
  access: Access,
): Operation {
  const { body, handle, ...rest } = operation
  return {
    ...rest,
    access,
    ...(body === undefined ? {} : { body: jsonBody(body) }),
    handle: (call) => handle(call as TypedCall),
  }
}

function jsonBody(body: NonNullable<TypedOperation<TObject, unknown>['body']>): BodyContract {
  const { schema, acceptsMergePatch = false, isMergePatchOnly = false, ...rest } = body
  if (isMergePatchOnly) return { ...rest, schemas: { 'application/merge-patch+json': schema } }
  const schemas: BodyContract['schemas'] = acceptsMergePatch
    ? { 'application/json': schema, 'application/merge-patch+json': schema }
    : { 'application/json': schema }
  return { ...rest, schemas }
}
