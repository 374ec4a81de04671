/**
 * What a command may touch beside its arguments; the tests pass one of their own.
 */

/** A request to a server. */
export interface SentRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** PEM certificates that count beside those of the platform. */
  readonly caFile: string | undefined
}

/** What came back. */
export interface Received {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
}

/** The world of a command. */
export interface CliWorld {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The text of a file; `undefined` when there is none. */
  readonly readFile: (path: string) => string | undefined
  readonly readInput: () => Promise<string>
  readonly print: (text: string) => void
  readonly printError: (text: string) => void
  /** Whether a person looks at what goes to standard error. */
  readonly isWatched: boolean
  /** Sends a request; throws when no answer comes. */
  readonly send: (request: SentRequest) => Promise<Received>
  /** Wall clock, milliseconds since the Unix epoch. */
  readonly now: () => number
  /** Becomes the server, with these variables beside those of the environment. */
  readonly startServer: (variables: Readonly<Record<string, string>>) => Promise<void>
}
