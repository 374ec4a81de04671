import { fail, ok, type Result } from '@parley/protocol'
import { type Argument, Command, Option } from 'commander'
import { type Ask, askAsAdmin, askAsOwner } from './api.ts'
import {
  type AdminAccess,
  adminAccessOf,
  connectionOf,
  type PlaceOptions,
  readSurroundings,
  type Surroundings,
} from './environment.ts'
import type { CliFault } from './faults.ts'
import { type Said, say, sayFault } from './output.ts'
import type { CliWorld } from './world.ts'

/** What a command is given beside its own arguments. */
export interface CommandContext {
  readonly world: CliWorld
  readonly isJson: boolean
  readonly surroundings: Surroundings
  readonly place: PlaceOptions
  /** Asks as the owner of the resource in the connection string. */
  readonly owner: () => Result<Ask, CliFault>
  /** Asks as the administrator, with what is known of the place. */
  readonly admin: () => Result<{ readonly ask: Ask; readonly access: AdminAccess }, CliFault>
}

/** What a command does. */
export type Act = (context: CommandContext) => Promise<Result<Said, CliFault>>

/** How the action of one call ends up as the exit code of the process. */
export interface Ending {
  exitCode: number
}

/** A command as its room describes it. */
export interface CommandWords {
  readonly name: string
  readonly summary: string
  readonly args?: readonly Argument[]
  readonly options?: readonly Option[]
  /** Shown below the options. */
  readonly examples?: readonly string[]
  /** `options` have the names of their flags in camel case; a flag that was left out is absent. */
  readonly act: (args: readonly unknown[], options: Readonly<Record<string, unknown>>) => Act
}

/** Adds commands below `parent`, each with the options that all have. */
export function addCommands(
  parent: Command,
  all: readonly CommandWords[],
  how: { readonly world: CliWorld; readonly ending: Ending },
): void {
  for (const words of all) parent.addCommand(commandOf(words, how))
}

function commandOf(
  words: CommandWords,
  { world, ending }: { readonly world: CliWorld; readonly ending: Ending },
): Command {
  const command = new Command(words.name).summary(words.summary).description(words.summary)
  for (const argument of words.args ?? []) command.addArgument(argument)
  for (const option of words.options ?? []) command.addOption(option)
  command
    .addOption(new Option('--connection-string <text>', 'the resource, instead of parley.env'))
    .addOption(new Option('--env-file <path>', 'parley.env of the server'))
    .addOption(new Option('--json', 'print JSON'))
  const examples = (words.examples ?? []).map((line) => `  $ ${line}`)
  if (examples.length > 0) command.addHelpText('after', `\nExamples:\n${examples.join('\n')}`)
  return command.action(async (...given: unknown[]) => {
    const options = given.at(-2) as Readonly<Record<string, unknown>>
    const isJson = options['json'] === true
    const place = options as PlaceOptions
    const act = words.act(given.slice(0, -2), options)
    const result = await runAct(act, { world, place, isJson })
    ending.exitCode = result.ok
      ? say(world, result.value, isJson)
      : sayFault(world, result.fault, isJson)
  })
}

async function runAct(
  act: Act,
  {
    world,
    place,
    isJson,
  }: {
    readonly world: CliWorld
    readonly place: PlaceOptions
    readonly isJson: boolean
  },
): Promise<Result<Said, CliFault>> {
  const surroundings = readSurroundings(world, place)
  if (!surroundings.ok) return surroundings
  const { variables } = surroundings.value
  const caFile = variables['NODE_EXTRA_CA_CERTS']
  return act({
    world,
    isJson,
    place,
    surroundings: surroundings.value,
    owner: () => {
      const connection = connectionOf(surroundings.value, place)
      return connection.ok ? ok(askAsOwner(world, connection.value, caFile)) : connection
    },
    admin: () => {
      const access = adminAccessOf(surroundings.value)
      if (!access.ok) return access
      return ok({ ask: askAsAdmin(world, access.value, caFile), access: access.value })
    },
  })
}

/** Reads a text of the command line, or standard input where it is `-`. */
export async function textOrInput(
  world: CliWorld,
  text: string,
): Promise<Result<string, CliFault>> {
  if (text !== '-') return ok(text)
  const read = (await world.readInput()).trim()
  return read === '' ? fail({ kind: 'usage', message: 'standard input is empty' }) : ok(read)
}
