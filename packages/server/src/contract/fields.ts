import { limits } from '@parley/protocol'
import { type TNull, type TOptional, type TSchema, type TUnion, Type } from '@sinclair/typebox'
import type { JudgedRules } from './operation.ts'
import { scopesIn } from './scopes.ts'
import type { IdentityVersion } from './versions.ts'

/**
 * A field that may be left out, or be `null`, which means the same: the Python SDK writes every
 * absent field as an explicit `null`.
 */
export function absentable<Schema extends TSchema>(
  schema: Schema,
): TOptional<TUnion<[Schema, TNull]>> {
  return Type.Optional(Type.Union([schema, Type.Null()]))
}

/** Rules of a list of scopes, as the model of tokens decides them. */
export function scopeRules(version: IdentityVersion): JudgedRules {
  return { elements: scopesIn(version) }
}

/** Rules of a lifetime in minutes, as the model of tokens decides them. */
export const lifetimeRules: JudgedRules = {
  minimum: limits.lifetimeMinutesMin,
  maximum: limits.lifetimeMinutesMax,
  default: limits.lifetimeMinutesMax,
}

/** An instant on the wire, RFC 3339. */
export const instantSchema = Type.String({ format: 'date-time' })

/**
 * Prints an instant as the service does: seven digits of a second and a numeric offset.
 *
 * @param atMs - milliseconds since the Unix epoch.
 * @source RFC 3339; recorded answers, `2023-10-10T21:39:39.3244584+00:00`.
 */
export function printInstant(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, -1)}0000+00:00`
}
