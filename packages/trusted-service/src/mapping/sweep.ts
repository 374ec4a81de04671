/**
 * What is swept: debts to the service, past visits, and reservations whose holders are gone.
 */
import type { MappingContext } from './context.ts'
import { create, recorded, recordHomeless, recordLost } from './creation.ts'
import { payDebt } from './erasure.ts'
import { type Claim, listAbandoned, listDebts, release, takeOver } from './store.ts'
import { expireVisitors } from './visitors.ts'

/** What a sweep has done and left. */
export interface SweepReport {
  /** Identities deleted at the service. */
  readonly deleted: number
  /** Identities whose tokens were revoked. */
  readonly revoked: number
  /** Visits that were over. */
  readonly expired: number
  /** Debts that the service did not take; they are tried again, later each time. */
  readonly failed: number
  /**
   * Reservations whose holder died while the service may have been creating, and without a
   * `customId` to ask it by: each may have left an identity that nobody knows.
   */
  readonly uncertain: number
}

const sideBySide = 4

/**
 * Sweeps `count` of each at most. Several processes may sweep at once: what two of them do to the
 * same identity at the service is the same as once.
 */
export async function sweepAll(context: MappingContext, count: number): Promise<SweepReport> {
  await recordHomeless(context)
  const expired = await expireVisitors(context, count)
  const uncertain = await resolveAbandoned(context, count)
  const debts = await listDebts(context.db, { dueMs: context.now(), count })
  const done = { deleted: 0, revoked: 0, failed: 0 }
  const waiting = [...debts]
  const work = async () => {
    for (let debt = waiting.pop(); debt !== undefined; debt = waiting.pop()) {
      if (!(await payDebt(context, debt))) done.failed += 1
      else if (debt.owed === 'deletion') done.deleted += 1
      else done.revoked += 1
    }
  }
  await Promise.all(Array.from({ length: sideBySide }, work))
  return { ...done, expired, uncertain }
}

/** Ends reservations that have run out; those that a customId can resolve are resolved. */
async function resolveAbandoned(context: MappingContext, count: number): Promise<number> {
  // Not at once: a call that its caller has given up may still arrive at the service, and would
  // make an identity after we had seen to it that there is none.
  const abandoned = await listAbandoned(context.db, context.now() - context.claimMs, count)
  let uncertain = 0
  for (const claim of abandoned) {
    if (context.customIds) await resolveByCustomId(context, claim)
    else if (await release(context.db, claim)) uncertain += 1
  }
  return uncertain
}

async function resolveByCustomId(context: MappingContext, abandoned: Claim): Promise<void> {
  const { db } = context
  const claim: Claim = { ...abandoned, claimId: context.uuid() }
  const untilMs = context.now() + context.claimMs
  if (!(await takeOver(db, abandoned, { claimId: claim.claimId, untilMs }))) return
  const created = await create(context, claim)
  if (!created.ok) return
  await recorded(context, created.identity, async (tx) => {
    await release(tx, claim)
    await recordLost(context, tx, claim, created.identity)
  })
}
