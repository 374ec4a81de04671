/**
 * Which resource a request is for, as far as its address says.
 *
 * Where a domain is configured a resource has a host name of its own, `<name>.<domain>`, and then
 * the host decides: no credential of another resource is even tried. Elsewhere, on loopback above
 * all, one name stands for all resources.
 */
import type { Resource } from '../resources/model.ts'

/** What an address says. */
export type Place =
  | { readonly kind: 'resource'; readonly resource: Resource }
  /** The host is one that a resource would have, or none that is known. */
  | { readonly kind: 'nowhere' }
  | { readonly kind: 'anywhere' }

/** By what a host name is judged. */
export interface PlaceWorld {
  /** Lower case, without a dot before it; `undefined`: no resource has a host name of its own. */
  readonly domain: string | undefined
  /** Configured names of the server as a whole, lower case, with port if any. */
  readonly publicHosts: readonly string[]
  readonly findByName: (name: string) => Resource | undefined
}

const loopbackHosts: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

/**
 * Decides which resource a host name is that of.
 *
 * @param host - the `Host` header, with port if any.
 */
export function placeOf(host: string, world: PlaceWorld): Place {
  const { domain, publicHosts } = world
  if (domain === undefined) return anywhere
  const withPort = host.toLowerCase()
  const name = withPort.replace(/:[0-9]{1,5}$/, '')
  if (name.endsWith(`.${domain}`)) {
    const resource = world.findByName(name.slice(0, -domain.length - 1))
    return resource === undefined ? nowhere : { kind: 'resource', resource }
  }
  const isOurs =
    loopbackHosts.includes(name) || publicHosts.includes(name) || publicHosts.includes(withPort)
  return isOurs ? anywhere : nowhere
}

const anywhere: Place = { kind: 'anywhere' }
const nowhere: Place = { kind: 'nowhere' }
