/**
 * The control plane does not mind the case of the words in its paths: tools write `resourcegroups`,
 * `Microsoft.Communication` and `listkeys` as they like. Before a route is looked for, such words
 * are put in the form in which the routes have them. Paths of other services stay as they are, but
 * for one: Azure's credential for people writes its path behind the endpoint that it is given, and
 * the endpoint of every connection string ends with a slash.
 *
 * @source ARM, resource ids are compared without case.
 */
import type { Route } from './routes.ts'

/** Rewrites the path of a request, query included. */
export type CanonicalPath = (pathAndQuery: string) => string

/** Creates the function that rewrites paths, from the routes that there are. */
export function createCanonicalPath(routes: readonly Route[]): CanonicalPath {
  const words = new Map<string, string>()
  const firstWords = new Set<string>()
  for (const { service, url } of routes) {
    if (service === 'identity') continue
    const [, first = '', ...rest] = url.split('/')
    firstWords.add(first.toLowerCase())
    for (const word of [first, ...rest]) {
      if (!word.startsWith(':')) words.set(word.toLowerCase(), word)
    }
  }
  return (pathAndQuery) => {
    if (pathAndQuery.startsWith('//access/')) return pathAndQuery.slice(1)
    const first = /^\/([^/?]*)/.exec(pathAndQuery)?.[1] ?? ''
    if (!firstWords.has(first.toLowerCase())) return pathAndQuery
    const [path = '', ...query] = pathAndQuery.split('?')
    const segments = path.split('/').map((word) => words.get(word.toLowerCase()) ?? word)
    return [segments.join('/'), ...query].join('?')
  }
}
