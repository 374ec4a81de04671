/**
 * Which identity of the service belongs to which user of the app.
 *
 * A link says: this user, in this slot, has this identity. A user has at most one identity in each
 * slot, so "the identity of a user" is a row that the database keeps single. The four patterns are
 * two yes-or-no questions about links: may users share an identity, and have users slots beyond
 * the one without a name.
 *
 *                      one slot           named slots
 *   own identities     one-to-one         one-to-many
 *   shared ones        many-to-one        many-to-many
 *
 * Creating at the service and linking in the database cannot be one transaction. So the place is
 * reserved first, by a row with an end; whoever holds the reservation may create; and linking
 * deletes that very reservation in its own transaction. Who finds it gone has lost: somebody
 * waited too long and took over, or the user was forgotten meanwhile. The identity that he made
 * is written down as owing its deletion. Nothing is deleted at the service before a committed row
 * says so, and no row is removed before the service has answered; a crash anywhere leaves a row
 * that the next call or `sweep` finishes.
 *
 * One gap is not ours to close: the service has made an identity and the process dies before it
 * hears of it. Its id is nowhere. Where the service knows `customId` the reservation carries one
 * (random, never the user), and repeating the creation gives the same identity; elsewhere `sweep`
 * reports the reservation as uncertain. Such an identity has no token, no link and no cost.
 *
 * Rejected: holding a transaction open while the service is called (a thousand callers hold a
 * thousand connections, and in SQLite everybody waits); asking first and inserting afterwards, as
 * the sample of Azure does (two requests make two identities).
 */

/** Users to identities, in this order. */
export type Pattern = 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many'

/** What a pattern allows. */
export interface PatternRules {
  /** Whether an identity may have several users. */
  readonly isShared: boolean
  /** Whether a user may have identities in named slots. */
  readonly hasSlots: boolean
}

const rulesOf: Readonly<Record<Pattern, PatternRules>> = {
  'one-to-one': { isShared: false, hasSlots: false },
  'many-to-one': { isShared: true, hasSlots: false },
  'one-to-many': { isShared: false, hasSlots: true },
  'many-to-many': { isShared: true, hasSlots: true },
}

/**
 * What a pattern allows.
 *
 * @throws TypeError for a text that is no pattern.
 */
export function patternRules(pattern: Pattern): PatternRules {
  const rules = rulesOf[pattern]
  if (rules === undefined)
    throw new TypeError(`pattern: expected ${Object.keys(rulesOf).join(' | ')}`)
  return rules
}

/** Where an identity hangs: a user and one of his slots, '' for the one without a name. */
export interface Place {
  readonly user: string
  readonly slot: string
}

/** Longest user id, in UTF-16 units; a key of this length fits every database. */
export const userCharactersMax = 191

const slotPattern = /^[a-z0-9][a-z0-9-]{0,62}$/

/**
 * Checks a user id: 1..191 characters that every database keeps apart.
 *
 * Blanks at either end are refused because MySQL compares without them, control characters and
 * half surrogates because PostgreSQL stores neither: two ids that one database takes for the same
 * would be two people with one identity.
 *
 * @throws TypeError for anything else; the message has no part of the id.
 */
export function checkUser(user: string): string {
  const isText = typeof user === 'string' && user !== '' && user.length <= userCharactersMax
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (!isText || user.trim() !== user || /[\u0000-\u001f\u007f\p{Surrogate}]/u.test(user)) {
    throw new TypeError(`user: expected 1..${userCharactersMax} characters, no blank at the ends`)
  }
  return user
}

/**
 * Checks the slot of a place against the pattern.
 *
 * @throws TypeError for a name that is none, or where the pattern has only the slot without one.
 */
export function checkPlace(pattern: Pattern, user: string, slot = ''): Place {
  const { hasSlots } = patternRules(pattern)
  if (slot !== '' && (!hasSlots || !slotPattern.test(slot))) {
    const expected = hasSlots ? 'a-z, 0-9 and dashes, 1..63' : `none, the pattern is ${pattern}`
    throw new TypeError(`slot: expected ${expected}`)
  }
  return { user: checkUser(user), slot }
}

/**
 * The place of a reservation that no user waits for: a visitor, or what a forgotten user left. No
 * user has an empty id, so it can never be mistaken for somebody's.
 */
export function placeOfNobody(uuid: string): Place {
  return { user: '', slot: `*${uuid}` }
}

/**
 * Checks the text of an identity as far as every service issues them.
 *
 * @throws TypeError for what cannot be the id of a communication user.
 */
export function checkIdentity(identity: string): string {
  if (typeof identity !== 'string' || !/^8:[\w:.-]{1,250}$/.test(identity)) {
    throw new TypeError('identity: expected the id of a communication user, "8:acs:..."')
  }
  return identity
}

const firstRetryMs = 1_000
const lastRetryMs = 3_600_000

/**
 * How long to wait before a debt to the service is tried again: one second, doubled each time, an
 * hour at most.
 *
 * @param attempts - that have failed, from 1.
 */
export function retryAfterMs(attempts: number): number {
  return Math.min(firstRetryMs * 2 ** Math.min(attempts - 1, 30), lastRetryMs)
}
