import { type MappingContext, type MappingOptions, mappingContext } from './context.ts'
import { createFor, type IdentityVerdict, recordHomeless } from './creation.ts'
import { type ExamineOptions, examineMapping, type Finding, repairFinding } from './doctor.ts'
import { type ErasureReceipt, eraseUser, leaveIdentity, payDebtsOf } from './erasure.ts'
import type { Link } from './links.ts'
import { checkIdentity, checkPlace, checkUser, type Place, patternRules } from './model.ts'
import { dropIdentity, insertIdentity, keepIdentity, lockIdentity } from './store.ts'
import { type SweepReport, sweepAll } from './sweep.ts'
import type { Db } from './tables.ts'
import { inTransaction } from './transactions.ts'
import {
  createVisitor,
  expireVisitor,
  expireVisitors,
  findVisitor,
  type VisitorVerdict,
} from './visitors.ts'

/** A link as the app asks for it. */
export interface LinkRequest {
  readonly user: string
  /** Of the patterns with slots; default the one without a name. */
  readonly slot?: string
  readonly identity: string
}

/** Whether a link is there now. */
export type LinkVerdict =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly reason: /** The place has another identity. */
        | 'occupied'
        /** The identity has another user, and the pattern lets it have one only. */
        | 'not-shared'
        /** The identity is about to be deleted. */
        | 'leaving'
        /** The app's users table has no such user. */
        | 'no-user'
    }

/** The identities of an app's users, in the app's own database. */
export interface Mapping {
  /** The user's identity; made now if there is none. However many ask at once, one is made. */
  identityFor(user: string, slot?: string): Promise<IdentityVerdict>
  /** The user's identity if there is one. */
  findIdentity(user: string, slot?: string): Promise<string | undefined>
  /** Links an identity that exists: shared, brought along, or a visitor's who has signed up. */
  link(asked: LinkRequest): Promise<LinkVerdict>
  /**
   * Takes a link away. An identity that has no link left is deleted, unless `isKept`; tokens of
   * one that stays are revoked. False when there was no such link.
   */
  unlink(asked: LinkRequest & { readonly isKept?: boolean }): Promise<boolean>
  /** Everything that a user is linked to, by slot. */
  identitiesOf(user: string): Promise<readonly Link[]>
  /** Everybody who is linked to an identity, the first 1,000 by user id. */
  usersOf(identity: string): Promise<readonly Link[]>
  /** A fresh identity for one visit, removed when it is over: 1..129,600 minutes, default a day. */
  createVisitor(lifetimeMinutes?: number): Promise<VisitorVerdict>
  /** When a visitor's identity is removed; `undefined` when it is none any more. */
  findVisitor(identity: string): Promise<{ readonly expiresAtMs: number } | undefined>
  /**
   * Ends a visit before its time. False when the service could not be told yet; `sweep` goes on
   * trying. For an identity that is no visitor's nothing is done.
   */
  endVisit(identity: string): Promise<boolean>
  /** Deletes the identities of past visits, 1,000 at a time; call it now and then. */
  removeExpiredVisitors(): Promise<SweepReport>
  /** Erases a user: links first, identities second. Repeat it until the receipt is complete. */
  forget(user: string): Promise<ErasureReceipt>
  /** Compares the mapping with the service, and says what does not agree. Changes nothing. */
  examine(options?: ExamineOptions): AsyncIterable<Finding>
  /** Mends one finding, if it is still so; false when it is not, or is for people to decide. */
  repair(finding: Finding): Promise<boolean>
  /** Finishes what a crash or an absent service has left. Call it at start and now and then. */
  sweep(): Promise<SweepReport>
}

const listMax = 1_000
const dayMinutes = 1_440

/**
 * Makes a mapping. It holds no connection and nothing that must be closed.
 *
 * @throws TypeError for options that no correct program passes.
 */
export function createMapping<Tables>(options: MappingOptions<Tables>): Mapping {
  const context = mappingContext(options)
  const { db, links, pattern } = context
  const placeOf = (user: string, slot?: string) => checkPlace(pattern, user, slot)
  const find = async (place: Place) => {
    const found = await links.find(db, place)
    return found.kind === 'linked' ? found.identity : undefined
  }
  const creating = new Map<string, Promise<IdentityVerdict>>()
  return {
    identityFor: async (user, slot) => {
      const place = placeOf(user, slot)
      const identity = await find(place)
      if (identity !== undefined) return { ok: true, identity, isNew: false }
      return createOnce(context, creating, place)
    },
    findIdentity: (user, slot) => find(placeOf(user, slot)),
    link: (asked) => {
      const link = linkOf(context, asked)
      return inTransaction(context, (tx) => linkIn(context, tx, link))
    },
    unlink: (asked) => unlink(context, linkOf(context, asked), asked.isKept ?? false),
    identitiesOf: (user) => links.ofUser(db, checkUser(user)),
    usersOf: (identity) => links.toIdentity(db, checkIdentity(identity), listMax),
    createVisitor: (lifetimeMinutes = dayMinutes) => createVisitor(context, lifetimeMinutes),
    findVisitor: (identity) => findVisitor(context, checkIdentity(identity)),
    endVisit: async (identity) => {
      await expireVisitor(context, checkIdentity(identity), Number.POSITIVE_INFINITY)
      return payDebtsOf(context, identity)
    },
    removeExpiredVisitors: async () => {
      const expired = await expireVisitors(context, listMax)
      const report = await sweepAll(context, listMax)
      return { ...report, expired: expired + report.expired }
    },
    forget: (user) => eraseUser(context, checkUser(user)),
    examine: (asked = {}) => examineMapping(context, asked),
    repair: (finding) => repairFinding(context, finding),
    sweep: () => sweepAll(context, listMax),
  }
}

function linkOf(context: MappingContext, asked: LinkRequest): Link {
  const { user, slot, identity } = asked
  return { ...checkPlace(context.pattern, user, slot), identity: checkIdentity(identity) }
}

/** One creation for all callers of this process; those of others wait at the reservation. */
async function createOnce(
  context: MappingContext,
  creating: Map<string, Promise<IdentityVerdict>>,
  place: Place,
): Promise<IdentityVerdict> {
  const key = `${place.slot}/${place.user}`
  const running = creating.get(key)
  if (running !== undefined) {
    const verdict = await running
    return verdict.ok ? { ...verdict, isNew: false } : verdict
  }
  const started = recordHomeless(context).then(() => createFor(context, place))
  creating.set(key, started)
  try {
    return await started
  } finally {
    creating.delete(key)
  }
}

async function linkIn(context: MappingContext, tx: Db, link: Link): Promise<LinkVerdict> {
  const { dialect } = context
  const { identity } = link
  const nowMs = context.now()
  const made = { identity, owed: 'nothing', mark: context.uuid(), nowMs } as const
  await insertIdentity(tx, dialect, made)
  const row = await lockIdentity(tx, dialect, identity)
  if (row?.owed === 'deletion') return { ok: false, reason: 'leaving' }
  const verdict = await linkLocked(context, tx, link)
  if (verdict.ok) await keepIdentity(tx, identity)
  else await dropIdentity(tx, identity, made.mark)
  return verdict
}

async function linkLocked(context: MappingContext, tx: Db, link: Link): Promise<LinkVerdict> {
  const { links, pattern } = context
  const present = await links.toIdentity(tx, link.identity, 2)
  const isElsewhere = present.some(({ user, slot }) => user !== link.user || slot !== link.slot)
  if (isElsewhere && !patternRules(pattern).isShared) return { ok: false, reason: 'not-shared' }
  const found = await links.insert(tx, link, context.now())
  if (found.kind === 'no-user') return { ok: false, reason: 'no-user' }
  const isLinked = found.kind === 'linked' && found.identity === link.identity
  return isLinked ? { ok: true } : { ok: false, reason: 'occupied' }
}

async function unlink(context: MappingContext, link: Link, isKept: boolean): Promise<boolean> {
  const { identity } = link
  const wasThere = await inTransaction(context, (tx) =>
    leaveIdentity(context, tx, { identity, leaving: [link], isKept }),
  )
  if (wasThere) await payDebtsOf(context, identity)
  return wasThere
}
