import { fail, ok, type Result } from '@parley/protocol'
import { isSystemError } from '../system-errors.ts'
import type { EmbeddedPostgresFailed } from './faults.ts'
import type { LauncherLog } from './platform.ts'
import { createPostgresLog, type PostgresLog } from './postgres-log.ts'
import {
  type PostgresExit,
  type SupervisedCommand,
  type SupervisedPostgres,
  superviseCommand,
} from './supervisor.ts'

/** A PostgreSQL that accepts connections. */
export interface RunningPostgres {
  /** Process id of the postmaster. */
  readonly pid: number
  /**
   * Resolves when it has ended, asked to or not; never rejects. Waiting for it does not keep the
   * process of the server alive.
   */
  readonly exited: Promise<PostgresExit>
  /** Stops it and waits until it has ended, 18 s at most; calling again waits for the same end. */
  stop(): Promise<void>
}

/** Recovery of a cluster replays 256 MB at most, but first syncs every file it has. */
const startTimeoutMs = 300_000
const fastStopTimeoutMs = 10_000
/** After five seconds PostgreSQL itself kills those of its children that do not follow. */
const immediateStopTimeoutMs = 8_000

const readySign = 'database system is ready to accept connections'

/**
 * Starts PostgreSQL under its supervisor and waits until it accepts connections.
 *
 * @faults `embedded-postgres-failed` - it ended before, or was not ready after five minutes.
 */
export async function runPostgres(
  command: Omit<SupervisedCommand, 'onLine'>,
  log: LauncherLog,
): Promise<Result<RunningPostgres, EmbeddedPostgresFailed>> {
  const heard = createPostgresLog(log)
  let announceReady = (): void => undefined
  const ready = new Promise<'ready'>((resolve) => {
    announceReady = () => resolve('ready')
  })
  const onLine = (line: string): void => {
    heard.take(line)
    if (line.includes(readySign)) announceReady()
  }
  const supervised = superviseCommand({ ...command, onLine })
  const first = await firstWithin<'ready' | PostgresExit>(startTimeoutMs, [
    ready,
    supervised.exited,
  ])
  const pid = await supervised.pid
  if (first !== 'ready' || pid === undefined) {
    await stopSupervised({ supervised, pid, heard, log })
    const lines = heard.recent()
    const message = `PostgreSQL did not start: ${lines.slice(-3).join(' ')}`
    return fail({ kind: 'embedded-postgres-failed', message, lines })
  }
  heard.enter('running')
  // A server that ends without stopping its database must not be kept alive by it.
  supervised.hold(false)
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= stopSupervised({ supervised, pid, heard, log })
    return stopped
  }
  return ok({ pid, exited: supervised.exited, stop })
}

interface StopOrder {
  readonly supervised: SupervisedPostgres
  readonly pid: number | undefined
  readonly heard: PostgresLog
  readonly log: LauncherLog
}

/** Fast shutdown, then an immediate one, which the next start recovers from. Never a kill -9. */
async function stopSupervised({ supervised, pid, heard, log }: StopOrder): Promise<void> {
  heard.enter('stopping')
  supervised.hold(true)
  supervised.askToStop()
  if ((await firstWithin(fastStopTimeoutMs, [supervised.exited])) !== undefined) return
  log.warn({ pid }, 'PostgreSQL is slow to stop and is told to drop everything')
  if (pid !== undefined) signal(pid, 'SIGQUIT')
  if ((await firstWithin(immediateStopTimeoutMs, [supervised.exited])) !== undefined) return
  log.error({ pid }, 'PostgreSQL has not stopped')
  supervised.hold(false)
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!isSystemError(error, 'ESRCH')) throw error
  }
}

/** What settles first, `undefined` when nothing does in time. */
async function firstWithin<Value>(
  timeoutMs: number,
  promises: readonly Promise<Value>[],
): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, undefined)
  })
  try {
    return await Promise.race([...promises, timeout])
  } finally {
    clearTimeout(timer)
  }
}
