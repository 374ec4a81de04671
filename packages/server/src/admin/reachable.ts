import { type AccessKeySlot, printConnectionString } from '@parley/protocol'
import type { Resource } from '../resources/model.ts'
import type { Installation } from './installation.ts'

/** What a program needs to find and use a running server. */
export interface Reachable {
  readonly connectionString: string
  readonly secondaryConnectionString: string
  /** PEM file of the development CA; `undefined` where the certificate is the operator's own. */
  readonly caFile: string | undefined
  readonly adminEndpoint: string
  readonly adminToken: string
  readonly subscriptionId: string
  readonly resourceGroup: string
  readonly resourceName: string
  readonly jwksUrl: string
  /** Plain http on loopback; `undefined` where that listener is off. */
  readonly httpEndpoint: string | undefined
}

/**
 * The endpoint that clients are told: the first public name, else the address of the listener.
 *
 * @param where.publicHosts - names under which a proxy shows the server, with port if any.
 * @param where.host - address that the listener binds; any address means loopback here.
 * @returns an https origin with a slash at its end.
 */
export function endpointOf(where: {
  readonly publicHosts: readonly string[]
  readonly host: string
  readonly port: number
}): string {
  const [publicHost] = where.publicHosts
  if (publicHost !== undefined) return `https://${publicHost}/`
  const isAny = where.host === '0.0.0.0' || where.host === '::'
  const name = isAny ? '127.0.0.1' : where.host
  return `https://${name.includes(':') ? `[${name}]` : name}:${where.port}/`
}

/**
 * The endpoint of one resource: its own host name where a domain is configured, else that of the
 * server.
 *
 * @param where.domain - with port where that is not 443.
 */
export function endpointFor(
  name: string,
  where: { readonly domain: string | undefined; readonly endpoint: string },
): string {
  const { domain, endpoint } = where
  return domain === undefined ? endpoint : `https://${name.toLowerCase()}.${domain}/`
}

/**
 * How the resource of the first start is reached.
 *
 * What this gives holds secrets: it is for the banner and for `parley.env`, and nobody keeps it.
 *
 * @param server.keys - the text of its two access keys.
 */
export function reachableAt(
  endpoint: string,
  server: {
    readonly installation: Pick<Installation, 'resources'>
    readonly adminToken: string
    readonly domain: string | undefined
    readonly keys: SlotTexts
    readonly caFile: string | undefined
    readonly httpPort: number | undefined
  },
): Reachable {
  const { installation, adminToken, domain, keys, caFile, httpPort } = server
  const { subscriptionId, resourceGroup, name } = firstOf(installation.resources)
  return {
    ...connectionStrings(endpointFor(name, { domain, endpoint }), keys),
    caFile,
    adminEndpoint: endpoint,
    adminToken,
    subscriptionId,
    resourceGroup,
    resourceName: name,
    jwksUrl: `${endpoint}.well-known/jwks.json`,
    httpEndpoint: httpPort === undefined ? undefined : `http://127.0.0.1:${httpPort}/`,
  }
}

/** The access keys of a resource as they are handed out, base64. */
export type SlotTexts = Readonly<Record<AccessKeySlot, string>>

/** The connection strings of a resource, from its two keys. */
export function connectionStrings(
  endpoint: string,
  keys: SlotTexts,
): Pick<Reachable, 'connectionString' | 'secondaryConnectionString'> {
  const textOf = (slot: AccessKeySlot) => printConnectionString({ endpoint, accessKey: keys[slot] })
  return { connectionString: textOf('primary'), secondaryConnectionString: textOf('secondary') }
}

function firstOf(resources: readonly Resource[]): Resource {
  const [first] = resources
  if (first === undefined) throw new Error('a first start makes a resource')
  return first
}
