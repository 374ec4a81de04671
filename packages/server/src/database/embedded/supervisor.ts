import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { type ChildAccount, commandAs } from './child-account.ts'
import type { ChildEnvironment } from './platform.ts'

/**
 * Ties PostgreSQL to the life of the server, with a few lines of shell between the two.
 *
 * The server holds the writing end of a pipe and never writes. When the server ends, by whatever
 * signal, the system closes that end; the shell reads end-of-file and asks PostgreSQL for a fast
 * shutdown (SIGINT). Stopping on purpose closes the pipe too: one way out, in use every day.
 *
 * Both live in a session of their own, so that a Ctrl-C in the terminal reaches the server alone,
 * which then still has its database while it finishes what it has begun.
 *
 * Rejected: `PR_SET_PDEATHSIG` (Linux only, tied to a thread, lost with the change of account); a
 * watcher beside PostgreSQL instead of above it (a server killed between the two starts would leave
 * PostgreSQL behind).
 */

/** How the supervised PostgreSQL ended: the exit status, 128 + n after signal n. */
export interface PostgresExit {
  readonly status: number
}

/** A PostgreSQL that may still be starting, stopping, or gone. */
export interface SupervisedPostgres {
  /** Resolves with its process id once it runs, with `undefined` when it never did. */
  readonly pid: Promise<number | undefined>
  /** Resolves when PostgreSQL and its supervisor have ended; never rejects. */
  readonly exited: Promise<PostgresExit>
  /** Asks for a fast shutdown: open transactions are rolled back, clients disconnected. */
  askToStop(): void
  /** Keeps the server's process alive, or lets it end, while PostgreSQL runs. */
  hold(isHeld: boolean): void
}

/** What to run, and who listens to it. */
export interface SupervisedCommand {
  readonly account: ChildAccount
  readonly environment: ChildEnvironment
  /** `postgres` and its arguments. */
  readonly words: readonly string[]
  /** A directory to remove when PostgreSQL has ended, whoever is left alive then. */
  readonly temporaryDirectory: string | undefined
  readonly onLine: (line: string) => void
}

// macOS strips DYLD_* from everything that passes through /bin/sh, so it is set again from inside.
// A shell ignores SIGINT for what it starts in the background; PostgreSQL sets its own handlers.
const script = `
trap '' INT TERM HUP
temporary=$1 libraries=$2
shift 2
if [ -n "$libraries" ]; then
  export LD_LIBRARY_PATH="$libraries" DYLD_LIBRARY_PATH="$libraries"
fi
exec 3<&0
"$@" 3<&- </dev/null >&2 &
postgres=$!
echo "$postgres"
exec >/dev/null
{ read -r _ <&3; kill -INT "$postgres"; } 2>/dev/null &
watcher=$!
wait "$postgres"
status=$?
kill -KILL "$watcher" 2>/dev/null
if [ -n "$temporary" ]; then rmdir "$temporary" 2>/dev/null; fi
exit "$status"
`

/** Starts PostgreSQL under its supervisor. Whether it comes up is for `onLine` to notice. */
export function superviseCommand(asked: SupervisedCommand): SupervisedPostgres {
  const { account, environment } = asked
  const libraries = environment.LD_LIBRARY_PATH ?? ''
  const { command, args, identity } = commandAs(account, [
    ...['/bin/sh', '-c', script, 'parley-postgres'],
    ...[asked.temporaryDirectory ?? '', libraries],
    ...asked.words,
  ])
  const options = { cwd: '/', env: environment, detached: true, ...identity }
  const child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
  // The pipe breaks when PostgreSQL ends before it is asked to; `exited` tells that better.
  child.stdin.on('error', () => undefined)
  createInterface({ input: child.stderr }).on('line', asked.onLine)
  return {
    pid: firstNumber(child),
    exited: exitOf(child, asked.onLine),
    askToStop: () => child.stdin.end(),
    hold: (isHeld) => hold(child, isHeld),
  }
}

function firstNumber(child: ChildProcessWithoutNullStreams): Promise<number | undefined> {
  return new Promise((resolve) => {
    createInterface({ input: child.stdout })
      .once('line', (line) => resolve(Number(line)))
      .once('close', () => resolve(undefined))
  })
}

function exitOf(
  child: ChildProcessWithoutNullStreams,
  onLine: (line: string) => void,
): Promise<PostgresExit> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      onLine(`FATAL:  ${error.message}`)
      resolve({ status: 127 })
    })
    // Not `exit`: at `close` every line that was written has also been heard.
    child.once('close', (status) => resolve({ status: status ?? 128 }))
  })
}

function hold(child: ChildProcessWithoutNullStreams, isHeld: boolean): void {
  const parts = [child, child.stdin, child.stdout, child.stderr]
  for (const part of parts) {
    if (part !== child && !(part instanceof Socket)) continue
    if (isHeld) part.ref()
    else part.unref()
  }
}
