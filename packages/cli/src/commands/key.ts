import { fail, ok, type Result } from '@parley/protocol'
import { Argument, Option } from 'commander'
import type { Ask } from '../api.ts'
import type { Act, CommandContext, CommandWords } from '../command.ts'
import type { CliFault } from '../faults.ts'
import { facts, table } from '../output.ts'
import { type ArmResource, armPath } from './arm.ts'
import { wholeNumber } from './identity.ts'

const resourceOption = () => new Option('--resource <name>', 'default: that of parley.env')

/** `parley key list|regenerate`. */
export const keyCommands: readonly CommandWords[] = [
  {
    name: 'list',
    summary: 'Show the access keys of a resource and when each was last used',
    options: [resourceOption(), new Option('--secrets', 'print the connection strings too')],
    act: (_, options) => list(options as ListOptions),
  },
  {
    name: 'regenerate',
    summary: 'Replace a key; it and the tokens issued under it are void when this returns',
    args: [new Argument('<slot>', 'which of the two').choices(['primary', 'secondary'])],
    options: [
      resourceOption(),
      new Option('--overlap-minutes <n>', 'let the former key go on for so long').argParser(
        wholeNumber(1, 1440),
      ),
    ],
    examples: ['parley key regenerate primary --overlap-minutes 60'],
    act: ([slot], options) => regenerate(slot as 'primary' | 'secondary', options),
  },
]

interface ListOptions {
  readonly resource?: string
  readonly secrets?: true
}

interface KeyState {
  readonly slot: 'primary' | 'secondary'
  readonly generation: number
  readonly createdOn: string
  readonly lastUsedOn?: string
  readonly former?: { readonly validUntil: string }
}

interface ShownKeys {
  readonly primaryConnectionString: string
  readonly secondaryConnectionString: string
}

interface Named {
  readonly ask: Ask
  readonly pathOf: (action?: string) => string
}

/** The resource that is meant, and how the control plane is asked about it. */
export function namedResource(
  { admin, surroundings }: CommandContext,
  name: string | undefined,
): Result<Named, CliFault> {
  const known = admin()
  if (!known.ok) return known
  const meant = name ?? surroundings.variables['PARLEY_RESOURCE_NAME']
  if (meant === undefined) {
    return fail({ kind: 'usage', message: 'which resource? Say --resource <name>' })
  }
  const { ask, access } = known.value
  return ok({ ask, pathOf: (action) => armPath(access, action ? `${meant}/${action}` : meant) })
}

function list({ resource, secrets = undefined }: ListOptions): Act {
  return async (context) => {
    const named = namedResource(context, resource)
    if (!named.ok) return named
    const { ask, pathOf } = named.value
    const found = await ask({ method: 'GET', path: pathOf() })
    if (!found.ok) return found
    const { immutableResourceId } = (found.value as ArmResource).properties
    const path = `/parley/resources/${immutableResourceId}/accessKeys`
    const states = await ask({ method: 'GET', path })
    if (!states.ok) return states
    const { value: keys } = states.value as { value: readonly KeyState[] }
    const shown = secrets ? await ask({ method: 'POST', path: pathOf('listKeys') }) : ok(undefined)
    if (!shown.ok) return shown
    const connections = shown.value as ShownKeys | undefined
    return ok({
      json: { keys, ...(connections === undefined ? {} : connections) },
      text: [keyTable(keys), ...connectionLines(connections)].join('\n'),
    })
  }
}

function keyTable(keys: readonly KeyState[]): string {
  return table(
    ['slot', 'generation', 'created', 'last used', 'former key goes on until'],
    keys.map(({ slot, generation, createdOn, lastUsedOn, former }) => [
      slot,
      String(generation),
      createdOn,
      lastUsedOn ?? 'never',
      former?.validUntil ?? '-',
    ]),
  )
}

function connectionLines(shown: ShownKeys | undefined): readonly string[] {
  if (shown === undefined) return []
  return [shown.primaryConnectionString, shown.secondaryConnectionString]
}

function regenerate(
  slot: 'primary' | 'secondary',
  options: Readonly<Record<string, unknown>>,
): Act {
  return async (context) => {
    const { resource, overlapMinutes } = options as { resource?: string; overlapMinutes?: number }
    const named = namedResource(context, resource)
    if (!named.ok) return named
    const { ask, pathOf } = named.value
    const keyType = slot === 'primary' ? 'Primary' : 'Secondary'
    const overlap = overlapMinutes === undefined ? {} : { overlapMinutes }
    const body = { keyType, ...overlap }
    const answer = await ask({ method: 'POST', path: pathOf('regenerateKey'), body })
    if (!answer.ok) return answer
    const shown = answer.value as ShownKeys
    const connectionString =
      slot === 'primary' ? shown.primaryConnectionString : shown.secondaryConnectionString
    return ok({
      json: { slot, connectionString },
      text: facts({ slot, 'connection string': connectionString }),
    })
  }
}
