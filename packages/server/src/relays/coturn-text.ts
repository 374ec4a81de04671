/**
 * What the command line of coturn prints, read. It was made for people and promises nothing, so
 * whatever is not exactly as it was seen is said not to be understood, rather than taken for "no
 * sessions". `coturn-text.test.ts` has what each version prints.
 */

/** A session, as `ps` shows it: an allocation, or what is about to become one. */
export interface RelaySession {
  /** What `cs` takes. */
  readonly id: string
  /** Empty before the client has said who it is. */
  readonly user: string
  readonly realm: string
}

/** What `ps` has said. */
export interface SessionList {
  readonly sessions: readonly RelaySession[]
  /** Whether there are more than `cli-max-output-sessions`, of which some are not shown. */
  readonly isCut: boolean
}

/** What ends everything that is printed. */
const promptPattern = /(?:^|\n)> $/

/** Whether coturn has said all and waits for a command. */
export function isAtPrompt(text: string): boolean {
  return promptPattern.test(text)
}

/** How often coturn has asked for the password. */
export function passwordAsks(text: string): number {
  return text.split('Enter password:').length - 1
}

const sessionPattern =
  /^ *\d+\) id=(?<id>\d+), user <(?<user>[^<>]*)>:\r?\n *realm: (?<realm>[^\r\n]*)\r?$/gm
const headPattern = /^ *\d+\) /gm
const totalPattern = /^ *Total sessions: (\d+)\r?$/m

/**
 * Reads what `ps` has printed.
 *
 * @returns `undefined` for what is not understood, wholly or in part.
 */
export function parseSessions(text: string): SessionList | undefined {
  const total = totalPattern.exec(text)?.[1]
  if (total === undefined) return undefined
  const sessions = [...text.matchAll(sessionPattern)].map(({ groups }) => {
    const { id = '', user = '', realm = '' } = groups ?? {}
    return { id, user, realm }
  })
  const isCut = sessions.length < Number(total)
  const isWhole = sessions.length === [...text.matchAll(headPattern)].length
  const saysSo = text.includes('Warning: too many output sessions')
  return isWhole && isCut === saysSo ? { sessions, isCut } : undefined
}
