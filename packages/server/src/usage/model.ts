/**
 * Usage is what a resource is charged for: so much of a meter in an hour. A meter counts one thing
 * that a primitive does; identities and access tokens have none, because they cost nothing.
 *
 * Usage is counted in the transaction that stores the thing used, so that the two can never differ:
 * what was not stored was not counted, whatever crashed when. It never says who used it. The hour
 * is that of the stored thing's own instant, and not that of the count, so that anybody can sort
 * the stored things by hour and find the same numbers.
 *
 * Stored things are deleted one day: an identity goes and takes its messages, a thread has had its
 * time. What was used stays used. So each hour has two numbers that only grow, `used` and `purged`,
 * and the invariant of this room is
 *
 *     used - purged = what is stored
 *
 * for every resource that is not deleted, every hour and every meter. `differencesOf` tests it.
 *
 * Rejected: one row for each hour that everybody updates. All senders of a resource would stand in
 * line for that row, from its update to their commit, on every node. Rejected: adding up in memory
 * and writing now and then; a crash would forget, and the bill would differ from what is stored.
 *
 * @source docs/decisions/0024-usage-counted-where-stored.md
 */

/** What is counted, and in what unit. */
export const meterUnits = {
  /** Messages that a participant sent; those of the system are none. */
  'chat-messages-sent': 'messages',
  /** Time that each participant was in a call, added up. */
  'call-participant-seconds': 'seconds',
  /** Time that each phone was in a call, added up. */
  'call-phone-seconds': 'seconds',
} as const

/** What is counted. */
export type Meter = keyof typeof meterUnits

/** Every meter. */
export const meters = Object.keys(meterUnits) as readonly Meter[]

const hourMs = 60 * 60 * 1000

/** The beginning of the hour, in UTC, in which an instant lies; milliseconds since the epoch. */
export function hourOf(atMs: number): number {
  return Math.floor(atMs / hourMs) * hourMs
}
