import { fail, ok, type Result } from '@parley/protocol'
import { type BodyReader, compileBody } from '../contract/body.ts'
import type { BrowserAudience } from '../contract/browser-audience.ts'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { Operation } from '../contract/operation.ts'
import {
  type ApiVersion,
  apiVersions,
  identityVersions,
  type Service,
  serviceOf,
  versionsIn,
} from '../contract/versions.ts'
import { audienceOf } from './cors.ts'

/** One method and path, with the operations that stand there in some version or other. */
export interface Route {
  readonly method: Operation['method']
  /** In whose manner it answers. */
  readonly service: Service
  /** The path as the router writes it. */
  readonly url: string
  /** The operation that answers without an api-version; `undefined` where one is required. */
  readonly unversioned: ChosenOperation | undefined
  readonly byVersion: ReadonlyMap<string, ChosenOperation>
  /** Value of `api-supported-versions`; empty for unversioned operations. */
  readonly supportedVersions: string
  readonly bodyBytesMax: number
  /** Whose browsers may call it from other origins; `undefined`: nobody's. */
  readonly browsers: BrowserAudience | undefined
}

/**
 * Groups operations by method and path.
 *
 * Throws on two operations that claim the same version of the same route: that is a bug.
 */
export function routesOf(operations: readonly Operation[]): readonly Route[] {
  const groups = new Map<string, Operation[]>()
  for (const operation of operations) {
    const place = `${operation.method} ${operation.path}`
    groups.set(place, [...(groups.get(place) ?? []), operation])
  }
  return [...groups.values()].map(routeOf)
}

function routeOf(group: readonly Operation[]): Route {
  const [first] = group
  if (first === undefined) throw new Error('a route has an operation')
  const versions = group.flatMap((one) =>
    one.versions === 'unversioned' ? [] : versionsIn(one.versions),
  )
  const service = serviceOfGroup(group)
  const hasClash = new Set(versions).size !== versions.length
  const isMixed = group.length > 1 && group.some((one) => one.versions === 'unversioned')
  const isForOthers = group.some((one) => audienceOf(one) !== audienceOf(first))
  if (hasClash || isMixed || isForOthers)
    throw new Error(`two operations claim ${first.method} ${first.path}`)
  return {
    method: first.method,
    service,
    url: routerPath(first.path),
    ...choicesOf(group),
    browsers: audienceOf(first),
    supportedVersions: apiVersions[service].filter((one) => versions.includes(one)).join(', '),
    bodyBytesMax: Math.max(...group.map((one) => one.body?.bytesMax ?? serverLimits.bodyBytesMax)),
  }
}

/** Where several services claimed one path, the same version would mean two things. */
function serviceOfGroup(group: readonly Operation[]): Service {
  const services = new Set(
    group.map(({ versions }) => (versions === 'unversioned' ? 'identity' : serviceOf(versions))),
  )
  const [service, ...others] = services
  if (service === undefined || others.length > 0) throw new Error('a route is of one service')
  return service
}

function choicesOf(group: readonly Operation[]): Pick<Route, 'unversioned' | 'byVersion'> {
  const byVersion = new Map<string, ChosenOperation>()
  let unversioned: ChosenOperation | undefined
  for (const operation of group) {
    const readBody = operation.body === undefined ? undefined : compileBody(operation.body)
    const { versions } = operation
    if (versions === 'unversioned') unversioned = { operation, readBody, version: newestVersion }
    else
      for (const version of versionsIn(versions))
        byVersion.set(version, { operation, readBody, version })
  }
  return { unversioned, byVersion }
}

/**
 * Writes an OpenAPI path for the router, which uses `:name` for a parameter and `::` for a colon.
 */
export function routerPath(path: string): string {
  return path.replaceAll(':', '::').replaceAll(/\{([A-Za-z]+)\}/g, ':$1')
}

/** An operation with its body contract compiled, and the version in which it was asked for. */
export interface ChosenOperation {
  readonly operation: Operation
  readonly readBody: BodyReader | undefined
  readonly version: ApiVersion
}

const newestVersion = identityVersions[identityVersions.length - 1] as ApiVersion

/**
 * Chooses the operation of a route by the api-version asked for.
 *
 * @param asked.version - value of the query parameter; several values never match.
 * @param asked.uri - scheme, host and path of the request, for the message.
 * @faults `version-missing`, `version-unknown`.
 */
export function chooseOperation(
  route: Route,
  asked: { readonly version: unknown; readonly uri: () => string },
): Result<ChosenOperation, Fault> {
  const { version } = asked
  const chosen = route.unversioned ?? route.byVersion.get(version as string)
  if (chosen !== undefined) return ok(chosen)
  if (version === undefined || version === '') return fail({ kind: 'version-missing' })
  return fail({ kind: 'version-unknown', uri: asked.uri(), version: String(version).slice(0, 64) })
}
