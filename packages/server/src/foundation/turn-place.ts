import { fail, ok, type Result } from '@parley/protocol'

/** A host and a port. */
export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** Where relays (TURN servers) are, and how their sessions are ended. */
export interface TurnPlace {
  /** As browsers take them: `turn:`, `turns:` or `stun:`. */
  readonly urls: readonly string[]
  readonly realm: string
  /** The command lines of coturn; none: sessions are not ended. */
  readonly commandLines: readonly HostAndPort[]
  readonly commandLinePassword: string
}

/** Where relays are by the settings; `undefined` where they name none. */
export function turnPlaceOf(settings: {
  readonly turnUrls: readonly string[] | undefined
  readonly turnRealm: string
  readonly turnCli: readonly HostAndPort[] | undefined
  readonly turnCliPassword: string | undefined
}): TurnPlace | undefined {
  const { turnUrls: urls, turnRealm: realm, turnCli = [], turnCliPassword = '' } = settings
  const commandLine = { commandLines: turnCli, commandLinePassword: turnCliPassword }
  return urls && { urls, realm, ...commandLine }
}

/**
 * Reads `turn:host:3478,turns:host:443?transport=tcp`.
 *
 * @source RFC 7065 section 3.1, RFC 7064 section 3.1.
 */
export function parseTurnUrls(text: string): Result<readonly string[], string> {
  const urls = text.split(',').map((url) => url.trim())
  const isRight = urls.every((url) => turnUrlPattern.test(url) || stunUrlPattern.test(url))
  const hasTurn = urls.some((url) => url.startsWith('turn'))
  const expected = 'turn:host:port with ?transport=udp or tcp if any, turns: and stun:, with commas'
  return isRight && hasTurn ? ok(urls) : fail(expected)
}

const turnUrlPattern = urlPattern(String.raw`turns?:HOST(?::\d{1,5})?(?:\?transport=(?:udp|tcp))?`)
const stunUrlPattern = urlPattern(String.raw`stuns?:HOST(?::\d{1,5})?`)

function urlPattern(text: string): RegExp {
  const host = String.raw`(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])`
  return new RegExp(`^${text.replace('HOST', () => host)}$`)
}

/** Reads a realm: it stands between colons in what is hashed, and in quotes on the wire. */
export function parseTurnRealm(text: string): Result<string, string> {
  return /^[A-Za-z0-9.-]{1,127}$/.test(text)
    ? ok(text)
    : fail('1 to 127 letters, digits, dots and hyphens')
}

/** Reads `127.0.0.1:5766,[::1]:5766`. */
export function parseCommandLines(text: string): Result<readonly HostAndPort[], string> {
  const places: HostAndPort[] = []
  for (const one of text.split(',')) {
    const [, bracketed, plain, port] = placePattern.exec(one.trim()) ?? []
    const name = bracketed ?? plain
    if (name === undefined || Number(port) > 65_535) return fail('host:port, with commas')
    places.push({ host: name, port: Number(port) })
  }
  return ok(places)
}

const placePattern = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/
