/**
 * The identity of a place, made once. Reserve, create, adopt: see `model.ts` for why.
 */
import { meansGone, timed, withCustomId } from '../service.ts'
import type { MappingContext } from './context.ts'
import type { Found } from './links.ts'
import type { Place } from './model.ts'
import {
  type Claim,
  insertIdentity,
  isCustomIdReserved,
  release,
  reserve,
  takeOver,
} from './store.ts'
import type { Db, Owed } from './tables.ts'
import { inTransaction } from './transactions.ts'

/** The identity of a place, or why there is none now. */
export type IdentityVerdict =
  | { readonly ok: true; readonly identity: string; readonly isNew: boolean }
  | IdentityRefusal

/** Why there is no identity. */
export type IdentityRefusal =
  /** The app's users table has no such user. */
  | { readonly ok: false; readonly reason: 'no-user' }
  /** Another process is creating it and takes its time: ask again. */
  | { readonly ok: false; readonly reason: 'busy' }
  /** The service could not be asked, or refused; `error` is what its client threw. */
  | { readonly ok: false; readonly reason: 'service-failed'; readonly error: unknown }

type Reserved =
  | { readonly kind: 'settled'; readonly verdict: IdentityVerdict }
  | { readonly kind: 'mine'; readonly claim: Claim }
  | { readonly kind: 'taken' }

const pauseMs = 50

/** Gives the identity of a place, creating it where there is none. */
export async function createFor(context: MappingContext, place: Place): Promise<IdentityVerdict> {
  // Counted in pauses and not by the clock, which may be set.
  let pausesLeft = Math.ceil((context.claimMs * 2) / pauseMs)
  for (;;) {
    const reserved = await reservePlace(context, place)
    if (reserved.kind === 'settled') return reserved.verdict
    if (reserved.kind === 'taken') {
      pausesLeft -= 1
      if (pausesLeft < 0) return { ok: false, reason: 'busy' }
      await context.sleep(pauseMs * (0.5 + context.random()))
      continue
    }
    const created = await create(context, reserved.claim)
    if (!created.ok) return created
    const adopted = await adopt(context, reserved.claim, created.identity)
    if (adopted !== undefined) return adopted
  }
}

function reservePlace(context: MappingContext, place: Place): Promise<Reserved> {
  const { dialect, links } = context
  const nowMs = context.now()
  const mine: Claim = { place, claimId: context.uuid(), customId: context.uuid() }
  const untilMs = nowMs + context.claimMs
  return inTransaction(context, async (tx): Promise<Reserved> => {
    const standing = await reserve(tx, dialect, mine, untilMs)
    if (standing === undefined) return { kind: 'taken' }
    const isMine = standing.claimId === mine.claimId
    // Looked up after the reservation is ours: linking deletes the reservation in its own
    // transaction, so a link that we might have missed is visible now.
    const found = await links.find(tx, place)
    if (found.kind !== 'free') {
      if (isMine) await release(tx, mine)
      return { kind: 'settled', verdict: verdictOf(found) }
    }
    if (isMine) return { kind: 'mine', claim: mine }
    if (standing.claimedUntilMs > nowMs) return { kind: 'taken' }
    const { claimId } = mine
    if (!(await takeOver(tx, standing, { claimId, untilMs }))) return { kind: 'taken' }
    return { kind: 'mine', claim: { ...standing, claimId } }
  })
}

function verdictOf(found: Exclude<Found, { kind: 'free' }>): IdentityVerdict {
  if (found.kind === 'no-user') return { ok: false, reason: 'no-user' }
  return { ok: true, identity: found.identity, isNew: false }
}

/** Creates an identity at the service under a reservation, which is given up when that fails. */
export async function create(
  context: MappingContext,
  claim: Claim,
): Promise<{ readonly ok: true; readonly identity: string } | IdentityRefusal> {
  const { service, db, customIds } = context
  try {
    const options = customIds ? withCustomId(claim.customId) : timed()
    const { communicationUserId } = await service.createUser(options)
    return { ok: true, identity: communicationUserId }
  } catch (error) {
    // With a customId the next one asks with the same and is given what this call may have made;
    // without there is nothing to keep.
    const { claimId } = claim
    if (customIds) await takeOver(db, claim, { claimId, untilMs: context.now() })
    else await release(db, claim)
    return { ok: false, reason: 'service-failed', error }
  }
}

/** Links a new identity; `undefined` when the reservation was lost, so that all starts again. */
async function adopt(
  context: MappingContext,
  claim: Claim,
  identity: string,
): Promise<IdentityVerdict | undefined> {
  const { dialect, links } = context
  return recorded(context, identity, async (tx) => {
    const nowMs = context.now()
    const write = (owed: Owed) =>
      insertIdentity(tx, dialect, { identity, owed, mark: context.uuid(), nowMs })
    if (!(await release(tx, claim))) {
      await recordLost(context, tx, claim, identity)
      return undefined
    }
    const found = await links.insert(tx, { ...claim.place, identity }, nowMs)
    const isLinked = found.kind === 'linked' && found.identity === identity
    await write(isLinked ? 'nothing' : 'deletion')
    if (isLinked) return { ok: true, identity, isNew: true }
    return found.kind === 'free' ? undefined : verdictOf(found)
  })
}

/**
 * Writes down that an identity goes which was made under a reservation that was lost. Not while
 * another holds the same customId, who has been given this very identity or will be; and what is
 * written down already stays as it is.
 */
export async function recordLost(
  context: MappingContext,
  tx: Db,
  claim: Claim,
  identity: string,
): Promise<void> {
  if (context.customIds && (await isCustomIdReserved(tx, claim.customId))) return
  await insertIdentity(tx, context.dialect, {
    identity,
    owed: 'deletion',
    mark: context.uuid(),
    nowMs: context.now(),
  })
}

/**
 * Runs the transaction that writes a new identity down. When the database fails there, nobody
 * knows whether it had committed, so the identity is neither linked nor deleted on a guess: it is
 * remembered, and `recordHomeless` looks when the database is back.
 */
export async function recorded<Value>(
  context: MappingContext,
  identity: string,
  act: (tx: Db) => Promise<Value>,
): Promise<Value> {
  try {
    return await inTransaction(context, act)
  } catch (error) {
    context.homeless.add(identity)
    throw error
  }
}

/** Writes identities down that a failing database has kept from it: unless known, they go. */
export async function recordHomeless(context: MappingContext): Promise<void> {
  for (const identity of context.homeless) {
    const made = { identity, owed: 'deletion', mark: context.uuid(), nowMs: context.now() } as const
    await insertIdentity(context.db, context.dialect, made)
    context.homeless.delete(identity)
  }
}

/** Deletes an identity at the service; one that is gone already is as good. */
export async function deleteAtService(context: MappingContext, identity: string): Promise<void> {
  try {
    await context.service.deleteUser({ communicationUserId: identity }, timed())
  } catch (error) {
    if (!meansGone(error)) throw error
  }
}

/** Revokes the tokens of an identity; one that is gone has none. */
export async function revokeAtService(context: MappingContext, identity: string): Promise<void> {
  try {
    await context.service.revokeTokens({ communicationUserId: identity }, timed())
  } catch (error) {
    if (!meansGone(error)) throw error
  }
}
