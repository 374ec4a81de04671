import type { CutOff } from '@parley/protocol'
import { type Authorize, signByAccessKey } from './access-key-signature.ts'
import type { Carrier } from './carrier.ts'
import type { FollowFetch } from './follow-fetch.ts'
import type { Jwks } from './keys.ts'
import { systemFetch, systemMonotonicNow, systemNow, systemRandom } from './platform.ts'
import { safeUrl } from './safe-url.ts'
import type { CutOffSnapshot } from './snapshot.ts'

/** A verifier as far as following concerns it; both entries make such. */
export interface FollowingVerifier {
  replaceKeys(keys: Jwks): void
  apply(cutOff: CutOff): void
  trustUntil(atMs: number, monotonicMs?: number): void
  beginSnapshot(): CutOffSnapshot
}

/** What is followed, for which verifier, and how strictly. */
export interface FollowOptions {
  /** Is told of everything that is heard; its cut-offs become those of this one server. */
  readonly verifier: FollowingVerifier
  /** Origin of the server, as in the connection string; http on loopback hosts only. */
  readonly endpoint: string
  /**
   * A credential of a verifier, `parley_verifier_...`: it can follow and nothing else. This,
   * `accessKey` or `authorize` is needed.
   */
  readonly credential?: string
  /** An access key of the resource, base64. */
  readonly accessKey?: string
  /** Gives the headers of each request instead, for example `authorization: Bearer ...`. */
  readonly authorize?: Authorize
  /**
   * How long what was last heard counts, in milliseconds, 1,000..3,600,000; default 1,000. It is
   * reckoned from when it was true at the server, so that a slow line does not lengthen it.
   */
  readonly maxStalenessMs?: number
  /** Whether tokens are refused (`stale`) while the server is not heard; default `refuse`. */
  readonly whenStale?: 'refuse' | 'allow'
  /**
   * Whether voidings wait for this verifier: when one was answered, it accepts nothing more that
   * was voided. It then also needs a lease of the server, of `maxStalenessMs` and two seconds at
   * most, and refuses without. Default false. Not together with `whenStale: 'allow'`.
   */
  readonly acknowledge?: boolean
  /**
   * What brings cut-offs too, such as `natsCarrier` of `@parley/verifier/nats`. While it leaves
   * nothing out, the server itself is not listened to; when it does, the server is again.
   */
  readonly carrier?: Carrier
  /** Ends following, as `close` does. */
  readonly signal?: AbortSignal
  /**
   * How to fetch; it must hand over bodies as they come. Default the platform's own. A process that
   * follows hundreds of resources does with less by `nodeFetch` of `@parley/verifier/node-fetch`.
   */
  readonly fetch?: FollowFetch
  /** The wall clock of the verifier, milliseconds. Default: that of the platform. */
  readonly now?: () => number
  /** The verifier's clock that never goes back, milliseconds. Default: that of the platform. */
  readonly monotonicNow?: () => number
  /** Chance, 0..1, for the pauses before it connects again. Default: that of the platform. */
  readonly random?: () => number
}

/** Options with every default in its place. */
export interface FollowSettings {
  readonly verifier: FollowingVerifier
  readonly endpoint: URL
  readonly authorize: Authorize
  readonly maxStalenessMs: number
  readonly refusesWhenStale: boolean
  readonly carrier: Carrier | undefined
  readonly fetch: FollowFetch
  readonly now: () => number
  readonly monotonicNow: () => number
  readonly random: () => number
}

const stalenessMsMin = 1000
const stalenessMsMax = 3_600_000

/**
 * Checks options and fills in the defaults.
 *
 * @throws TypeError for options that no correct program passes; the message names the option.
 */
export function checkFollowOptions(options: FollowOptions): FollowSettings {
  const { verifier, maxStalenessMs = stalenessMsMin, whenStale = 'refuse' } = options
  const { fetch = systemFetch, now = systemNow, random = systemRandom } = options
  const { monotonicNow = systemMonotonicNow, acknowledge = false } = options
  const endpoint = safeUrl(options.endpoint, 'endpoint')
  if (!(maxStalenessMs >= stalenessMsMin && maxStalenessMs <= stalenessMsMax)) {
    throw new TypeError(`maxStalenessMs: expected ${stalenessMsMin}..${stalenessMsMax}`)
  }
  if (whenStale !== 'refuse' && whenStale !== 'allow') {
    throw new TypeError('whenStale: expected refuse or allow')
  }
  if (acknowledge && whenStale === 'allow') {
    throw new TypeError('acknowledge: expected a verifier that refuses when it is stale')
  }
  const authorize = authorizeOf(options, now)
  const refusesWhenStale = whenStale === 'refuse'
  const clocks = { now, monotonicNow }
  const { carrier } = options
  const rest = { maxStalenessMs, refusesWhenStale, carrier, fetch, random }
  return { verifier, endpoint, authorize, ...clocks, ...rest }
}

function authorizeOf(options: FollowOptions, now: () => number): Authorize {
  const { credential, accessKey, authorize } = options
  const given = [credential, accessKey, authorize].filter((one) => one !== undefined)
  if (given.length !== 1) {
    throw new TypeError('credential, accessKey, authorize: expected one of them')
  }
  if (authorize !== undefined) return authorize
  if (accessKey !== undefined) return signByAccessKey(accessKey, now)
  if (typeof credential !== 'string' || !/^parley_verifier_[A-Za-z0-9_-]{86}$/.test(credential)) {
    throw new TypeError('credential: expected parley_verifier_ and 86 characters')
  }
  return () => ({ authorization: `Bearer ${credential}` })
}

const pauseMsFirst = 50
const pauseMsMax = 10_000

/**
 * How long to wait before the next attempt: doubled with each that failed, and spread over the
 * upper half of that, so that the followers of a server that comes back do not come all at once.
 *
 * @param failures - attempts that failed in a row, from 1.
 */
export function pauseMsAfter(failures: number, random: () => number): number {
  const longest = Math.min(pauseMsMax, pauseMsFirst * 2 ** Math.min(failures - 1, 20))
  return (longest / 2) * (1 + random())
}
