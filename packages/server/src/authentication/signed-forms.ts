/**
 * The forms in which clients sign the same request.
 *
 * JavaScript signs the query as the WHATWG URL standard prints it, and sends the original. Java
 * signs the host without its port. Python cuts the URL as if it began with `https://`, and over
 * plain http so loses the first slash of the path.
 *
 * @source sources of communication-common for JavaScript, Java, .NET and Python.
 */

/**
 * The hosts that may stand in a signature.
 *
 * @param host - the `Host` header, empty when absent.
 * @param publicHosts - configured names, lower case.
 * @returns the header first, then without its port, then the configured names; each once.
 */
export function signedHosts(host: string, publicHosts: readonly string[]): readonly string[] {
  const withoutPort = host.replace(/:[0-9]{1,5}$/, '')
  if (withoutPort === host && publicHosts.length === 0) return [host]
  return [...new Set([host, withoutPort, ...publicHosts])]
}

/**
 * The paths with query that may stand in a signature.
 *
 * @param pathAndQuery - as it arrived, from its first slash.
 * @returns the form that arrived first, each form once.
 */
export function signedPaths(pathAndQuery: string): Iterable<string> {
  return lazyForms(pathAndQuery)
}

/** Lazy: nearly every request matches at its first form, and the others cost a URL parse. */
function* lazyForms(raw: string): Generator<string> {
  yield raw
  const normalised = normaliseQuery(raw)
  if (normalised !== raw) yield normalised
  yield raw.slice(1)
}

function normaliseQuery(pathAndQuery: string): string {
  const start = pathAndQuery.indexOf('?')
  if (start === -1) return pathAndQuery
  const query = new URLSearchParams(pathAndQuery.slice(start)).toString()
  return `${pathAndQuery.slice(0, start)}?${query}`
}
