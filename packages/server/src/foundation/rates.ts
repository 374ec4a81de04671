/**
 * How often something may be asked for: the published limits of Azure Communication Services, by
 * the name of what they limit, and the setting that says which of them count here.
 *
 * @source ACS service limits, identity and chat; docs/decisions/0025-rates-and-origins.md
 */
import { fail, ok, type Result } from '@parley/protocol'

/** Among whose requests a limit counts. */
export type RateScope = 'resource' | 'thread' | 'user' | 'user-thread'

/** At most so many requests within any so many seconds. */
export interface RateLimit {
  readonly per: RateScope
  readonly max: number
  readonly seconds: number
}

/** The limits as they are published. */
export const publishedRates = {
  'identity-create': [resource(1000)],
  'identity-create-with-token': [resource(1000)],
  'token-issue': [resource(1000)],
  'identity-delete': [resource(500)],
  'token-revoke': [resource(500)],
  'token-exchange': [resource(500)],
  'chat-thread-create-or-delete': [tenSeconds('user', 10)],
  'chat-thread-update': [tenSeconds('thread', 5)],
  'chat-thread-read': [tenSeconds('user', 50)],
  'chat-participants-change': [tenSeconds('thread', 10), minute('thread', 30)],
  'chat-participants-list': [tenSeconds('user-thread', 10), tenSeconds('thread', 250)],
  'chat-message-read': [tenSeconds('user-thread', 50), tenSeconds('thread', 250)],
  'chat-message-list': [
    tenSeconds('user-thread', 50),
    minute('user-thread', 200),
    tenSeconds('thread', 250),
    minute('thread', 400),
  ],
  'chat-message-write': [tenSeconds('thread', 10), minute('thread', 30)],
  'chat-receipt-send': [tenSeconds('user-thread', 10), minute('user-thread', 30)],
  'chat-receipt-list': [tenSeconds('user-thread', 5), tenSeconds('thread', 100)],
  'chat-typing': [
    tenSeconds('user-thread', 5),
    minute('user-thread', 15),
    tenSeconds('thread', 10),
    minute('thread', 30),
  ],
} as const satisfies Readonly<Record<string, readonly RateLimit[]>>

/** What is limited. */
export type RateName = keyof typeof publishedRates

/** Every name. */
const rateNames = Object.keys(publishedRates) as readonly RateName[]

/** What counts on this server; a name without limits is not limited. */
export type Rates = ReadonlyMap<RateName, readonly RateLimit[]>

function resource(max: number): RateLimit {
  return { per: 'resource', max, seconds: 30 }
}

function tenSeconds(per: RateScope, max: number): RateLimit {
  return { per, max, seconds: 10 }
}

function minute(per: RateScope, max: number): RateLimit {
  return { per, max, seconds: 60 }
}

const form =
  'off, published, a factor such as 2.5, or a JSON object that gives for names of rates "off", ' +
  'a factor, or [{per, max, seconds}, ...]'

/**
 * Reads `PARLEY_RATE_LIMITS`. What a JSON object leaves out is as published.
 *
 * @faults a text: what it must be.
 */
export function parseRates(text: string): Result<Rates, string> {
  if (text === 'off') return ok(new Map())
  if (text === 'published') return ok(ratesBy(() => 1))
  const json = parseJson(text)
  if (isFactor(json)) return ok(ratesBy(() => json))
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return fail(form)
  const terms = new Map(Object.entries(json))
  const isKnown = [...terms].every(
    ([name, term]) => (rateNames as readonly string[]).includes(name) && isTerm(name, term),
  )
  if (!isKnown) return fail(form)
  return ok(ratesBy((name) => (terms.get(name) as Term | undefined) ?? 1))
}

type Term = 'off' | number | readonly RateLimit[]

function ratesBy(termOf: (name: RateName) => Term): Rates {
  const rates = new Map<RateName, readonly RateLimit[]>()
  for (const name of rateNames) {
    const term = termOf(name)
    if (term === 'off') continue
    rates.set(name, typeof term === 'number' ? scaled(publishedRates[name], term) : term)
  }
  return rates
}

/** A limit of none would refuse everybody for ever: one is the least. */
function scaled(limits: readonly RateLimit[], factor: number): readonly RateLimit[] {
  return limits.map((limit) => ({ ...limit, max: Math.max(1, Math.round(limit.max * factor)) }))
}

function isFactor(value: unknown): value is number {
  return typeof value === 'number' && value >= 0.001 && value <= 1_000_000
}

function isTerm(name: string, term: unknown): boolean {
  if (term === 'off' || isFactor(term)) return true
  if (!Array.isArray(term) || term.length === 0 || term.length > limitsMax) return false
  return term.every((limit) => isLimit(name, limit))
}

/** Most limits for one name. */
const limitsMax = 8

function isLimit(name: string, limit: unknown): boolean {
  if (typeof limit !== 'object' || limit === null) return false
  const { per, max, seconds, ...rest } = limit as Readonly<Record<string, unknown>>
  const scopes: readonly unknown[] = name.startsWith('chat-') ? chatScopes : ['resource']
  return (
    Object.keys(rest).length === 0 &&
    scopes.includes(per) &&
    isWhole(max, 1_000_000_000) &&
    isWhole(seconds, 24 * 60 * 60)
  )
}

const chatScopes: readonly RateScope[] = ['resource', 'thread', 'user', 'user-thread']

function isWhole(value: unknown, max: number): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= max
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
