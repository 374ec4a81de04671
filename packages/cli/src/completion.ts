import type { Command } from 'commander'

/** Shells that completion is printed for. */
export const shells = ['bash', 'zsh', 'fish'] as const

/**
 * Prints a script that completes commands, flags and choices. It is made from the commands
 * themselves, so it knows what there is; it asks no server.
 */
export function printCompletion(program: Command, shell: (typeof shells)[number]): string {
  const words = wordsOf(program, [])
  if (shell === 'fish') return fishScript(words)
  const cases = words
    .map(({ path, next }) => `    ${JSON.stringify(path.join(' '))}) words=${quote(next)} ;;`)
    .join('\n')
  const script = `_parley() {
  local path="" word words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  words=""
  case "$path" in
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _parley parley
`
  return shell === 'bash' ? script : `autoload -U +X bashcompinit && bashcompinit\n${script}`
}

interface Words {
  readonly path: readonly string[]
  /** What may stand after it. */
  readonly next: readonly string[]
}

function wordsOf(command: Command, path: readonly string[]): readonly Words[] {
  const flags = command.options.map(({ long, short }) => long ?? short ?? '')
  const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices)
  const names = command.commands.map((below) => below.name())
  const here = { path, next: [...names, ...choices, ...flags, '--help'] }
  return [here, ...command.commands.flatMap((below) => wordsOf(below, [...path, below.name()]))]
}

function quote(words: readonly string[]): string {
  return `'${words.join(' ').replaceAll("'", '')}'`
}

function fishScript(words: readonly Words[]): string {
  const lines = words.map(({ path, next }) => {
    const depth = path.length
    const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ')
    const condition = depth === 0 ? '__fish_use_subcommand' : seen
    return `complete -c parley -f -n ${quote([condition])} -a ${quote(next)}`
  })
  return `${lines.join('\n')}\n`
}
