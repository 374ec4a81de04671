/**
 * Erasing a user: his links go in one transaction that also writes down what the service still has
 * to be told; then it is told. Between the two nothing is issued, because nothing leads from the
 * user to an identity any more. Whoever crashes leaves the rows of his debts; the same call again,
 * or `sweep`, pays them.
 */
import type { MappingContext } from './context.ts'
import { deleteAtService, recordHomeless, revokeAtService } from './creation.ts'
import type { Link } from './links.ts'
import { placeOfNobody } from './model.ts'
import {
  deleteReservationsOf,
  dropIdentity,
  forgetIdentity,
  insertIdentity,
  listDebts,
  lockIdentity,
  type OpenDebt,
  owe,
  postpone,
  reserve,
  settleRevocation,
} from './store.ts'
import type { Db } from './tables.ts'
import { inTransaction } from './transactions.ts'

/** What became of a user's identities. */
export interface ErasureReceipt {
  readonly user: string
  /** When the user's links were gone, milliseconds since the Unix epoch. */
  readonly unlinkedAtMs: number
  /** Identities that were his alone and that the service has deleted, with all their data. */
  readonly deleted: readonly string[]
  /** Identities that others use too: unlinked from him, and all their tokens revoked. */
  readonly unlinked: readonly string[]
  /** Of both, what the service could not be told yet; `sweep` goes on trying. */
  readonly pending: readonly string[]
  /** Whether nothing is pending. */
  readonly isComplete: boolean
}

/** Erases a user. Again, it finishes what the first time could not. */
export async function eraseUser(context: MappingContext, user: string): Promise<ErasureReceipt> {
  await recordHomeless(context)
  const unlinkedAtMs = await inTransaction(context, (tx) => unlinkAll(context, tx, user))
  const debts = await listDebts(context.db, { user })
  const [deleted, unlinked, pending]: string[][] = [[], [], []]
  for (const debt of debts) {
    const isPaid = await payDebt(context, debt)
    const list = !isPaid ? pending : debt.owed === 'deletion' ? deleted : unlinked
    list?.push(debt.identity)
  }
  return {
    user,
    unlinkedAtMs,
    deleted: deleted ?? [],
    unlinked: unlinked ?? [],
    pending: pending ?? [],
    isComplete: pending?.length === 0,
  }
}

async function unlinkAll(context: MappingContext, tx: Db, user: string): Promise<number> {
  const { links } = context
  // First: who is creating for him now has either linked already, and is seen below, or finds his
  // reservation gone.
  await dropReservations(context, tx, user)
  const own = await links.ofUser(tx, user, true)
  const identities = [...new Set(own.map(({ identity }) => identity))].sort()
  for (const identity of identities) {
    await leaveIdentity(context, tx, {
      identity,
      leaving: own.filter((link) => link.identity === identity),
      user,
    })
  }
  return context.now()
}

async function dropReservations(context: MappingContext, tx: Db, user: string): Promise<void> {
  const dropped = await deleteReservationsOf(tx, user)
  if (!context.customIds) return
  // The service may have made an identity for one of them already. Under nobody's name the
  // customId stays, and `sweep` asks the service for what it stands for.
  for (const { customId } of dropped) {
    const claimId = context.uuid()
    const claim = { place: placeOfNobody(claimId), claimId, customId }
    await reserve(tx, context.dialect, claim, context.now())
  }
}

/** What leaves an identity. */
export interface Leaving {
  readonly identity: string
  readonly leaving: readonly Link[]
  /** Whose erasure it is, if it is one. */
  readonly user?: string
  /** Whether an identity without links stays. Default false. */
  readonly isKept?: boolean
}

/**
 * Takes links off an identity, and writes down what that means for it: nobody left, it is deleted;
 * somebody left, its tokens are revoked, since the one who goes may hold some.
 *
 * @returns false when none of the links was there.
 */
export async function leaveIdentity(
  context: MappingContext,
  tx: Db,
  asked: Leaving,
): Promise<boolean> {
  const { links, dialect } = context
  const { identity, user, isKept = false } = asked
  const nowMs = context.now()
  // Links that the app brought along from elsewhere may have no row yet; it is what is locked.
  const made = { identity, owed: 'nothing', mark: context.uuid(), nowMs } as const
  await insertIdentity(tx, dialect, made)
  await lockIdentity(tx, dialect, identity)
  let deletedCount = 0
  for (const link of asked.leaving) if (await links.delete(tx, link)) deletedCount += 1
  if (deletedCount === 0) {
    await dropIdentity(tx, identity, made.mark)
    return false
  }
  const isAlone = (await links.toIdentity(tx, identity, 1)).length === 0
  const owed = isAlone && !isKept ? 'deletion' : 'revocation'
  const debt = { owed, mark: context.uuid(), nowMs } as const
  await owe(tx, identity, user === undefined ? debt : { ...debt, user })
  return true
}

/**
 * Does at the service what is owed there.
 *
 * @returns false when the service could not be reached or refused; the debt is put off.
 */
export async function payDebt(context: MappingContext, debt: OpenDebt): Promise<boolean> {
  const { db } = context
  try {
    if (debt.owed === 'deletion') await deleteAtService(context, debt.identity)
    else await revokeAtService(context, debt.identity)
    await context.onVoided(debt.identity)
  } catch {
    // Whatever it was, the row stays and is tried again; `attempts` tells how often.
    await postpone(db, debt, context.now())
    return false
  }
  if (debt.owed === 'deletion') await forgetIdentity(db, debt.identity)
  else await settleRevocation(db, debt)
  return true
}

/** Does at the service what is owed about one identity; false when some of it was put off. */
export async function payDebtsOf(context: MappingContext, identity: string): Promise<boolean> {
  let isPaid = true
  for (const debt of await listDebts(context.db, { identity })) {
    isPaid = (await payDebt(context, debt)) && isPaid
  }
  return isPaid
}
