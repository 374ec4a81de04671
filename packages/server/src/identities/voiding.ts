import { fail, ok, parseIdentityName, type Result, type RevocationEvent } from '@parley/protocol'
import type { AuditAct } from '../audit/model.ts'
import { auditCutOffs } from '../audit/store.ts'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { ResourceCaller } from '../contract/operation.ts'
import type { Database, Queries } from '../database/connect.ts'
import type { Confirmation, Feed } from '../events/feed.ts'
import { type AppendedRow, appendCutOffsWithin, eventAppended } from '../events/store.ts'
import { createGather } from '../foundation/gather.ts'
import { printResourcePath, type Resource } from '../resources/model.ts'

/** What voiding the tokens of identities needs. */
export interface VoidingRoom {
  readonly db: Database
  readonly feed: Feed
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  readonly findResource: (resourceId: string) => Resource | undefined
}

/** The beginning of a statement that voids: members of its `with` that end in `cut_off`. */
export type CutOff = (
  db: Queries,
  resourceId: string,
  identityIds: readonly string[],
) => ReturnType<Queries>

/** A call that voids the tokens of one identity. */
export interface VoidingCall {
  readonly caller: ResourceCaller
  readonly params: Readonly<Record<string, string>>
  readonly requestId: string
}

/**
 * Voids the tokens of the identity that the path of a call names.
 *
 * @param operation - id of the operation, for the audit log.
 * @faults `identity-not-owned` - of another resource, unknown, deleted, or not a name at all.
 */
export type VoidIdentity = (
  call: VoidingCall,
  operation: string,
) => Promise<Result<undefined, Fault>>

/**
 * Creates the walk of a voiding: what is asked in one turn becomes one statement, and so one
 * transaction and one round trip, which commits rows, events and entries of the audit log together;
 * the events are published; only then is anybody answered.
 *
 * The entry says that the tokens of an identity were voided and not of which: ids of identities
 * are people, and people can be forgotten, which an append-only log cannot.
 *
 * @param options.isOnce - whether the cause can befall an identity only once: of two callers that
 *   delete it at the same time one did, and the other came too late.
 */
export function createVoiding(
  room: VoidingRoom,
  options: { readonly cutOff: CutOff; readonly isOnce: boolean },
): VoidIdentity {
  const gather = createGather<Target, Voided>({
    keyOf: (target) => target.resourceId,
    answerAll: async (resourceId, targets) => {
      const resource = room.findResource(resourceId)
      // It was there when the caller was let in: it has been deleted since.
      if (resource === undefined) return targets.map(() => nothingVoided)
      const asked = { ...options, resource, targets, atMs: room.now() }
      const voided = await voidTargets(room.db, asked)
      // The next group leaves meanwhile; each caller waits for the nodes by itself.
      const confirmed = room.feed.publish(voided.events)
      return voided.answers.map((existed) => ({ existed, confirmed }))
    },
    asksMax: serverLimits.asksInStatementMax,
    waitingMax: serverLimits.asksWaitingMax,
  })
  return async ({ caller, params, requestId }, operation) => {
    const name = parseIdentityName(params['id'] ?? '')
    if (name?.resourceId !== caller.resourceId) return fail({ kind: 'identity-not-owned' })
    const asked = { ...name, actor: caller.actor, operation, requestId }
    const { existed, confirmed } = await gather.ask(asked)
    if (!existed) return fail({ kind: 'identity-not-owned' })
    await confirmed
    return ok(undefined)
  }
}

interface Voided {
  readonly existed: boolean
  /** Settles when every node knows. */
  readonly confirmed: Promise<Confirmation>
}

const nothingVoided: Voided = {
  existed: false,
  confirmed: Promise.resolve({ seq: 0, confirmedAtMs: 0 }),
}

interface Target extends Pick<AuditAct, 'actor' | 'operation' | 'requestId'> {
  readonly resourceId: string
  readonly identityId: string
}

async function voidTargets(
  db: Queries,
  asked: {
    readonly cutOff: CutOff
    readonly isOnce: boolean
    readonly resource: Resource
    readonly targets: readonly Target[]
    readonly atMs: number
  },
): Promise<{ readonly events: readonly RevocationEvent[]; readonly answers: readonly boolean[] }> {
  const { cutOff, isOnce, resource, targets, atMs } = asked
  const { resourceId } = resource
  const identityIds = [...new Set(targets.map(({ identityId }) => identityId))]
  const counted = isOnce ? firstOfEach(targets) : new Set(targets)
  const acts = [...counted].map((one) => ({ ...one, subject: one.identityId }))
  const cause = { kind: 'identity', resourceId, atMs } as const
  const target = printResourcePath(resource)
  const rows = await db<AppendedRow[]>`
    with ${cutOff(db, resourceId, identityIds)},
    ${appendCutOffsWithin(db, cause)},
    ${auditCutOffs(db, { target, resourceId, atMs, acts })}
    select appended.*
    from appended
    cross join audited
  `
  const existing = new Set(rows.map(({ subject }) => subject))
  return {
    events: rows.map((row) => eventAppended(row, cause)),
    answers: targets.map((one) => counted.has(one) && existing.has(one.identityId)),
  }
}

/** Of all that name the same identity the first. */
function firstOfEach(targets: readonly Target[]): ReadonlySet<Target> {
  const named = new Set<string>()
  const isFirst = ({ identityId }: Target) => !named.has(identityId) && named.add(identityId)
  return new Set(targets.filter(isFirst))
}
