import { type CliFault, exitCodes } from './faults.ts'
import type { CliWorld } from './world.ts'

/** What a command has to say: the same for programs and for people. */
export interface Said {
  /** Printed as one JSON document under `--json`. */
  readonly json: unknown
  /** Printed otherwise. */
  readonly text: string
  /** Where the answer is "no": 1. */
  readonly exitCode?: 0 | 1
}

/** Prints what a command says. */
export function say(world: Pick<CliWorld, 'print'>, said: Said, isJson: boolean): number {
  const text = isJson ? JSON.stringify(said.json, undefined, 2) : said.text
  if (text !== '') world.print(`${text}\n`)
  return said.exitCode ?? 0
}

/** Prints a fault to standard error, and gives the exit code. */
export function sayFault(
  world: Pick<CliWorld, 'printError'>,
  fault: CliFault,
  isJson: boolean,
): number {
  const { kind, ...rest } = fault
  if (isJson) {
    world.printError(`${JSON.stringify({ error: { kind, ...rest } })}\n`)
    return exitCodes[kind]
  }
  const { message, code, hint, requestId } = rest
  const lines = [
    `parley: ${message}${code === undefined ? '' : ` (${code})`}`,
    ...(hint === undefined ? [] : [hint]),
    ...(requestId === undefined ? [] : [`In the server's log this is request ${requestId}.`]),
  ]
  world.printError(`${lines.join('\n')}\n`)
  return exitCodes[kind]
}

/** Columns of equal width, two blanks apart; the last one as it is. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) =>
    Math.max(...all.map((row) => [...(row[column] ?? '')].length)),
  )
  return all
    .map((row) =>
      row
        .map((cell, column) =>
          column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** `name: value` lines with the values below each other; undefined values are left out. */
export function facts(entries: Readonly<Record<string, string | undefined>>): string {
  const known = Object.entries(entries).filter(([, value]) => value !== undefined)
  const width = Math.max(0, ...known.map(([name]) => name.length))
  return known.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${value}`).join('\n')
}

/** Long work, shown on one line that is written anew; silent where nobody looks. */
export interface Progress {
  readonly show: (done: number) => void
  readonly end: () => void
}

const barWidth = 30

/**
 * Shows how far something is, at most ten times a second.
 *
 * @param total - undefined when nobody knows: then it counts only.
 */
export function createProgress(
  world: Pick<CliWorld, 'printError' | 'isWatched' | 'now'>,
  what: string,
  total?: number,
): Progress {
  if (!world.isWatched) return { show: () => {}, end: () => {} }
  let shownAtMs = 0
  return {
    show(done) {
      const nowMs = world.now()
      if (nowMs - shownAtMs < 100 && done !== total) return
      shownAtMs = nowMs
      world.printError(`\r${progressLine(what, done, total)}`)
    },
    end: () => world.printError('\r\u001b[K'),
  }
}

function progressLine(what: string, done: number, total: number | undefined): string {
  if (total === undefined) return `${what} ${done}`
  const filled = total === 0 ? barWidth : Math.floor((done / total) * barWidth)
  const bar = `${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}`
  return `${what} [${bar}] ${done}/${total}`
}
