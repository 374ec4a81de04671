import { type AccessKeySlot, printConnectionString } from '@parley/protocol'
import type { Installation } from './installation.ts'

/** What a program needs to find and use a running server. */
export interface Reachable {
  /** Of the oldest resource; absent, as its name and group, where there is none. */
  readonly connectionString: string | undefined
  readonly secondaryConnectionString: string | undefined
  /** PEM file of the development CA; `undefined` where the certificate is the operator's own. */
  readonly caFile: string | undefined
  readonly adminEndpoint: string
  readonly adminToken: string
  /** That of the resource, else one in which a resource can be created, where there is one. */
  readonly subscriptionId: string | undefined
  readonly resourceGroup: string | undefined
  readonly resourceName: string | undefined
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
 * How a server and its oldest resource are reached: the one of the first start, mostly.
 *
 * What this gives holds secrets: it is for the banner and for `parley.env`, and nobody keeps it.
 *
 * @param server.keys - the text of the two access keys of the resource, where there is one.
 */
export function reachableAt(
  endpoint: string,
  server: {
    readonly installation: Pick<Installation, 'resources' | 'subscriptionId'>
    readonly adminToken: string
    readonly domain: string | undefined
    readonly keys: SlotTexts
    readonly caFile: string | undefined
    readonly httpPort: number | undefined
  },
): Reachable {
  const { installation, adminToken, domain, keys, caFile, httpPort } = server
  const [resource] = installation.resources
  const strings =
    resource === undefined
      ? { connectionString: undefined, secondaryConnectionString: undefined }
      : connectionStrings(endpointFor(resource.name, { domain, endpoint }), keys)
  return {
    ...strings,
    caFile,
    adminEndpoint: endpoint,
    adminToken,
    subscriptionId: installation.subscriptionId,
    resourceGroup: resource?.resourceGroup,
    resourceName: resource?.name,
    jwksUrl: `${endpoint}.well-known/jwks.json`,
    httpEndpoint: httpPort === undefined ? undefined : `http://127.0.0.1:${httpPort}/`,
  }
}

/** The access keys of a resource as they are handed out, base64. */
export type SlotTexts = Readonly<Record<AccessKeySlot, string>>

/** The connection strings of a resource. */
export interface ConnectionStrings {
  readonly connectionString: string
  readonly secondaryConnectionString: string
}

/** The connection strings of a resource, from its two keys. */
export function connectionStrings(endpoint: string, keys: SlotTexts): ConnectionStrings {
  const textOf = (slot: AccessKeySlot) => printConnectionString({ endpoint, accessKey: keys[slot] })
  return { connectionString: textOf('primary'), secondaryConnectionString: textOf('secondary') }
}
