import { type CutOff, printIdentityName } from '@parley/protocol'
import { systemNow, systemRandom } from '../platform.ts'
import type { IdentityService } from '../service.ts'
import {
  type CachedToken,
  freshnessOf,
  nameOf,
  refreshInstant,
  type TokenRequest,
} from './model.ts'
import { type CacheSecret, createSealer, type Sealer, tokenNameOf } from './seal.ts'
import { issue, type Token, type TokenSource } from './source.ts'
import type { SealedStore } from './stores.ts'

/** What a cache needs to know. */
export interface TokenCacheOptions {
  readonly service: IdentityService
  readonly store: SealedStore
  /** The first seals, the others still open; to rotate, put a new one in front. */
  readonly secrets: readonly CacheSecret[]
  /** The least rest of life of a token that is handed out, minutes, 1..59. Default 15. */
  readonly restMinutes?: number
  /** How long before that it is replaced early, minutes, at most, 0..720. Default 10. */
  readonly aheadMinutes?: number
  /** Told when replacing early, or the store, has failed: the caller got a token all the same. */
  readonly onFault?: (error: unknown) => void
  /** The wall clock, milliseconds since the Unix epoch. Default: that of the platform. */
  readonly now?: () => number
  /** 0..1, drawn for each token. Default: that of the platform. */
  readonly random?: () => number
}

/** Tokens that are kept, sealed. */
export interface TokenCache extends TokenSource {
  /** Drops all tokens of an identity: it was deleted, or its tokens were revoked. */
  forgetIdentity(identity: string): Promise<void>
  /** Drops one token, by its text. */
  forgetToken(token: string): Promise<void>
  /**
   * Drops what a cut-off of Parley's feed voids. For that of a resource or an access key all is
   * dropped, since the cache knows no keys.
   */
  forget(cutOff: CutOff): Promise<void>
  /** Resolves when nothing is being replaced behind the scenes any more. */
  settled(): Promise<void>
}

interface Cache {
  readonly service: IdentityService
  readonly store: SealedStore
  readonly sealer: Sealer
  readonly restMs: number
  readonly aheadMs: number
  readonly onFault: (error: unknown) => void
  readonly now: () => number
  readonly random: () => number
  readonly lookups: Map<string, Lookup>
  readonly flights: Map<string, Flight>
  /** What is being replaced behind the scenes. */
  readonly behind: Set<Promise<void>>
  /** How many flights have ended. */
  landingCount: number
}

/** A token that is being looked for. */
interface Lookup {
  readonly request: TokenRequest
  readonly promise: Promise<Token>
}

/** A token that is being issued. */
interface Course {
  readonly request: TokenRequest
  /** Set by whoever forgets what may come of it. */
  isForgotten: boolean
}

interface Flight extends Course {
  readonly promise: Promise<CachedToken>
}

const issuesMax = 3

/**
 * Makes a cache of tokens.
 *
 * @throws TypeError for options that no correct program passes.
 */
export function createTokenCache(options: TokenCacheOptions): TokenCache {
  const { restMinutes = 15, aheadMinutes = 10, onFault = () => undefined } = options
  if (!(restMinutes >= 1 && restMinutes <= 59)) throw new TypeError('restMinutes: expected 1..59')
  if (!(aheadMinutes >= 0 && aheadMinutes <= 720)) {
    throw new TypeError('aheadMinutes: expected 0..720')
  }
  const cache: Cache = {
    service: options.service,
    store: options.store,
    sealer: createSealer(options.secrets),
    restMs: restMinutes * 60_000,
    aheadMs: aheadMinutes * 60_000,
    onFault,
    now: options.now ?? systemNow,
    random: options.random ?? systemRandom,
    lookups: new Map(),
    flights: new Map(),
    behind: new Set(),
    landingCount: 0,
  }
  const forgetIdentity = (identity: string) =>
    forget(
      cache,
      (request) => request.identity === identity,
      async () => {
        for (const hash of cache.sealer.identityHashesOf(identity)) {
          await cache.store.deleteIdentity(hash)
        }
      },
    )
  // A token that is still being issued has no name yet that could be compared.
  const forgetNamed = (name: string) =>
    forget(
      cache,
      () => true,
      async () => {
        for (const hash of cache.sealer.tokenHashesOf(name)) await cache.store.deleteToken(hash)
      },
    )
  return {
    tokenFor: async (request) => tokenFor(cache, request),
    forgetIdentity,
    forgetToken: (token) => forgetNamed(tokenNameOf(token)),
    forget: ({ kind, resourceId, subject }) => {
      if (kind === 'token') return forgetNamed(subject)
      if (kind !== 'identity')
        return forget(
          cache,
          () => true,
          () => cache.store.clear(),
        )
      return forgetIdentity(printIdentityName({ resourceId, identityId: subject }))
    },
    settled: async () => {
      while (cache.behind.size > 0) await Promise.all(cache.behind)
    },
  }
}

function tokenFor(cache: Cache, request: TokenRequest): Promise<Token> {
  if (request.scopes.length === 0) throw new TypeError('scopes: expected at least one')
  const name = nameOf(request)
  const running = cache.lookups.get(name)
  if (running !== undefined) return running.promise
  const promise = lookUp(cache, request).finally(() => {
    // Another one stands there when what this one may have read was forgotten meanwhile.
    if (cache.lookups.get(name) === lookup) cache.lookups.delete(name)
  })
  const lookup: Lookup = { request, promise }
  cache.lookups.set(name, lookup)
  return promise
}

/** Reads, and issues where that is not enough. One for all who ask meanwhile. */
async function lookUp(cache: Cache, request: TokenRequest): Promise<Token> {
  const { restMs } = cache
  for (let isRepeated = false; ; isRepeated = true) {
    const { landingCount } = cache
    const found = await read(cache, request)
    const freshness = found && freshnessOf({ token: found, nowMs: cache.now(), restMs })
    if (found !== undefined && freshness === 'fresh') return handOut(found)
    // What was read may be what a token has replaced that came while we were reading.
    if (landingCount !== cache.landingCount && !isRepeated) continue
    if (found === undefined || freshness === 'over') return handOut(await refresh(cache, request))
    // Replaced behind the scenes: the caller has a good token, whatever comes of it.
    const replacing = refresh(cache, request).then(() => undefined, cache.onFault)
    cache.behind.add(replacing)
    replacing.finally(() => cache.behind.delete(replacing))
    return handOut(found)
  }
}

function handOut({ token, expiresAtMs }: CachedToken): Token {
  return { token, expiresAtMs }
}

/** Looks under every secret. */
async function read(cache: Cache, request: TokenRequest): Promise<CachedToken | undefined> {
  const { sealer, store } = cache
  try {
    for (const address of sealer.addressesOf(request)) {
      const sealed = await store.get(address)
      const token = sealed === undefined ? undefined : sealer.open(request, sealed)
      // Not sealed again under the first secret: somebody may be forgetting it at this moment.
      if (token !== undefined) return token
    }
  } catch (error) {
    // A store that is away makes the cache useless, and nothing else: tokens are still issued.
    cache.onFault(error)
  }
  return undefined
}

/** Issues a token once for all who ask for it meanwhile. */
function refresh(cache: Cache, request: TokenRequest): Promise<CachedToken> {
  const name = nameOf(request)
  const running = cache.flights.get(name)
  if (running !== undefined) return running.promise
  const course = { request, isForgotten: false }
  const promise = issueAndKeep(cache, course).finally(() => {
    cache.flights.delete(name)
    cache.landingCount += 1
  })
  cache.flights.set(name, Object.assign(course, { promise }))
  return promise
}

async function issueAndKeep(cache: Cache, course: Course): Promise<CachedToken> {
  for (let issued = 1; ; issued += 1) {
    course.isForgotten = false
    const token = await issueFresh(cache, course.request)
    await keep(cache, course, token)
    // Forgotten on the way: it may be void already, so another one is asked for.
    if (!course.isForgotten || issued === issuesMax) return token
  }
}

async function issueFresh(cache: Cache, request: TokenRequest): Promise<CachedToken> {
  const { token, expiresOn } = await issue(cache.service, request)
  const { restMs, aheadMs } = cache
  const nowMs = cache.now()
  const expiresAtMs = expiresOn.getTime()
  if (!(expiresAtMs - nowMs >= restMs)) {
    throw new Error('the service has issued a token that lives shorter than restMinutes')
  }
  const chance = cache.random()
  const refreshAtMs = refreshInstant({ nowMs, expiresAtMs, restMs, aheadMs, chance })
  return { token, expiresAtMs, refreshAtMs }
}

async function keep(cache: Cache, course: Course, token: CachedToken): Promise<void> {
  const { store, sealer } = cache
  if (course.isForgotten) return
  try {
    const entry = sealer.seal(course.request, token)
    await store.put(entry)
    // Forgotten while it was being written: then nobody knows which of the two came first.
    if (course.isForgotten) await store.deleteToken(entry.tokenHash)
  } catch (error) {
    cache.onFault(error)
  }
}

/** What is under way is told before anything is deleted, so that it does not come back. */
async function forget(
  cache: Cache,
  isMeant: (request: TokenRequest) => boolean,
  act: () => Promise<void>,
): Promise<void> {
  for (const flight of cache.flights.values()) {
    if (isMeant(flight.request)) flight.isForgotten = true
  }
  await act()
  // Who asks from now on does not wait for somebody who has read before.
  for (const [name, { request }] of cache.lookups) if (isMeant(request)) cache.lookups.delete(name)
}
