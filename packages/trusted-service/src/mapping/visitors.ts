/**
 * Visitors: people the app does not know. Each visit gets an identity of its own, so that nothing
 * ties one visit to the next, and the identity is removed when its time is over.
 */
import type { MappingContext } from './context.ts'
import { create, type IdentityRefusal, recorded, recordLost } from './creation.ts'
import { placeOfNobody } from './model.ts'
import {
  findIdentityRow,
  insertIdentity,
  listExpiredVisitors,
  lockIdentity,
  owe,
  release,
  reserve,
} from './store.ts'
import { inTransaction } from './transactions.ts'

/** A visitor's identity, or why there is none. */
export type VisitorVerdict =
  | { readonly ok: true; readonly identity: string; readonly expiresAtMs: number }
  | IdentityRefusal

const visitMinutesMin = 1
const visitMinutesMax = 60 * 24 * 90

/** Creates an identity that is removed after `lifetimeMinutes`. */
export async function createVisitor(
  context: MappingContext,
  lifetimeMinutes: number,
): Promise<VisitorVerdict> {
  if (!(lifetimeMinutes >= visitMinutesMin && lifetimeMinutes <= visitMinutesMax)) {
    throw new TypeError(`lifetimeMinutes: expected ${visitMinutesMin}..${visitMinutesMax}`)
  }
  const { dialect } = context
  const claimId = context.uuid()
  const claim = { place: placeOfNobody(claimId), claimId, customId: context.uuid() }
  const untilMs = context.now() + context.claimMs
  await inTransaction(context, (tx) => reserve(tx, dialect, claim, untilMs))
  const created = await create(context, claim)
  if (!created.ok) return created
  const { identity } = created
  const nowMs = context.now()
  const expiresAtMs = nowMs + lifetimeMinutes * 60_000
  const isAdopted = await recorded(context, identity, async (tx) => {
    const isMine = await release(tx, claim)
    const made = { identity, mark: context.uuid(), nowMs } as const
    if (isMine) {
      const visitor = { ...made, owed: 'nothing', visitorUntilMs: expiresAtMs } as const
      await insertIdentity(tx, dialect, visitor)
    } else {
      await recordLost(context, tx, claim, identity)
    }
    return isMine
  })
  return isAdopted ? { ok: true, identity, expiresAtMs } : { ok: false, reason: 'busy' }
}

/** When a visitor's identity is removed; `undefined` when it is none, or its time is over. */
export async function findVisitor(
  context: MappingContext,
  identity: string,
): Promise<{ readonly expiresAtMs: number } | undefined> {
  const row = await findIdentityRow(context.db, identity)
  if (row === undefined || row.owed !== 'nothing' || row.visitor_until_ms === null) return undefined
  const expiresAtMs = Number(row.visitor_until_ms)
  return expiresAtMs > context.now() ? { expiresAtMs } : undefined
}

/** Writes down that the identities of past visits go, `count` of them at most. */
export async function expireVisitors(context: MappingContext, count: number): Promise<number> {
  const nowMs = context.now()
  let expiredCount = 0
  for (const identity of await listExpiredVisitors(context.db, nowMs, count)) {
    if (await expireVisitor(context, identity, nowMs)) expiredCount += 1
  }
  return expiredCount
}

/**
 * Writes down that a visitor's identity goes, if it is one whose time is over at `atMs`.
 *
 * @returns whether it was.
 */
export function expireVisitor(
  context: MappingContext,
  identity: string,
  atMs: number,
): Promise<boolean> {
  return inTransaction(context, async (tx) => {
    const row = await lockIdentity(tx, context.dialect, identity)
    // Who signed up meanwhile has taken the identity along, and it is no visitor's any more.
    const untilMs = row?.visitor_until_ms ?? undefined
    if (untilMs === undefined || Number(untilMs) > atMs) return false
    const nowMs = context.now()
    await owe(tx, identity, { owed: 'deletion', mark: context.uuid(), nowMs })
    return true
  })
}
