import { fail, ok, type Result } from '@parley/protocol'

/** Most origins in a list. */
export const originsMax = 64

const schemePattern = /^[a-z][a-z0-9+.-]*$/
const hostPattern = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/

/**
 * Reads an origin as a browser sends it: scheme, host, and port where it is not that of the scheme.
 * An app's page may have a scheme of its own, such as `capacitor://localhost`.
 *
 * @returns the origin in lower case; `undefined` for what no browser would send, `null` among it,
 *   which is the origin of everybody who hides it.
 */
export function parseOrigin(text: string): string | undefined {
  const [scheme = '', host = '', ...rest] = text.toLowerCase().split('://')
  const isOrigin =
    text.length <= 256 && rest.length === 0 && schemePattern.test(scheme) && hostPattern.test(host)
  if (!isOrigin) return undefined
  const port = scheme === 'https' ? ':443' : scheme === 'http' ? ':80' : undefined
  const shown = port !== undefined && host.endsWith(port) ? host.slice(0, -port.length) : host
  return `${scheme}://${shown}`
}

/**
 * Reads a setting of origins: a list separated by commas, one `*`, or `off`.
 *
 * @faults a text: what it must be.
 */
export function parseOriginList(text: string): Result<readonly string[], string> {
  if (text === 'off') return ok([])
  const origins = text.split(',').map((origin) => origin.trim())
  return parseOrigins(origins.filter((origin) => origin !== ''))
}

/**
 * Reads a list of origins, or one `*`.
 *
 * @faults a text: what the list must be.
 */
export function parseOrigins(texts: readonly string[]): Result<readonly string[], string> {
  if (texts.length === 1 && texts[0] === '*') return ok(['*'])
  const origins = texts.map(parseOrigin)
  const isGood = origins.length <= originsMax && !origins.includes(undefined)
  return isGood
    ? ok([...new Set(origins.flatMap((origin) => origin ?? []))])
    : fail(`"*" alone, or at most ${originsMax} origins such as https://app.example`)
}
