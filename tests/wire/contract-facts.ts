/**
 * What an API description says of each operation, as flat facts: `body.scopes presence` is
 * `required`. Swagger 2.0, as the contracts are written in, and OpenAPI 3.1, as ours are, give the
 * same facts for the same wire, so that two of them can be compared line by line.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** An object of JSON whose members nobody has checked. */
export type Loose = Readonly<Record<string, unknown>>

/** A description, and where it lies: references to other files start from there. */
export interface Description {
  readonly document: Loose
  /** Path of the file; `undefined` for one that refers to nothing outside. */
  readonly file?: string
}

/** Facts of one operation by name. */
export type Facts = ReadonlyMap<string, string>

/** The facts of every operation, by method and path (`POST /identities`). */
export function factsOf(description: Description): ReadonlyMap<string, Facts> {
  const operations = new Map<string, Facts>()
  for (const [path, methods] of Object.entries(description.document['paths'] as Loose)) {
    for (const [method, operation] of Object.entries(methods as Loose)) {
      const name = `${method.toUpperCase()} ${path}`
      operations.set(name, operationFacts(operation as Loose, description))
    }
  }
  return operations
}

function operationFacts(operation: Loose, description: Description): Facts {
  const responses = operation['responses'] as Loose
  if ('501' in responses) return new Map([['served', 'no']])
  const facts = new Map([['served', 'yes']])
  const statuses = Object.keys(responses).filter((status) => status.startsWith('2'))
  facts.set('success', statuses.sort().join(', '))
  addParameters(facts, operation, description)
  const [success = ''] = statuses
  for (const [name, status] of [
    ['reply', success],
    ['fault', 'default'],
  ] as const) {
    // Chat names its faults one by one, all of one shape.
    const response = responses[status] ?? responses['401']
    const schema = replySchema(placed(response, description))
    if (schema !== undefined) addSchema(facts, name, schema)
  }
  return facts
}

function addParameters(
  facts: Map<string, string>,
  operation: Loose,
  description: Description,
): void {
  for (const parameter of (operation['parameters'] ?? []) as readonly unknown[]) {
    const { node, home } = placed(parameter, description)
    const presence = presenceOf(node['required'] === true)
    if (node['in'] === 'body') {
      facts.set('body presence', presence)
      const consumes = operation['consumes'] ?? home.document['consumes']
      facts.set('body media types', (consumes as readonly string[]).join(', '))
      addSchema(facts, 'body', placed(node['schema'], home))
    } else if (node['in'] !== 'header') {
      facts.set(`${node['in']} ${node['name']}`, presence)
    }
  }
  const body = operation['requestBody'] as Loose | undefined
  if (body === undefined) return
  const content = body['content'] as Readonly<Record<string, Loose>>
  facts.set('body presence', presenceOf(body['required'] === true))
  facts.set('body media types', Object.keys(content).join(', '))
  for (const { schema } of Object.values(content)) {
    addSchema(facts, 'body', placed(schema, description))
  }
}

function presenceOf(isRequired: boolean): string {
  return isRequired ? 'required' : 'optional'
}

/** A node of a description, looked up where it was a reference. */
interface Placed {
  readonly node: Loose
  readonly home: Description
  /** The references that led here, in which a schema may contain itself. */
  readonly trail: readonly string[]
}

function placed(node: unknown, home: Description, trail: readonly string[] = []): Placed {
  const { $ref: reference } = node as { readonly $ref?: string }
  if (reference === undefined) return { node: node as Loose, home, trail }
  const [file = '', path = ''] = reference.split('#')
  const target = file === '' ? home : readDescription(join(dirname(home.file ?? ''), file))
  const names = path.split('/').slice(1)
  const found = names.reduce((object, name) => object[name] as Loose, target.document)
  return placed(found, target, [...trail, `${target.file ?? ''}#${path}`])
}

/** Reads a description from its file. */
export function readDescription(file: string): Description {
  return { document: JSON.parse(readFileSync(file, 'utf8')), file }
}

function replySchema(response: Placed): Placed | undefined {
  const { schema, content } = response.node as { readonly schema?: Loose; readonly content?: Loose }
  const json = content?.['application/json'] as { readonly schema: Loose } | undefined
  const found = schema ?? json?.schema
  return found === undefined ? undefined : placed(found, response.home)
}

const comparedKeywords = [
  'minimum',
  'maximum',
  'default',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
] as const

function addSchema(facts: Map<string, string>, name: string, schema: Placed): void {
  const { node, home, trail } = schema
  // A detail of an error is an error: the first round says it all.
  if (new Set(trail).size !== trail.length) return
  // What a schema takes over from others are facts of its own.
  for (const other of (node['allOf'] ?? []) as readonly unknown[]) {
    addSchema(facts, name, placed(other, home, trail))
  }
  const types = [node['type']].flat()
  // Whoever takes everything over from others says no type.
  if (node['type'] !== undefined || !facts.has(`${name} type`)) {
    facts.set(`${name} type`, String(types[0]))
  }
  if (types.includes('null')) facts.set(`${name} null`, 'accepted')
  if (node['format'] === 'date-time') facts.set(`${name} format`, 'date-time')
  if (node['additionalProperties'] === false) facts.set(`${name} unknown fields`, 'refused')
  if (Array.isArray(node['enum'])) facts.set(`${name} values`, node['enum'].join(', '))
  for (const keyword of comparedKeywords) {
    if (node[keyword] !== undefined) facts.set(`${name} ${keyword}`, String(node[keyword]))
  }
  if (node['items'] !== undefined) addSchema(facts, `${name}[]`, placed(node['items'], home, trail))
  const required = (node['required'] ?? []) as readonly string[]
  for (const field of required) facts.set(`${name}.${field} presence`, presenceOf(true))
  for (const [field, one] of Object.entries((node['properties'] ?? {}) as Loose)) {
    // A client that writes what it read may write such a field; it says nothing.
    if (name.startsWith('body') && placed(one, home).node['readOnly'] === true) continue
    facts.set(`${name}.${field} presence`, presenceOf(required.includes(field)))
    addSchema(facts, `${name}.${field}`, placed(one, home, trail))
  }
}

/** A fact that two descriptions do not share. */
export interface Difference {
  /** Method and path. */
  readonly operation: string
  /** Name of the fact; empty when one side does not have the operation. */
  readonly fact: string
  /** What the contract says; `undefined`: nothing. */
  readonly contract: string | undefined
  readonly parley: string | undefined
}

/** Lists where two descriptions differ; an operation that is not served differs in that alone. */
export function differencesBetween(
  contract: ReadonlyMap<string, Facts>,
  parley: ReadonlyMap<string, Facts>,
): readonly Difference[] {
  return [...new Set([...contract.keys(), ...parley.keys()])].flatMap((operation) => {
    const theirs = contract.get(operation)
    const ours = parley.get(operation)
    if (theirs === undefined || ours === undefined) {
      return [{ operation, fact: '', contract: presentIf(theirs), parley: presentIf(ours) }]
    }
    const isServed = ours.get('served') === 'yes'
    const names = isServed ? new Set([...theirs.keys(), ...ours.keys()]) : ['served']
    return [...names]
      .map((fact) => ({ operation, fact, contract: theirs.get(fact), parley: ours.get(fact) }))
      .filter((one) => one.contract !== one.parley)
  })
}

function presentIf(facts: Facts | undefined): string | undefined {
  return facts === undefined ? undefined : 'present'
}
