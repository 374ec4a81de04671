import type { AccessKeyGeneration, Result } from '@parley/protocol'
import type { Static, TObject, TSchema } from '@sinclair/typebox'
import type { Fault } from './faults.ts'
import type { IdentityVersion, VersionRange } from './versions.ts'

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
  /** `public`: anybody. `resource`: a caller that holds an access key of a resource. */
  readonly access: 'public' | 'resource'
  /** The api-versions it exists in; `unversioned` operations take no `api-version`. */
  readonly versions: VersionRange | 'unversioned'
  readonly body?: BodyContract
  readonly reply: ReplyContract
  readonly handle: (call: Call) => Handled
}

/** What a handler gives: the reply's body, or the fault to answer instead. */
export type Handled = Result<unknown, Fault> | Promise<Result<unknown, Fault>>

/** What an operation takes. */
export interface BodyContract {
  /** The schema by media type. A form is checked as an object of strings. */
  readonly schemas: Readonly<Partial<Record<MediaType, TObject>>>
  /** Whether an empty body is a fault. */
  readonly isRequired: boolean
  /** Fields that exist in some versions only; in the others they are unknown. */
  readonly fieldVersions?: Readonly<Record<string, VersionRange>>
  /** Rules of fields beyond their schema, by field; `undefined`: none. */
  readonly judged?: (version: IdentityVersion) => Readonly<Record<string, JudgedRules>>
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

/** What an operation gives when all is well. */
export interface ReplyContract {
  readonly status: number
  /** Absent: the reply has no body. */
  readonly schema?: TSchema
  /** Fields, by their path (`identity.customId`), that replies of some versions only have. */
  readonly fieldVersions?: Readonly<Record<string, VersionRange>>
  /** Says that the reply holds a secret: no cache may keep it. */
  readonly isSecret?: boolean
  /** Headers of every such reply. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A reply's body that a handler has printed already; `http/` sends it as it is. */
export class PrintedJson {
  /** Text, or the bytes of one in UTF-8. */
  readonly text: string | Buffer
  constructor(text: string | Buffer) {
    this.text = text
  }
}

/** A caller that proved to hold an access key. */
export interface ResourceCaller {
  readonly resourceId: string
  /** The key it signed with. */
  readonly accessKey: AccessKeyGeneration
}

/** One call as a handler sees it. */
export interface Call {
  /** Who calls; present exactly when `access` is `resource`. */
  readonly caller: ResourceCaller | undefined
  readonly params: Readonly<Record<string, string>>
  /** Checked against the schema; `{}` for an empty body. */
  readonly body: unknown
  /** The version asked for; the newest where the operation is unversioned. */
  readonly version: IdentityVersion
  /** When the request was taken up, milliseconds since the Unix epoch. */
  readonly nowMs: number
}

/** A call of an operation that only holders of an access key reach, with its body typed. */
export interface ResourceCall<Body> extends Omit<Call, 'caller' | 'body'> {
  readonly caller: ResourceCaller
  readonly body: Body
}

/** An operation before its handler was typed away. */
export interface ResourceOperation<Schema extends TObject>
  extends Omit<Operation, 'access' | 'handle' | 'body'> {
  readonly body?: Omit<BodyContract, 'schemas'> & {
    readonly schema: Schema
    /** Whether JSON may also be announced as a merge patch (RFC 7396). */
    readonly acceptsMergePatch?: boolean
  }
  readonly handle: (call: ResourceCall<Static<Schema>>) => Handled
}

/**
 * Defines an operation for holders of an access key that takes JSON. The handler's body has the
 * type of the schema; what the pipeline hands it was checked against that.
 */
export function resourceOperation<Schema extends TObject>(
  operation: ResourceOperation<Schema>,
): Operation {
  const { body, handle, ...rest } = operation
  return {
    ...rest,
    access: 'resource',
    ...(body === undefined ? {} : { body: jsonBody(body) }),
    handle: (call) => handle(call as ResourceCall<Static<Schema>>),
  }
}

function jsonBody(body: NonNullable<ResourceOperation<TObject>['body']>): BodyContract {
  const { schema, acceptsMergePatch = false, ...rest } = body
  const schemas: BodyContract['schemas'] = acceptsMergePatch
    ? { 'application/json': schema, 'application/merge-patch+json': schema }
    : { 'application/json': schema }
  return { ...rest, schemas }
}
