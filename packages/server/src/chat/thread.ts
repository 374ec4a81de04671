/**
 * A thread: a topic, participants, and messages in one order.
 *
 * Its id is opaque to clients and holds the resource and the thread, so an id of another resource
 * is known as such without a look anywhere. It is not secret: who takes part decides, not who knows
 * the id. A thread lives until a participant deletes it, or until its retention policy does; for
 * everybody it is gone in that moment, whatever is still to be purged.
 *
 * Whoever writes to a thread locks its row, and takes ids and sequence numbers there. Thus messages
 * become visible in the order of their ids, and a page that ends at an id never misses one that
 * commits later. Rejected: ids from the clock alone, which two nodes give twice, and a sequence of
 * the database, whose numbers become visible out of order.
 *
 * @source ACS Chat 2025-03-15; real ids are `19:<43 url-safe characters>1@thread.v2`.
 */
import { isGuid } from '@parley/protocol'
import type { FieldFault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'

/** A thread and the resource that it belongs to, both GUIDs. */
export interface ThreadName {
  readonly resourceId: string
  readonly threadId: string
}

const [idStart, idEnd] = ['19:', '1@thread.v2']
const idPattern = /^19:([A-Za-z0-9_-]{43})1@thread\.v2$/

/** The id of a thread on the wire. */
export function printThreadId({ resourceId, threadId }: ThreadName): string {
  const hex = `${resourceId}${threadId}`.replaceAll('-', '')
  return `${idStart}${Buffer.from(hex, 'hex').toString('base64url')}${idEnd}`
}

/** Reads the id of a thread; `undefined` for what is none of ours. */
export function parseThreadId(text: string): ThreadName | undefined {
  const coded = idPattern.exec(text)?.[1]
  if (coded === undefined) return undefined
  const hex = Buffer.from(coded, 'base64url').toString('hex')
  const name = { resourceId: printGuid(hex.slice(0, 32)), threadId: printGuid(hex.slice(32)) }
  const isOurs = isGuid(name.resourceId) && isGuid(name.threadId)
  // 43 characters have two bits more than 32 bytes: only one spelling counts.
  return isOurs && printThreadId(name) === text ? name : undefined
}

function printGuid(hex: string): string {
  const start = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}`
  return `${start}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** A retention policy as it is asked for; which of its fields count, the kind says. */
export interface AskedRetention {
  readonly kind: string
  readonly deleteThreadAfterDays?: number | null
}

/**
 * Decides how long a thread is kept.
 *
 * @returns days after its creation, `null` for ever, or what is wrong with the policy.
 * @source ACS Chat 2025-03-15, `ChatRetentionPolicy`; 30 to 90 days, or none.
 */
export function daysOfRetention(asked: AskedRetention | null | undefined): FieldFault | Days {
  if (asked === undefined || asked === null || asked.kind === 'none') return { days: null }
  const { chatRetentionDaysMin: min, chatRetentionDaysMax: max } = serverLimits
  if (asked.kind !== 'threadCreationDate') {
    return { field: 'retentionPolicy.kind', problem: 'There is no such policy.' }
  }
  const { deleteThreadAfterDays: days } = asked
  const isInRange = typeof days === 'number' && days >= min && days <= max
  if (isInRange) return { days }
  const problem = `Value must be within the [${min}, ${max}] interval.`
  return { field: 'retentionPolicy.deleteThreadAfterDays', problem }
}

/** Days after the creation of a thread that it is deleted; `null`: never. */
export interface Days {
  readonly days: number | null
}

const dayMs = 24 * 60 * 60 * 1000

/** When a thread is due; `null`: never. */
export function dueAtMs(createdAtMs: number, days: number | null): number | null {
  return days === null ? null : createdAtMs + days * dayMs
}

/** Down to a whole second, as the wire tells when threads and messages were made. */
export function wholeSecond(atMs: number): number {
  return Math.floor(atMs / 1000) * 1000
}
