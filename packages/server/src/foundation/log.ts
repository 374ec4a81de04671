import { destination, type Logger, pino, stdTimeFunctions } from 'pino'

/** The server's log: one JSON object a line, on standard error. */
export type Log = Pick<Logger, 'fatal' | 'error' | 'warn' | 'info' | 'debug'>

/** How much the log says, from nothing to everything. */
export const logLevels = ['silent', 'fatal', 'error', 'warn', 'info', 'debug'] as const

/** One of `logLevels`. */
export type LogLevel = (typeof logLevels)[number]

/** Each write wakes a thread of the pool, so lines are written many at a time. */
const bufferedBytes = 16 * 1024 - 1

/** One answered request. Every text is of our own making: ids, names of operations and faults. */
export interface RequestLine {
  readonly operation: string
  readonly status: number
  readonly durationMs: number
  readonly requestId: string
  readonly resourceId: string | undefined
  readonly fault: string | undefined
  readonly reason: string | undefined
}

/** A log that must be flushed before the process ends. */
export interface OpenLog {
  readonly log: Log
  /** Logs the requests of a turn at level `info`. */
  readonly logRequests: (lines: readonly RequestLine[], nowMs: number) => void
  /** Writes out what is still buffered, but what is being written at this moment may come later. */
  readonly flush: () => void
  /** Settles when nothing is being written; never while whoever reads the log takes nothing. */
  readonly settle: () => Promise<void>
}

/**
 * Opens the log.
 *
 * Lines are buffered up to 16 KiB and written at least each second: a write for each of ten
 * thousand requests a second would cost more than making the line. A crash may lose the last
 * second of them. Lines of requests are printed here and written once a turn, because the library
 * takes 8 us to print one.
 *
 * Never put a token, key, signature or connection string in a line: fields are ids.
 *
 * @param options.fileDescriptor - 2 for standard error.
 */
export function openLog(options: {
  readonly level: LogLevel
  readonly fileDescriptor: number
}): OpenLog {
  const { level, fileDescriptor: dest } = options
  const sink = destination({ dest, sync: false, minLength: bufferedBytes, periodicFlush: 1000 })
  const log = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    sink,
  )
  const isVerbose = log.isLevelEnabled('info')
  return {
    log,
    logRequests(lines, nowMs) {
      if (!isVerbose) return
      const start = `{"level":"info","time":"${new Date(nowMs).toISOString()}","operation":"`
      let text = ''
      for (const line of lines) text += start + printRequestLine(line)
      sink.write(text)
    },
    flush: () => sink.flushSync(),
    settle: () => new Promise((resolve) => sink.flush(() => resolve())),
  }
}

function printRequestLine(line: RequestLine): string {
  const { operation, status, durationMs, requestId, resourceId, fault, reason } = line
  const resource = resourceId === undefined ? '' : `,"resourceId":"${resourceId}"`
  const refused = fault === undefined ? '' : `,"fault":"${fault}"`
  const because = reason === undefined ? '' : `,"reason":"${reason}"`
  return (
    `${operation}","status":${status},"durationMs":${durationMs},"requestId":"${requestId}"` +
    `${resource}${refused}${because},"msg":"request"}\n`
  )
}
