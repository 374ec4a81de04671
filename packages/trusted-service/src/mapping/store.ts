import { insertIfAbsent } from './links.ts'
import { type Place, retryAfterMs } from './model.ts'
import type { Db, Dialect, IdentityRow, Owed } from './tables.ts'

/** A reservation that somebody holds. */
export interface Claim {
  readonly place: Place
  /** Names the holder; whoever takes over gives it another name. */
  readonly claimId: string
  /** Stays the same from holder to holder, so that creating can be repeated. */
  readonly customId: string
}

/** A reservation as it stands in the database. */
export interface StandingClaim extends Claim {
  readonly claimedUntilMs: number
}

/**
 * Reserves a place unless it is reserved already, and says whose it is now. The row stays locked
 * until the transaction is over.
 *
 * @returns `undefined` when a reservation stood in the way and was given up in the same moment.
 */
export async function reserve(
  db: Db,
  dialect: Dialect,
  claim: Claim,
  untilMs: number,
): Promise<StandingClaim | undefined> {
  const { place, claimId, customId } = claim
  await insertIfAbsent(db, dialect, 'parley_reservation', {
    user_id: place.user,
    slot: place.slot,
    claim_id: claimId,
    custom_id: customId,
    claimed_until_ms: untilMs,
  })
  const query = db
    .selectFrom('parley_reservation')
    .select(['claim_id', 'custom_id', 'claimed_until_ms'])
    .where('user_id', '=', place.user)
    .where('slot', '=', place.slot)
  const row = await (dialect === 'sqlite' ? query : query.forUpdate()).executeTakeFirst()
  if (row === undefined) return undefined
  return {
    place,
    claimId: row.claim_id,
    customId: row.custom_id,
    claimedUntilMs: Number(row.claimed_until_ms),
  }
}

/** Takes a reservation over from the holder that it was read with; false when he is not it. */
export async function takeOver(
  db: Db,
  from: Claim,
  to: { readonly claimId: string; readonly untilMs: number },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('parley_reservation')
    .set({ claim_id: to.claimId, claimed_until_ms: to.untilMs })
    .where('user_id', '=', from.place.user)
    .where('slot', '=', from.place.slot)
    .where('claim_id', '=', from.claimId)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Gives a reservation up; false when it is not the holder's any more. */
export async function release(db: Db, { place, claimId }: Claim): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('parley_reservation')
    .where('user_id', '=', place.user)
    .where('slot', '=', place.slot)
    .where('claim_id', '=', claimId)
    .executeTakeFirst()
  return numDeletedRows > 0n
}

/** Takes all reservations of a user away from their holders, and says what they were. */
export async function deleteReservationsOf(db: Db, user: string): Promise<readonly Claim[]> {
  const rows = await db
    .selectFrom('parley_reservation')
    .select(['slot', 'claim_id', 'custom_id'])
    .where('user_id', '=', user)
    .execute()
  const taken: Claim[] = []
  for (const row of rows) {
    const place = { user, slot: row.slot }
    const claim = { place, claimId: row.claim_id, customId: row.custom_id }
    if (await release(db, claim)) taken.push(claim)
  }
  return taken
}

/** Lists reservations whose holders have let them run out. */
export async function listAbandoned(
  db: Db,
  beforeMs: number,
  count: number,
): Promise<readonly Claim[]> {
  const rows = await db
    .selectFrom('parley_reservation')
    .select(['user_id', 'slot', 'claim_id', 'custom_id'])
    .where('claimed_until_ms', '<', beforeMs)
    .orderBy('claimed_until_ms')
    .limit(count)
    .execute()
  return rows.map((row) => ({
    place: { user: row.user_id, slot: row.slot },
    claimId: row.claim_id,
    customId: row.custom_id,
  }))
}

/** An identity to write down. */
export interface NewIdentity {
  readonly identity: string
  readonly owed: Owed
  readonly mark: string
  readonly nowMs: number
  readonly visitorUntilMs?: number
}

/** Writes an identity down unless it is known. */
export async function insertIdentity(db: Db, dialect: Dialect, made: NewIdentity): Promise<void> {
  await insertIfAbsent(db, dialect, 'parley_identity', {
    identity_id: made.identity,
    owed: made.owed,
    owed_mark: made.mark,
    owed_by: null,
    attempts: 0,
    due_at_ms: made.nowMs,
    visitor_until_ms: made.visitorUntilMs ?? null,
    created_at_ms: made.nowMs,
  })
}

/** Reads an identity and keeps others from changing it or its links until the end. */
export async function lockIdentity(
  db: Db,
  dialect: Dialect,
  identity: string,
): Promise<IdentityRow | undefined> {
  const query = db.selectFrom('parley_identity').selectAll().where('identity_id', '=', identity)
  return (dialect === 'sqlite' ? query : query.forUpdate()).executeTakeFirst()
}

/** Reads an identity. */
export function findIdentityRow(db: Db, identity: string): Promise<IdentityRow | undefined> {
  return db
    .selectFrom('parley_identity')
    .selectAll()
    .where('identity_id', '=', identity)
    .executeTakeFirst()
}

/** Something to be done at the service about an identity. */
export interface Debt {
  readonly owed: Exclude<Owed, 'nothing'>
  readonly mark: string
  readonly nowMs: number
  /** The user whose erasure it is part of. */
  readonly user?: string
}

/** Writes a debt down. A deletion stays one: nothing that comes later is less. */
export async function owe(db: Db, identity: string, debt: Debt): Promise<void> {
  await db
    .updateTable('parley_identity')
    .set({
      owed: debt.owed,
      owed_mark: debt.mark,
      owed_by: debt.user ?? null,
      attempts: 0,
      due_at_ms: debt.nowMs,
      visitor_until_ms: null,
    })
    .where('identity_id', '=', identity)
    .where('owed', '!=', 'deletion')
    .execute()
}

/** What is owed now. */
export interface OpenDebt {
  readonly identity: string
  readonly owed: Owed
  readonly mark: string
  readonly attempts: number
}

/** Lists debts: of one identity, of a user's erasure, or those that are due. */
export async function listDebts(
  db: Db,
  which:
    | { readonly identity: string }
    | { readonly user: string }
    | { readonly dueMs: number; readonly count: number },
): Promise<readonly OpenDebt[]> {
  const query = db
    .selectFrom('parley_identity')
    .select(['identity_id', 'owed', 'owed_mark', 'attempts'])
    .where('owed', '!=', 'nothing')
  const chosen =
    'identity' in which
      ? query.where('identity_id', '=', which.identity)
      : 'user' in which
        ? query.where('owed_by', '=', which.user).orderBy('identity_id')
        : query.where('due_at_ms', '<=', which.dueMs).orderBy('due_at_ms').limit(which.count)
  const rows = await chosen.execute()
  return rows.map((row) => ({
    identity: row.identity_id,
    owed: row.owed,
    mark: row.owed_mark,
    attempts: Number(row.attempts),
  }))
}

/** Strikes a deletion out: the identity is not there any more, and nothing of it stays here. */
export async function forgetIdentity(db: Db, identity: string): Promise<void> {
  await db
    .deleteFrom('parley_identity')
    .where('identity_id', '=', identity)
    .where('owed', '=', 'deletion')
    .execute()
}

/** Strikes a revocation out, unless another one is owed since. */
export async function settleRevocation(db: Db, debt: OpenDebt): Promise<void> {
  await db
    .updateTable('parley_identity')
    .set({ owed: 'nothing', owed_by: null })
    .where('identity_id', '=', debt.identity)
    .where('owed', '=', 'revocation')
    .where('owed_mark', '=', debt.mark)
    .execute()
}

/** Puts a debt off after a failure. */
export async function postpone(db: Db, debt: OpenDebt, nowMs: number): Promise<void> {
  const attempts = debt.attempts + 1
  await db
    .updateTable('parley_identity')
    .set({ attempts, due_at_ms: nowMs + retryAfterMs(attempts) })
    .where('identity_id', '=', debt.identity)
    .where('owed_mark', '=', debt.mark)
    .execute()
}

/** Lists visitors whose time is over, the longest over first. */
export async function listExpiredVisitors(
  db: Db,
  nowMs: number,
  count: number,
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('parley_identity')
    .select('identity_id')
    .where('visitor_until_ms', '<=', nowMs)
    .where('owed', '=', 'nothing')
    .orderBy('visitor_until_ms')
    .limit(count)
    .execute()
  return rows.map((row) => row.identity_id)
}

/** Takes back an identity that was written down a moment ago, and by nobody else since. */
export async function dropIdentity(db: Db, identity: string, mark: string): Promise<void> {
  await db
    .deleteFrom('parley_identity')
    .where('identity_id', '=', identity)
    .where('owed_mark', '=', mark)
    .execute()
}

/** Makes a visitor's identity one that stays. */
export async function keepIdentity(db: Db, identity: string): Promise<void> {
  await db
    .updateTable('parley_identity')
    .set({ visitor_until_ms: null })
    .where('identity_id', '=', identity)
    .execute()
}

/** Lists identities by name, `count` of them after a given one. */
export async function pageIdentities(
  db: Db,
  after: string,
  count: number,
): Promise<readonly IdentityRow[]> {
  return db
    .selectFrom('parley_identity')
    .selectAll()
    .where('identity_id', '>', after)
    .orderBy('identity_id')
    .limit(count)
    .execute()
}

/** Says which of some identities are written down. */
export async function recordedAmong(
  db: Db,
  identities: readonly string[],
): Promise<ReadonlySet<string>> {
  if (identities.length === 0) return new Set()
  const rows = await db
    .selectFrom('parley_identity')
    .select('identity_id')
    .where('identity_id', 'in', identities)
    .execute()
  return new Set(rows.map((row) => row.identity_id))
}

/** Says whether anybody is creating an identity, or has died doing so. */
export async function isAnyReserved(db: Db): Promise<boolean> {
  const row = await db.selectFrom('parley_reservation').select('slot').limit(1).executeTakeFirst()
  return row !== undefined
}

/** Says whether a reservation stands by whose customId the service can be asked again. */
export async function isCustomIdReserved(db: Db, customId: string): Promise<boolean> {
  const row = await db
    .selectFrom('parley_reservation')
    .select('slot')
    .where('custom_id', '=', customId)
    .executeTakeFirst()
  return row !== undefined
}
