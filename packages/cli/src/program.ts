import { Argument, Command, CommanderError } from 'commander'
import { addCommands, type CommandWords, type Ending } from './command.ts'
import { identityCommands } from './commands/identity.ts'
import { keyCommands } from './commands/key.ts'
import { mappingCommands } from './commands/mapping.ts'
import { resourceCommands } from './commands/resource.ts'
import { startCommand } from './commands/start.ts'
import { tokenCommands } from './commands/token.ts'
import { usageCommand } from './commands/usage.ts'
import { whoCommand } from './commands/who.ts'
import { printCompletion, shells } from './completion.ts'
import { CliFailure, exitCodes } from './faults.ts'
import { sayFault } from './output.ts'
import type { CliWorld } from './world.ts'

const groups: readonly {
  readonly name: string
  readonly summary: string
  readonly commands: readonly CommandWords[]
}[] = [
  { name: 'identity', summary: 'Create, show and delete identities', commands: identityCommands },
  { name: 'token', summary: 'Issue, explain and revoke access tokens', commands: tokenCommands },
  { name: 'key', summary: 'Show and regenerate access keys', commands: keyCommands },
  { name: 'resource', summary: 'Manage resources', commands: resourceCommands },
  { name: 'mapping', summary: "Look after an app's mapping", commands: mappingCommands },
]

const exitHelp = `
Exit codes: 0 done, 1 the answer is no, 2 the command line is wrong, 3 no answer.
The server is the one of parley.env in the data directory, or that of the environment.`

/**
 * Runs a command line.
 *
 * @param words - without the name of the program.
 * @returns the exit code: 0 done, 1 the answer is no, 2 the command line is wrong, 3 no answer.
 */
export async function runCli(words: readonly string[], world: CliWorld): Promise<number> {
  const ending: Ending = { exitCode: 0 }
  const program = createProgram(world, ending)
  try {
    await program.parseAsync([...words], { from: 'user' })
    return ending.exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage
    if (!(error instanceof CliFailure)) throw error
    return sayFault(world, error.fault, words.includes('--json'))
  }
}

function createProgram(world: CliWorld, ending: Ending): Command {
  const program = new Command('parley')
    .description('Identities and access tokens for communication apps')
    .addHelpText('after', exitHelp)
    .showHelpAfterError('Add --help for how it is used.')
  const how = { world, ending }
  addCommands(program, [startCommand], how)
  for (const { name, summary, commands } of groups) {
    const group = new Command(name).summary(summary).description(summary)
    addCommands(group, commands, how)
    program.addCommand(group)
  }
  addCommands(program, [usageCommand, whoCommand], how)
  program
    .command('completion')
    .summary('Print a script that completes this command in a shell')
    .addArgument(new Argument('<shell>').choices(shells))
    .action((shell: (typeof shells)[number]) => world.print(printCompletion(program, shell)))
  for (const command of withDescendants(program)) {
    command
      .exitOverride()
      .configureOutput({ writeOut: world.print, writeErr: world.printError })
      .helpOption('-h, --help', 'show how it is used')
  }
  return program
}

function withDescendants(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withDescendants)]
}
