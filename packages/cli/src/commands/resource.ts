import { fail, ok } from '@parley/protocol'
import { Argument, Option } from 'commander'
import { listAll } from '../api.ts'
import type { Act, CommandWords } from '../command.ts'
import { facts, table } from '../output.ts'
import { type ArmResource, armPath } from './arm.ts'
import { namedResource } from './key.ts'

const nameArgument = () => new Argument('<name>', 'of the resource')

/** `parley resource list|create|show|delete`. */
export const resourceCommands: readonly CommandWords[] = [
  { name: 'list', summary: 'List the resources of the subscription', act: () => list },
  {
    name: 'create',
    summary: 'Make a resource; one that is there is left as it is',
    args: [nameArgument()],
    options: [new Option('--data-location <name>', 'where its data lies').default('Norway')],
    act: ([name], { dataLocation }) => create(name as string, dataLocation as string),
  },
  {
    name: 'show',
    summary: 'Show a resource',
    args: [nameArgument()],
    act: ([name]) => show(name as string),
  },
  {
    name: 'delete',
    summary: 'Delete a resource: its keys, identities, tokens and all of its data',
    args: [nameArgument()],
    options: [new Option('--yes', 'you mean it')],
    act: ([name], { yes }) => remove(name as string, yes === true),
  },
]

const list: Act = async ({ admin }) => {
  const known = admin()
  if (!known.ok) return known
  const { ask, access } = known.value
  const all = await listAll<ArmResource>(ask, armPath(access))
  if (!all.ok) return all
  const { items } = all.value
  const rows = items.map(({ name, properties }) => [
    name,
    properties.provisioningState,
    properties.hostName ?? '-',
    properties.immutableResourceId,
  ])
  return ok({ json: { resources: items }, text: table(['name', 'state', 'host', 'id'], rows) })
}

function create(name: string, dataLocation: string): Act {
  return async (context) => {
    const named = namedResource(context, name)
    if (!named.ok) return named
    const { ask, pathOf } = named.value
    const body = { location: 'global', properties: { dataLocation } }
    const made = await ask({ method: 'PUT', path: pathOf(), body })
    if (!made.ok) return made
    const keys = await ask({ method: 'POST', path: pathOf('listKeys') })
    if (!keys.ok) return keys
    const { primaryConnectionString } = keys.value as { primaryConnectionString: string }
    return ok({
      json: { resource: made.value, connectionString: primaryConnectionString },
      text: primaryConnectionString,
    })
  }
}

function show(name: string): Act {
  return async (context) => {
    const named = namedResource(context, name)
    if (!named.ok) return named
    const found = await named.value.ask({ method: 'GET', path: named.value.pathOf() })
    if (!found.ok) return found
    const { properties } = found.value as ArmResource
    return ok({
      json: found.value,
      text: facts({
        name,
        id: properties.immutableResourceId,
        state: properties.provisioningState,
        host: properties.hostName,
        'data location': properties.dataLocation,
      }),
    })
  }
}

function remove(name: string, isMeant: boolean): Act {
  return async (context) => {
    if (!isMeant) {
      return fail({
        kind: 'usage',
        message: `this deletes ${name} with every identity, token and message in it`,
        hint: 'Nothing brings it back. Say --yes if you mean it.',
      })
    }
    const named = namedResource(context, name)
    if (!named.ok) return named
    // Asked first: the control plane takes deleting what is not there for done.
    const found = await named.value.ask({ method: 'GET', path: named.value.pathOf() })
    if (!found.ok) return found
    const gone = await named.value.ask({ method: 'DELETE', path: named.value.pathOf() })
    return gone.ok ? ok({ json: { deleted: name }, text: `deleted ${name}` }) : gone
  }
}
