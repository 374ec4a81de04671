/**
 * Answers for pages of other origins: what lets a browser hand them to the page (CORS).
 *
 * The credential of a request says which resource it is for, but the question whether it may be
 * sent at all (the preflight) comes without one. Where resources have host names the host says it;
 * where one name stands for all of them, a question is answered yes when any of them would, and the
 * answer itself is narrowed to the resource as soon as that is known.
 *
 * A request without an `Origin` pays one look at a header for this.
 *
 * @source Fetch standard, section 3.2; RFC 9110 section 12.5.5 (`Vary`).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Place, placeOf } from '../authentication/place.ts'
import type { BrowserAudience } from '../contract/browser-audience.ts'
import type { Caller, Operation } from '../contract/operation.ts'
import { parseOrigin } from '../foundation/origin.ts'
import type { CorsDefaults, CorsRules } from '../resources/cors.ts'
import type { ResourceDirectory } from '../resources/directory.ts'
import type { Exchange } from './exchange.ts'

/** What tells browsers which pages may read an answer. */
export interface Cors {
  /** Sets the headers of an answer for a page, as far as its resource is known by the host. */
  readonly begin: (exchange: Crossing, audience: BrowserAudience) => void
  /** Sets them anew once the caller is known, and so the resource. */
  readonly narrow: (exchange: Crossing & Pick<Exchange, 'route'>, caller: Caller) => void
  /**
   * The headers that answer a preflight, with status 204.
   *
   * @param audiences - of the operations of the path, by method.
   * @returns `undefined` when it is none, or about a method that no page may call.
   */
  readonly preflight: (
    request: IncomingMessage,
    audiences: ReadonlyMap<string, BrowserAudience>,
  ) => Readonly<Record<string, string>> | undefined
}

/** A request and its answer. */
export interface Crossing {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** What origins are judged by. */
export interface CorsWorld {
  readonly resources: Pick<ResourceDirectory, 'find' | 'findByName' | 'list'>
  readonly defaults: CorsDefaults
  /** Without a port. */
  readonly domain: string | undefined
  readonly publicHosts: readonly string[]
}

/** Whose browsers may call an operation; `undefined`: nobody's. */
export function audienceOf({ browsers, access }: Operation): BrowserAudience | undefined {
  if (browsers !== undefined) return browsers
  // A credential of a verifier was handed to the page, as access tokens are.
  switch (access) {
    case 'user':
    case 'resource-or-user':
    case 'entra-user':
    case 'follower':
      return 'users'
    default:
      return access === 'resource' ? 'owners' : undefined
  }
}

/** What scripts may read of an answer beside its body. */
const exposedHeaders = [
  'api-supported-versions',
  'link',
  'location',
  'retry-after',
  'www-authenticate',
  'x-ms-client-request-id',
  'x-ms-request-id',
  'x-parley-reason',
].join(', ')

/** How long a browser need not ask again, in seconds. A change of the rules takes as long. */
const maxAgeSeconds = '600'

const varyOfPreflight = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'
const headerNamesPattern = /^[\w!#$%&'*+.^`|~-]+(?: ?, ?[\w!#$%&'*+.^`|~-]+)*$/
const headerNamesCharactersMax = 2048

/** Creates what answers browsers. */
export function createCors(world: CorsWorld): Cors {
  const places = { ...world, findByName: world.resources.findByName }
  const allowedAt = (request: IncomingMessage, audience: BrowserAudience) => {
    const { origin, host = '' } = request.headers
    if (origin === undefined) return undefined
    return allowOrigin(origin, originsOf(world, placeOf(host, places), audience))
  }
  return {
    begin({ request, response }, audience) {
      // Caches keep such an answer for everybody, so it is the same whoever asks.
      if (audience === 'anybody') response.setHeader('access-control-allow-origin', '*')
      else if (request.headers.origin !== undefined) {
        setAllowed(response, allowedAt(request, audience))
      }
    },
    narrow({ request, response, route: { browsers } }, caller) {
      const { origin } = request.headers
      if (origin === undefined || browsers === undefined || browsers === 'anybody') return
      if (!('resourceId' in caller)) return
      const origins = effective(world, world.resources.find(caller.resourceId)?.cors, browsers)
      setAllowed(response, allowOrigin(origin, origins))
    },
    preflight(request, audiences) {
      const { origin, ...asked } = request.headers
      const audience = audiences.get(asked['access-control-request-method'] ?? '')
      if (origin === undefined || audience === undefined) return undefined
      const allowed = allowedAt(request, audience)
      if (allowed === undefined) return { vary: varyOfPreflight }
      const names = asked['access-control-request-headers'] ?? ''
      const areNames = names.length <= headerNamesCharactersMax && headerNamesPattern.test(names)
      return {
        'access-control-allow-origin': allowed,
        'access-control-allow-methods': [...audiences.keys()].join(', '),
        ...(areNames ? { 'access-control-allow-headers': names } : {}),
        'access-control-max-age': maxAgeSeconds,
        vary: varyOfPreflight,
      }
    },
  }
}

type Origins = readonly string[]

function originsOf(world: CorsWorld, place: Place, audience: BrowserAudience): Iterable<string> {
  if (audience === 'anybody') return ['*']
  if (place.kind === 'resource') return effective(world, place.resource.cors, audience)
  return place.kind === 'nowhere' ? [] : originsOfAny(world, audience)
}

function* originsOfAny(world: CorsWorld, audience: 'users' | 'owners'): Generator<string> {
  for (const { cors } of world.resources.list()) yield* effective(world, cors, audience)
}

function effective(
  { defaults }: CorsWorld,
  rules: CorsRules | undefined,
  audience: 'users' | 'owners',
): Origins {
  return audience === 'users'
    ? (rules?.userOrigins ?? defaults.userOrigins)
    : (rules?.ownerOrigins ?? defaults.ownerOrigins)
}

/** The value of `Access-Control-Allow-Origin`; `undefined` when there is none. */
function allowOrigin(origin: string, origins: Iterable<string>): string | undefined {
  const asked = parseOrigin(origin)
  for (const allowed of origins) {
    if (allowed === '*') return '*'
    if (allowed === asked) return origin
  }
  return undefined
}

function setAllowed(response: ServerResponse, allowed: string | undefined): void {
  response.setHeader('vary', 'Origin')
  if (allowed === undefined) {
    response.removeHeader('access-control-allow-origin')
    response.removeHeader('access-control-expose-headers')
    return
  }
  response.setHeader('access-control-allow-origin', allowed)
  response.setHeader('access-control-expose-headers', exposedHeaders)
}
