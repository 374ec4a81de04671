/**
 * The token endpoint: the one door through which a browser gets a token.
 *
 * It decides five things, in this order, and the first that fails is the answer: does the request
 * come from a page that may ask (origin), does its address ask too often, who is it (the app
 * says), does that user ask too often, and what is he given (the policy says). What nobody decided
 * is not given: without a policy a user may join and not start or administer, for an hour.
 *
 * Browsers send cookies along with requests that other pages cause. So a request counts only if
 * the browser itself vouches for the page (`Sec-Fetch-Site`, `Origin`), or if it carries something
 * that no foreign page can add without being asked first (a bearer token, a header of our own).
 * A token of the form `csrf=...` would do the same and would have to be kept somewhere.
 *
 * After a token was issued the link is looked up once more. If the user was forgotten in between
 * he is not handed the token; and if he is forgotten later, revoking or deleting comes later than
 * the token and voids it.
 */
import { isScope, limits, type Scope } from '@parley/protocol'

/** Who asks, as the app has found out. */
export type Caller =
  /** One of the app's users. */
  | { readonly kind: 'user'; readonly user: string }
  /**
   * A visitor, whose identity (`mapping.createVisitor`) the app keeps in the session of his visit.
   * Others in a chat see that identity: it must come from where the browser cannot write.
   */
  | { readonly kind: 'visitor'; readonly identity: string }

/** What a caller is given. */
export interface TokenPolicy {
  readonly scopes: readonly Scope[]
  /** Whole minutes, 60..1440. Default 60. */
  readonly lifetimeMinutes?: number
  /** Which of a user's identities, for patterns with slots. Default the one without a name. */
  readonly slot?: string
}

/** A policy with every default in its place. */
export interface CheckedPolicy {
  readonly scopes: readonly Scope[]
  readonly lifetimeMinutes: number
  readonly slot: string
}

/** What a user is given when nobody said anything else: the least that lets him take part. */
export const leastPolicy: TokenPolicy = { scopes: ['chat.join.limited', 'voip.join'] }

/**
 * Checks what the app's policy has decided.
 *
 * @throws TypeError for scopes or lifetimes that no token can have: a mistake in the policy, which
 * must not end in a token of another kind than was meant.
 */
export function checkPolicy(policy: TokenPolicy): CheckedPolicy {
  const { scopes, lifetimeMinutes = limits.lifetimeMinutesMin, slot = '' } = policy
  const { lifetimeMinutesMin: min, lifetimeMinutesMax: max } = limits
  if (scopes.length === 0 || !scopes.every(isScope)) {
    throw new TypeError('policy: expected one scope or more')
  }
  if (!Number.isInteger(lifetimeMinutes) || lifetimeMinutes < min || lifetimeMinutes > max) {
    throw new TypeError(`policy: expected a lifetime of ${min}..${max} minutes`)
  }
  return { scopes, lifetimeMinutes, slot }
}

/** Where a request comes from, as its headers say. */
export interface OriginFacts {
  readonly origin: string | undefined
  /** `Sec-Fetch-Site`, written by browsers alone. */
  readonly fetchSite: string | undefined
  readonly hasBearer: boolean
  /** Whether the header `x-parley-request` is there. */
  readonly hasOwnHeader: boolean
}

/** Whether a page may ask. */
export type OriginVerdict =
  /** The app's own page, or no page at all. */
  | { readonly kind: 'own' }
  /** A page of another origin that the app has named; it is told so by CORS. */
  | { readonly kind: 'named'; readonly origin: string }
  | { readonly kind: 'foreign' }

/**
 * Decides whether the page behind a request may ask.
 *
 * @param rules.own - the app's own origin.
 * @param rules.named - origins of other pages that may ask, written exactly as browsers send them.
 * @source Fetch Metadata Request Headers, section 2.2; RFC 6454 section 7.
 */
export function judgeOrigin(
  facts: OriginFacts,
  rules: { readonly own: string; readonly named: readonly string[] },
): OriginVerdict {
  const { origin, fetchSite } = facts
  if (origin !== undefined && rules.named.includes(origin)) return { kind: 'named', origin }
  switch (fetchSite) {
    case 'same-origin':
      return { kind: 'own' }
    // A neighbour on the same site is another program by other people.
    case 'same-site':
    case 'cross-site':
      return { kind: 'foreign' }
  }
  if (origin !== undefined) return { kind: origin === rules.own ? 'own' : 'foreign' }
  // No browser of today, or an address that was typed in: only who adds a header on purpose.
  return { kind: facts.hasBearer || facts.hasOwnHeader ? 'own' : 'foreign' }
}

/**
 * The part of an address that is counted: all of IPv4, of IPv6 the 64 bits that one household has.
 */
export function countedAddress(address: string): string {
  const bare = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (!bare.includes(':')) return bare
  const [head = '', tail] = bare.toLowerCase().split('::')
  const heads = head === '' ? [] : head.split(':')
  const tails = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros =
    tail === undefined ? [] : Array(Math.max(0, 8 - heads.length - tails.length)).fill('0')
  const groups = [...heads, ...zeros, ...tails].slice(0, 4)
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`
}
