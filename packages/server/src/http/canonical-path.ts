/**
 * The control plane does not mind the case of the words in its paths: tools write `resourcegroups`,
 * `Microsoft.Communication` and `listkeys` as they like. Before a route is looked for, such words
 * are put in the form in which the routes have them. Paths of other services stay as they are, and
 * so does a name that somebody gave, even where it is such a word elsewhere in a path.
 *
 * One slash more is forgiven everywhere: Azure's credential for people writes its path behind the
 * endpoint that it is given, and the endpoint of every connection string ends with a slash.
 *
 * @source ARM, resource ids are compared without case.
 */
import type { Route } from './routes.ts'

/** Rewrites the path of a request, query included. */
export type CanonicalPath = (pathAndQuery: string) => string

/** Creates the function that rewrites paths, from the routes that there are. */
export function createCanonicalPath(routes: readonly Route[]): CanonicalPath {
  /** By their place in the path, then by the word in lower case. */
  const wordsAt: Map<string, string>[] = []
  const firstWords = new Set<string>()
  for (const { service, url } of routes) {
    if (service === 'identity') continue
    const segments = url.split('/')
    firstWords.add((segments[1] ?? '').toLowerCase())
    for (const [place, word] of segments.entries()) {
      wordsAt[place] ??= new Map()
      if (!word.startsWith(':')) wordsAt[place].set(word.toLowerCase(), word)
    }
  }
  return (pathAndQuery) => {
    if (pathAndQuery.startsWith('//access/')) return pathAndQuery.slice(1)
    const first = /^\/([^/?]*)/.exec(pathAndQuery)?.[1] ?? ''
    if (!firstWords.has(first.toLowerCase())) return pathAndQuery
    const [path = '', ...query] = pathAndQuery.split('?')
    const segments = path
      .split('/')
      .map((word, place) => wordsAt[place]?.get(word.toLowerCase()) ?? word)
    return [segments.join('/'), ...query].join('?')
  }
}
