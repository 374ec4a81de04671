/** The SIP configuration of a resource: changed by merge patch, and asked for ways of numbers. */
import { fail, ok, type Result } from '@parley/protocol'
import { parseNumberPattern } from './number-pattern.ts'

/** A SIP peer that carries calls. */
export interface Trunk {
  readonly sipSignalingPort: number
}

/** Which numbers go by which trunks. */
export interface TrunkRoute {
  readonly name: string
  readonly numberPattern: string
  readonly description?: string
  /** Names of trunks, in the order in which they are tried. */
  readonly trunks: readonly string[]
}

/** Trunks by their host names, and routes in their order. */
export interface SipConfiguration {
  readonly trunks: Readonly<Record<string, Trunk>>
  readonly routes: readonly TrunkRoute[]
}

/** A configuration without anything. */
export const emptySipConfiguration: SipConfiguration = { trunks: {}, routes: [] }

/** A change as it is asked for; `null` takes away. */
export interface AskedSipChange {
  readonly trunks?: Readonly<
    Record<string, { readonly sipSignalingPort?: number | null } | null>
  > | null
  readonly routes?:
    | readonly {
        readonly name: string
        readonly numberPattern: string
        readonly description?: string | null
        readonly trunks?: readonly string[] | null
      }[]
    | null
}

/** What of a change cannot be: the service's own code for it, and its words. */
export interface SipProblem {
  readonly code: string
  readonly message: string
}

/** Most trunks, routes, and trunks of a route. */
const entriesMax = 250

/** Labels of a host name, two at least; an IPv4 address is of this form too. */
const fqdn = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i

/**
 * Changes a configuration.
 *
 * @faults the first thing that is wrong, with the code that the service has for it.
 * @source RFC 7396; recorded answers of the service: 422 `UnprocessableConfiguration`.
 */
export function changeSip(
  present: SipConfiguration,
  asked: AskedSipChange,
): Result<SipConfiguration, SipProblem> {
  const isEmpty = asked.routes === undefined && Object.keys(asked.trunks ?? {}).length === 0
  if (isEmpty && asked.trunks !== null) return problem('EmptyPatch', 'Patch with no data provided.')
  const trunks = changeTrunks(present.trunks, asked.trunks)
  if (!trunks.ok) return trunks
  const routes = asked.routes === undefined ? present.routes : routesOf(asked.routes ?? [])
  const changed = { trunks: trunks.value, routes }
  const found = problemOf(changed)
  return found === undefined ? ok(changed) : fail(found)
}

function problem(code: string, message: string): Result<never, SipProblem> {
  return fail({ code, message })
}

function changeTrunks(
  present: SipConfiguration['trunks'],
  asked: AskedSipChange['trunks'],
): Result<SipConfiguration['trunks'], SipProblem> {
  if (asked === null) return ok({})
  const trunks = new Map(Object.entries(present))
  for (const [name, change] of Object.entries(asked ?? {})) {
    if (change === null) trunks.delete(name)
    else if (name.length > 249 || !fqdn.test(name)) {
      return problem('InvalidTrunkFqdn', 'Trunk with an invalid FQDN.')
    } else {
      const port = change.sipSignalingPort ?? trunks.get(name)?.sipSignalingPort ?? 0
      if (port < 1 || port > 65_535) {
        const message = 'Trunk with an invalid SIP signaling port.'
        return problem('InvalidTrunkSipSignalingPort', message)
      }
      trunks.set(name, { sipSignalingPort: port })
    }
  }
  return ok(Object.fromEntries(trunks))
}

function routesOf(asked: NonNullable<AskedSipChange['routes']>): readonly TrunkRoute[] {
  return asked.map(({ name, numberPattern, description, trunks }) => ({
    ...(typeof description === 'string' ? { description } : {}),
    ...{ name, numberPattern, trunks: trunks ?? [] },
  }))
}

function problemOf({ trunks, routes }: SipConfiguration): SipProblem | undefined {
  if (Object.keys(trunks).length > entriesMax) {
    return { code: 'TooManyTrunks', message: `There are at most ${entriesMax} trunks.` }
  }
  const names = new Set<string>()
  for (const { name, numberPattern, trunks: wanted } of routes) {
    if (name === '') return { code: 'InvalidRouteName', message: 'Route with an invalid name.' }
    if (names.has(name))
      return { code: 'DuplicatedRoute', message: `Two routes are named '${name}'.` }
    names.add(name)
    const parsed = parseNumberPattern(numberPattern)
    if (!parsed.ok) {
      const rest = numberPattern === '' ? '' : ` Not understood: ${parsed.fault}.`
      const message = `Route with an invalid number pattern.${rest}`
      return { code: 'InvalidRouteNumberPattern', message }
    }
    const missing = wanted.find((trunk) => !Object.hasOwn(trunks, trunk))
    if (missing !== undefined) {
      return { code: 'MissingTrunk', message: `Route '${name}' has no trunk '${missing}'.` }
    }
    if (new Set(wanted).size < wanted.length) {
      return { code: 'DuplicatedRoutingTrunk', message: `Route '${name}' has a trunk twice.` }
    }
  }
  return undefined
}

/** A trunk that a call goes by. */
export interface TrunkAddress {
  readonly host: string
  readonly port: number
}

/**
 * The trunks for a number, in the order in which they are tried: those of the first route whose
 * pattern fits. Empty: no route does, or it has none.
 */
export function trunksFor(
  { trunks, routes }: SipConfiguration,
  number: string,
): readonly TrunkAddress[] {
  const route = routes.find(({ numberPattern }) => {
    const parsed = parseNumberPattern(numberPattern)
    return parsed.ok && parsed.value(number)
  })
  return (route?.trunks ?? []).flatMap((host) => {
    const port = trunks[host]?.sipSignalingPort
    return port === undefined ? [] : [{ host, port }]
  })
}

/**
 * Whether a call that a trunk has not taken is tried by the next one: the trunk is down or has no
 * line, rather than the phone busy or not there.
 *
 * @param code - of SIP; `undefined`: no answer at all.
 * @source RFC 3261 section 21: 408 and 5xx are of the server that was asked.
 */
export function isTrunkFailure(code: number | undefined): boolean {
  return code === undefined || code === 408 || (code >= 500 && code < 600)
}
