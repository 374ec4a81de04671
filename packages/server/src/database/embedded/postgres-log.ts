import type { LauncherLog } from './platform.ts'

/** What a line of PostgreSQL's own log is about. */
export type PostgresSeverity = 'notice' | 'warning' | 'error'

/** A start, or a stop, says much that is worth keeping only when it fails. */
export type PostgresPhase = 'starting' | 'running' | 'stopping'

/** Listens to PostgreSQL: remembers its last lines, and passes on those that an operator needs. */
export interface PostgresLog {
  take(line: string): void
  enter(phase: PostgresPhase): void
  /** The last lines, oldest first, at most 20. */
  recent(): readonly string[]
}

const recentMax = 20
const severities: Readonly<Record<string, PostgresSeverity>> = {
  LOG: 'notice',
  INFO: 'notice',
  NOTICE: 'notice',
  WARNING: 'warning',
  ERROR: 'error',
  FATAL: 'error',
  PANIC: 'error',
}

/** Splits a line into severity and text; a continuation (it starts with a tab) has none. */
export function parsePostgresLine(line: string): {
  readonly severity: PostgresSeverity
  readonly text: string
} {
  const match = /^([A-Z]+): {2}(.*)$/.exec(line)
  const severity = severities[match?.[1] ?? '']
  if (severity === undefined) return { severity: 'notice', text: line.trim() }
  return { severity, text: match?.[2] ?? '' }
}

/**
 * Makes a listener that writes to the server's log.
 *
 * Starting and stopping, only lines that recovery should draw attention to are passed on: the rest
 * ("listening on", "terminating connection due to administrator command") says what we did.
 */
export function createPostgresLog(log: LauncherLog): PostgresLog {
  const lines: string[] = []
  let phase: PostgresPhase = 'starting'
  return {
    enter: (next) => {
      phase = next
    },
    recent: () => [...lines],
    take: (line) => {
      lines.push(line)
      if (lines.length > recentMax) lines.shift()
      const { severity, text } = parsePostgresLine(line)
      if (text.includes('automatic recovery in progress')) {
        writeLine(log, 'warning', 'Recovering the database from an unclean end')
      } else if (phase === 'running' || line.startsWith('PANIC')) {
        writeLine(log, severity, text)
      }
    },
  }
}

const methods = { notice: 'info', warning: 'warn', error: 'error' } as const

function writeLine(log: LauncherLog, severity: PostgresSeverity, text: string): void {
  log[methods[severity]]({ source: 'postgresql' }, text)
}
