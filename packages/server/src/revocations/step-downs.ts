import { appendAudit } from '../audit/store.ts'
import type { ResourceCaller } from '../contract/operation.ts'
import type { Confirmation } from '../events/feed.ts'
import type { VoidingRoom } from '../identities/voiding.ts'
import { printResourcePath, type Resource } from '../resources/model.ts'
import { type StepDownAim, stepDownsOf } from './step-down-model.ts'
import { takeScopes } from './step-down-store.ts'
import { findIdentityIds } from './target-store.ts'

/** What became of a target. */
export interface StepDownOutcome {
  readonly status: 'narrowed' | 'unknown' | 'invalid'
  /** The last number in the log that this target has; absent where it needed none. */
  readonly seq: number | undefined
}

/** What became of all targets, and when every node knew. */
export interface StepDownOutcomes extends Confirmation {
  /** In the order of the aims. */
  readonly outcomes: readonly StepDownOutcome[]
}

/** A call that steps identities down. */
export interface StepDownCall {
  readonly caller: ResourceCaller
  readonly resource: Resource
  readonly requestId: string
  readonly aims: readonly StepDownAim[]
  readonly operation: string
}

/**
 * Steps identities down, all in one transaction, and answers when every node knows. Repeated, it is
 * written and confirmed anew: what was issued since the first time is narrowed as well.
 */
export async function stepDown(room: VoidingRoom, call: StepDownCall): Promise<StepDownOutcomes> {
  const { caller, resource, requestId, aims, operation } = call
  const { resourceId, actor } = caller
  const identityIds = aims.flatMap((aim) => (aim.kind === 'identity' ? [aim.identityId] : []))
  const { existing, events } = await room.db.begin(async (transaction) => {
    const atMs = room.now()
    // Asked by itself, since all scopes may stay and then nothing is written.
    const existing = await findIdentityIds(transaction, resourceId, [...new Set(identityIds)])
    const stepDowns = stepDownsOf(aims)
    const events = await takeScopes(transaction, resourceId, { stepDowns, atMs })
    const target = printResourcePath(resource)
    const act = { actor, operation, target, resourceId, requestId, atMs }
    // Says that scopes were taken and not from whom: see the essay of `voiding.ts` of identities.
    await appendAudit(transaction, events.length > 0 ? [act] : [])
    return { existing, events }
  })
  const seqs = new Map<string, number>()
  for (const { subject, seq } of events) {
    const identityId = subject.slice(0, subject.lastIndexOf('-'))
    seqs.set(identityId, Math.max(seqs.get(identityId) ?? 0, seq))
  }
  const outcomes = aims.map((aim): StepDownOutcome => {
    if (aim.kind === 'nothing') return { status: aim.status, seq: undefined }
    const seq = seqs.get(aim.identityId)
    // One that was deleted between the two statements has no number, and nothing to take.
    const isThere = seq !== undefined || (aim.takenMask === 0 && existing.has(aim.identityId))
    return { status: isThere ? 'narrowed' : 'unknown', seq }
  })
  return { outcomes, ...(await room.feed.publish(events)) }
}
