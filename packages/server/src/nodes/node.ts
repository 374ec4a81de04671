import { setTimeout as delay } from 'node:timers/promises'
import { ok, type Result } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import { isDatabaseUnavailable } from '../database/availability.ts'
import type { Database, DatabaseAddress, Queries } from '../database/connect.ts'
import { createFeed, type Feed } from '../events/feed.ts'
import { parseNotice } from '../events/model.ts'
import { findLastSeq, listEventsAfter } from '../events/store.ts'
import { createTail, type Tail } from '../events/tail.ts'
import type { Log } from '../foundation/log.ts'
import type { Platform } from '../foundation/platform.ts'
import { type Confirmations, createConfirmations } from './confirmation.ts'
import { createHope } from './hope.ts'
import {
  createPace,
  createWatch,
  type Instant,
  isLeaseHeld,
  isSameLog,
  type LeaseTerms,
  leaseTerms,
  type Pace,
  type Watch,
} from './model.ts'
import { createReport } from './report.ts'
import { type Backend, openSession, type Session, type SessionFault } from './session.ts'
import { deleteNode, endBackend, insertNode, renewNode } from './store.ts'

/** This process among those that share a database. */
export interface Node {
  readonly feed: Feed
  /**
   * Where what is kept in memory is read from: the connection by which the lease is held, so that
   * work of others, which may wait for a lock while it has every connection of the pool, cannot
   * keep this node behind the log.
   */
  readonly memory: () => Queries
  /**
   * Whether this node may accept tokens at this moment. Ask right before each verdict, in the same
   * turn: what was true before a pause is not true after it.
   */
  readonly isCurrent: () => boolean
  /** Waits for that, at most so long; what a busy moment or a short cut took comes back. */
  readonly whenCurrent: (timeoutMs: number) => Promise<boolean>
  /**
   * Joins the others. Everything that follows the feed must follow it by now.
   *
   * @faults those of the first session; later ones are opened again and again.
   */
  readonly start: () => Promise<Result<undefined, SessionFault>>
  /** Accepts nothing any more and leaves, so that nobody waits for it. */
  readonly close: () => Promise<void>
}

/** What a node is made of. */
export interface NodeOptions {
  readonly address: DatabaseAddress
  /** The pool, for reading the log. */
  readonly db: Database
  readonly platform: Platform
  readonly log: Log
  /** Everything in memory was read after the log had reached this number. */
  readonly startSeq: number
  /** Of the log that this is a number of. Absent: memory is read again before this node joins. */
  readonly timeline?: string
  /** Default: `leaseTerms`. */
  readonly terms?: LeaseTerms
}

/** Pauses between attempts to open a session, in milliseconds. */
const reconnectPausesMs = [20, 50, 100, 200]

/** What the parts of a node share. */
interface Life extends NodeOptions {
  readonly terms: LeaseTerms
  readonly tail: Tail
  /** Of the log that memory was read by. */
  timeline: string
  /** The pool before the first session; one that has ended refuses, where the pool might hang. */
  memory: Queries
  session: Session | undefined
  /** The row that is the lease; `undefined` when there is none. */
  nodeId: string | undefined
  /** When the renewal was asked for that gave the lease; `undefined` when none has. */
  leasedAt: Instant | undefined
  /** Whether the last look showed no other node, so that nobody waits for this one. */
  isAlone: boolean
  isClosing: boolean
}

/** Creates a node; it accepts nothing before it was started. */
export function createNode(options: NodeOptions): Node {
  const { db, platform, log, terms = leaseTerms } = options
  const { monotonicNow } = platform
  const memory = () => life.memory
  const tail = createTail({
    startSeq: options.startSeq,
    readPage: (afterSeq, eventsMax) => listEventsAfter(memory(), afterSeq, eventsMax),
    onFailure: (error) => log.error({ err: error }, 'events could not be applied; tried again'),
  })
  const life: Life = {
    ...{ timeline: '', ...options, ...noLease, terms, tail },
    ...{ memory: db, session: undefined, isClosing: false },
  }
  const watch = createWatch(terms.leaseMs)
  const pace = createPace(terms.leaseMs, monotonicNow)
  const confirmations = createConfirmations({
    session: () => life.session,
    nodeId: () => life.nodeId,
    appliedSeq: tail.appliedSeq,
    watch,
    monotonicNow,
    leaseMs: terms.leaseMs,
    onFailure: (error) => log.error({ err: error }, 'the table of nodes could not be read'),
    onEnded: (nodeId) => log.warn({ nodeId }, 'a node was silent for a lease and is out'),
  })
  const isCurrent = () =>
    life.leasedAt !== undefined && isLeaseHeld(life.leasedAt, instantOf(platform), terms)
  const { whenTrue, look } = createHope(isCurrent)
  tail.onApplied(look)
  tail.onApplied(createReport(life))
  const round = createRound(life, { watch, pace, confirmations, onLease: look })
  return {
    feed: createFeed({ tail, confirm: confirmations.confirm, now: platform.now }),
    memory,
    isCurrent,
    whenCurrent: whenTrue,
    async start() {
      const first = await openSessionOf(life)
      if (!first.ok) return first
      const onSession = () => {
        watch.clear()
        pace.clear()
      }
      const stay = createStay(life, { round, onSession })
      void stay(first.value)
      const isHere = await whenTrue(serverLimits.joinTimeoutMs)
      if (!isHere) throw new Error('this node could not join the others')
      return ok(undefined)
    },
    async close() {
      life.isClosing = true
      await leave(life)
    },
  }
}

/** Where the database is away, the others find out by themselves. */
async function leave(life: Life): Promise<void> {
  const { session, nodeId } = life
  Object.assign(life, noLease)
  if (session === undefined) return
  const isLeaving = session.isOpen() && nodeId !== undefined
  if (isLeaving) await deleteNode(session.db, nodeId).catch(() => undefined)
  await session.close()
}

/** Renews the lease, or begins another one; learns by the way how far the log reaches. */
function createRound(
  life: Life,
  parts: {
    readonly watch: Watch
    readonly pace: Pace
    readonly confirmations: Confirmations
    readonly onLease: () => void
  },
): (session: Session) => Promise<void> {
  const { tail, log } = life
  const { monotonicNow } = life.platform
  const { pace } = parts
  const learn = (lastSeq: number) => {
    tail.reach(lastSeq)
    pace.note({ lastSeq, appliedSeq: tail.appliedSeq() })
  }
  const renew = async (session: Session, nodeId: string): Promise<boolean> => {
    const askedAt = instantOf(life.platform)
    const found = await renewNode(session.db, { nodeId, appliedSeq: tail.appliedSeq() })
    if (!found.isRenewed) return false
    parts.watch.note(found.nodes, monotonicNow())
    learn(found.lastSeq)
    life.isAlone = found.nodes.length === 1
    void tail.whenApplied(found.lastSeq).then(() => {
      if (life.nodeId !== nodeId) return
      life.leasedAt = askedAt
      parts.onLease()
    })
    await parts.confirmations.endSilent(session, found.nodes)
    return true
  }
  return async (session) => {
    if (tail.isStartingAgain()) {
      tail.reach(0)
      return
    }
    if (pace.isStalled(tail.appliedSeq(), monotonicNow())) {
      learn(await findLastSeq(session.db))
      return
    }
    const { nodeId } = life
    if (nodeId !== undefined) {
      if (await renew(session, nodeId)) return
      log.warn({ nodeId }, 'this node was out; it joins again')
    }
    Object.assign(life, noLease)
    const joined = life.platform.newGuid()
    await insertNode(session.db, { nodeId: joined, appliedSeq: tail.appliedSeq() })
    if (life.isClosing) return
    life.nodeId = joined
    await renew(session, joined)
  }
}

function instantOf({ now, monotonicNow }: Platform): Instant {
  return { monotonicMs: monotonicNow(), wallMs: now() }
}

const noLease = {
  nodeId: undefined,
  leasedAt: undefined,
  isAlone: false,
} as const

/** Opens a session, reads memory by it, and turns to the log that it shows if that is another. */
async function openSessionOf(life: Life): Promise<Result<Session, SessionFault>> {
  const { tail, timeline } = life
  const appliedSeq = tail.appliedSeq()
  const opened = await openSession(life.address, (text) => {
    const batch = parseNotice(text)
    if (batch !== undefined) tail.offer(batch)
  })
  if (!opened.ok) return opened
  const { logEnd, db } = opened.value
  life.memory = db
  if (isSameLog({ timeline, appliedSeq }, logEnd)) return opened
  const told = { formerTimeline: timeline, appliedSeq, ...logEnd }
  life.log.warn(told, 'the log is another one; memory is read again')
  Object.assign(life, noLease)
  life.timeline = logEnd.timeline
  tail.startAgain(logEnd.lastSeq)
  return opened
}

/** Renews until the node is closed, over one session after the other. */
function createStay(
  life: Life,
  acts: {
    readonly round: (session: Session) => Promise<void>
    readonly onSession: () => void
  },
): (first: Session) => Promise<void> {
  const { terms, log } = life
  let left: Backend | undefined
  const renewWhileOpen = async (session: Session) => {
    while (session.isOpen() && !life.isClosing) {
      // Where a connection hangs, the answer would come when nobody can use it any more.
      const hung = setTimeout(() => {
        left = session.backend
        void session.close()
      }, 2 * terms.leaseMs)
      const next = delay(terms.renewalMs)
      try {
        await acts.round(session)
      } catch (error) {
        if (isDatabaseUnavailable(error)) await session.close()
        else log.error({ err: error }, 'a lease could not be renewed')
      }
      clearTimeout(hung)
      await Promise.race([next, session.ended])
    }
  }
  const reopen = async (): Promise<Session | undefined> => {
    for (let attempt = 0; !life.isClosing; attempt++) {
      await delay(reconnectPausesMs[Math.min(attempt, reconnectPausesMs.length - 1)])
      const opened = await openSessionOf(life).catch(() => undefined)
      if (opened?.ok !== true) continue
      if (left !== undefined) await endBackend(opened.value.db, left).catch(() => undefined)
      left = undefined
      return opened.value
    }
    return undefined
  }
  return async (first) => {
    for (let session: Session | undefined = first; session !== undefined; ) {
      life.session = session
      acts.onSession()
      await renewWhileOpen(session)
      await session.close()
      if (life.isClosing) return
      log.warn({}, 'the connection of this node to the database ended; it is opened again')
      life.session = undefined
      session = await reopen()
    }
  }
}
