import type { CarriedGeneration, Scope } from '@parley/protocol'
import type { Static, TObject } from '@sinclair/typebox'
import {
  type Call,
  type Operation,
  type ResourceCaller,
  type TypedOperation,
  withoutTypes,
} from './operation.ts'

/** The holder of an access token that is live and opens the operation. */
export interface UserCaller {
  readonly resourceId: string
  /** The identity within the resource, a GUID. */
  readonly identityId: string
  /** The same as the wire names it: `8:acs:<resource>_<id>`. */
  readonly rawId: string
  /** All that the token opens. */
  readonly scopes: readonly Scope[]
  /** `exp` in milliseconds since the Unix epoch. */
  readonly expiresAtMs: number
  /** What the token depends on. */
  readonly subjects: readonly CarriedGeneration[]
}

/** A call by the holder of an access token, with its body typed. */
export interface UserCall<Body> extends Omit<Call, 'caller' | 'body'> {
  readonly caller: UserCaller
  readonly body: Body
}

/**
 * Defines an operation of a primitive: open to a live access token with one of `scopes`. The others
 * are answered 403 before the handler is called.
 */
export function userOperation<Schema extends TObject>(
  operation: TypedOperation<Schema, UserCall<Static<Schema>>> & {
    readonly scopes: readonly Scope[]
  },
): Operation {
  return withoutTypes(operation, 'user')
}

/** A call by the owner of a resource, or by the holder of an access token of it. */
export interface EitherCall<Body> extends Omit<Call, 'caller' | 'body'> {
  readonly caller: ResourceCaller | UserCaller
  readonly body: Body
}

/** Defines an operation that owners may ask for, and users with a token of one of `scopes`. */
export function resourceOrUserOperation<Schema extends TObject>(
  operation: TypedOperation<Schema, EitherCall<Static<Schema>>> & {
    readonly scopes: readonly Scope[]
  },
): Operation {
  return withoutTypes(operation, 'resource-or-user')
}
