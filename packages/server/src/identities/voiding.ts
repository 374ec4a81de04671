import { fail, ok, parseIdentityName, type Result, type RevocationEvent } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { ResourceCaller } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import { type Confirmation, type Feed, Unconfirmed } from '../events/feed.ts'
import { createGather } from '../foundation/gather.ts'

/** What voiding the tokens of identities needs. */
export interface VoidingRoom {
  readonly db: Database
  readonly feed: Feed
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

/** One statement that voids the tokens of identities; an event for each identity that existed. */
export type VoidingStatement = (
  db: Database,
  resourceId: string,
  voided: { readonly identityIds: readonly string[]; readonly atMs: number },
) => Promise<readonly RevocationEvent[]>

/**
 * Voids the tokens of one identity.
 *
 * @faults `identity-not-owned` - of another resource, unknown, deleted, or not a name at all.
 */
export type VoidIdentity = (
  caller: ResourceCaller,
  id: string | undefined,
) => Promise<Result<undefined, Fault>>

/**
 * Creates the walk of a voiding: what is asked in one turn becomes one statement, which commits
 * rows and events together; the events are published; only then is anybody answered.
 *
 * @param options.isOnce - whether the cause can befall an identity only once: of two callers that
 *   delete it at the same time one did, and the other came too late.
 */
export function createVoiding(
  room: VoidingRoom,
  options: { readonly statement: VoidingStatement; readonly isOnce: boolean },
): VoidIdentity {
  const { statement, isOnce } = options
  const gather = createGather<Target, Voided>({
    keyOf: (target) => target.resourceId,
    answerAll: async (resourceId, targets) => {
      const identityIds = [...new Set(targets.map((target) => target.identityId))]
      const events = await statement(room.db, resourceId, { identityIds, atMs: room.now() })
      // The next group leaves meanwhile; each caller waits for the nodes by itself.
      const confirmed = room.feed.publish(events)
      const existing = new Set(events.map((event) => event.subject))
      return targets.map(({ identityId }) => ({
        existed: isOnce ? existing.delete(identityId) : existing.has(identityId),
        confirmed,
        events,
      }))
    },
    asksMax: serverLimits.asksInStatementMax,
    waitingMax: serverLimits.asksWaitingMax,
  })
  // What was done but not confirmed, and cannot be done again: whoever comes again for his answer
  // gets it, instead of being told that there is no such identity.
  const unconfirmed = new Map<string, readonly RevocationEvent[]>()
  const remember = (identityId: string, events: readonly RevocationEvent[]) => {
    const [oldest] = unconfirmed.keys()
    const isFull = unconfirmed.size >= serverLimits.unconfirmedMax
    if (isFull && oldest !== undefined) unconfirmed.delete(oldest)
    unconfirmed.set(identityId, events)
  }
  return async (caller, id) => {
    const name = parseIdentityName(id ?? '')
    if (name?.resourceId !== caller.resourceId) return fail({ kind: 'identity-not-owned' })
    const { existed, confirmed, events } = await gather.ask(name)
    const { identityId } = name
    const pending = existed ? events : unconfirmed.get(identityId)
    if (pending === undefined) return fail({ kind: 'identity-not-owned' })
    try {
      await (existed ? confirmed : room.feed.publish(pending))
    } catch (error) {
      if (isOnce && error instanceof Unconfirmed) remember(identityId, pending)
      throw error
    }
    unconfirmed.delete(identityId)
    return ok(undefined)
  }
}

interface Voided {
  readonly existed: boolean
  /** Settles when every node knows. */
  readonly confirmed: Promise<Confirmation>
  /** Of the whole group. */
  readonly events: readonly RevocationEvent[]
}

interface Target {
  readonly resourceId: string
  readonly identityId: string
}
