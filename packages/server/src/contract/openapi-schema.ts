/**
 * Prints the schema of a body or a reply as OpenAPI 3.1 has it, for one api-version.
 *
 * A schema is JSON Schema already. What differs: fields of other versions are left out, rules that
 * handlers judge are shown beside the field they are about, and `X or null` becomes a list of two
 * types, which is how a person would write it.
 */
import type { TSchema } from '@sinclair/typebox'
import type { JudgedRules } from './operation.ts'
import { type ApiVersion, isInRange, type ServiceVersions } from './versions.ts'

/** A value of JSON. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject

/** An object of JSON. */
export interface JsonObject {
  readonly [name: string]: Json
}

/** What holds for the fields of a schema beside their types; paths are dotted, `identity.id`. */
export interface FieldContext {
  /** `undefined`: every field, whatever its versions. */
  readonly version: ApiVersion | undefined
  readonly fieldVersions?: Readonly<Record<string, ServiceVersions>> | undefined
  readonly judged?: Readonly<Record<string, JudgedRules>> | undefined
}

/**
 * Prints a schema.
 *
 * @param path - dotted path of the field it stands in; empty for the whole.
 */
export function printSchema(schema: TSchema, context: FieldContext, path = ''): JsonObject {
  const members = (schema['anyOf'] ?? []) as readonly TSchema[]
  if (members.length > 0) return printUnion(members, context, path)
  const { type, properties, required, items, ...rest } = schema as SchemaParts
  return {
    ...(type === undefined ? {} : { type }),
    // Entries have no symbols: under those the library notes what kind of schema it made.
    ...(Object.fromEntries(Object.entries(rest)) as JsonObject),
    ...(items === undefined ? {} : { items: printSchema(items, context, path) }),
    ...(properties === undefined ? {} : printFields({ properties, required }, context, path)),
  }
}

interface SchemaParts {
  readonly type?: string
  readonly properties?: Readonly<Record<string, TSchema>>
  readonly required?: readonly string[] | undefined
  readonly items?: TSchema
}

function printUnion(members: readonly TSchema[], context: FieldContext, path: string): JsonObject {
  const others = members.filter((member) => member['type'] !== 'null')
  const [only] = others
  if (others.length === members.length || others.length > 1 || only === undefined) {
    return { anyOf: members.map((member) => printSchema(member, context, path)) }
  }
  const printed = printSchema(only, context, path)
  return { ...printed, type: [printed['type'] ?? 'object', 'null'] }
}

type Fields = Required<Pick<SchemaParts, 'properties'>> & Pick<SchemaParts, 'required'>

function printFields(fields: Fields, context: FieldContext, path: string): JsonObject {
  const printed: Record<string, Json> = {}
  const required: string[] = []
  for (const [name, schema] of Object.entries(fields.properties)) {
    const place = path === '' ? name : `${path}.${name}`
    if (!existsIn(context, place)) continue
    const rules = context.judged?.[place] ?? {}
    printed[name] = withRules(printSchema(schema, context, place), rules)
    if (rules.isRequired === true || fields.required?.includes(name)) required.push(name)
  }
  return { ...(required.length === 0 ? {} : { required }), properties: printed }
}

function existsIn(context: FieldContext, place: string): boolean {
  const range = context.fieldVersions?.[place]
  return range === undefined || context.version === undefined || isInRange(context.version, range)
}

/** A field that its handler asks for may not be null either. */
function withRules(schema: JsonObject, rules: JudgedRules): JsonObject {
  const { isRequired, elements, ...keywords } = rules
  const { type, items } = schema
  const [first = null] = Array.isArray(type) ? type : []
  return {
    ...schema,
    ...(isRequired === true && first !== null ? { type: first } : {}),
    ...(elements === undefined ? {} : { items: { ...(items as JsonObject), enum: elements } }),
    ...keywords,
  }
}
