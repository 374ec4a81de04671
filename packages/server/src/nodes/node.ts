import { ok, type Result } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import { isDatabaseUnavailable } from '../database/availability.ts'
import type { Carrier } from '../events/carrier.ts'
import { createFeed, type Feed } from '../events/feed.ts'
import { parseNotice } from '../events/model.ts'
import { createTail, type Tail } from '../events/tail.ts'
import type { Log } from '../foundation/log.ts'
import type { Platform } from '../foundation/platform.ts'
import { pauseFor, systemTimers, type Timers } from '../foundation/timers.ts'
import { type Confirmations, createConfirmations } from './confirmation.ts'
import { createHope } from './hope.ts'
import {
  createPace,
  createWatch,
  type Instant,
  isLeaseHeld,
  type LeaseTerms,
  leaseTerms,
  type Watch,
} from './model.ts'
import type { NodeDatabase, Session, SessionFault } from './port.ts'

/** This process among those that share a database. */
export interface Node {
  readonly feed: Feed
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
  readonly database: NodeDatabase
  readonly platform: Platform
  readonly log: Pick<Log, 'warn' | 'error'>
  /** Everything in memory was read after the log had reached this number. */
  readonly startSeq: number
  /** Carries notices beside the database. */
  readonly carrier?: Carrier | undefined
  /** Default: `leaseTerms`. */
  readonly terms?: LeaseTerms
  /** Default: those of this process. */
  readonly timers?: Timers
}

/**
 * Pauses between attempts to open a session, in milliseconds. With a longer one at the end, a node
 * would refuse for more than a lease after the database has come back.
 */
const reconnectPausesMs = [20, 50, 100, 200, 400]

/** What the parts of a node share. */
interface Life extends NodeOptions {
  readonly terms: LeaseTerms
  readonly timers: Timers
  readonly tail: Tail
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
  const { platform, log, terms = leaseTerms, timers = systemTimers } = options
  const { monotonicNow } = platform
  const tail = createTail({
    startSeq: options.startSeq,
    readPage: (afterSeq, eventsMax) => sessionOf(life).listEventsAfter(afterSeq, eventsMax),
    onFailure: (error) => log.error({ err: error }, 'events could not be applied; tried again'),
  })
  const life: Life = {
    ...{ ...options, terms, timers, tail, ...noLease },
    session: undefined,
    isClosing: false,
  }
  const watch = createWatch(terms.leaseMs)
  const confirmations = createConfirmations({
    session: () => life.session,
    nodeId: () => life.nodeId,
    appliedSeq: tail.appliedSeq,
    watch,
    monotonicNow,
    timers,
    leaseMs: terms.leaseMs,
    onFailure: (error) => log.error({ err: error }, 'the table of nodes could not be read'),
    onEnded: (nodeId) => log.warn({ nodeId }, 'a node was silent for a lease and is out'),
  })
  const isCurrent = () =>
    life.leasedAt !== undefined && isLeaseHeld(life.leasedAt, instantOf(platform), terms)
  const { whenTrue, look } = createHope(isCurrent, timers)
  tail.onApplied(look)
  tail.onApplied(createReport(life))
  options.carrier?.hear((text) => takeNotice(tail, text))
  const round = createRound(life, { watch, confirmations, onLease: look })
  return {
    feed: createFeed({ ...options, tail, confirm: confirmations.confirm, now: platform.now }),
    isCurrent,
    whenCurrent: whenTrue,
    async start() {
      const first = await openSessionOf(life)
      if (!first.ok) return first
      const stay = createStay(life, { round, onSession: watch.clear })
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

/** The session, which what is read is read over; the next renewal asks for it again. */
function sessionOf({ session }: Life): Session {
  if (session === undefined) throw new Error('this node has no session at the moment')
  return session
}

/** Where the database is away, the others find out by themselves. */
async function leave(life: Life): Promise<void> {
  const { session, nodeId } = life
  Object.assign(life, noLease)
  if (session === undefined) return
  const isLeaving = session.isOpen() && nodeId !== undefined
  if (isLeaving) await session.deleteNode(nodeId).catch(() => undefined)
  await session.close()
}

/** Renews the lease, or begins another one; learns by the way how far the log reaches. */
function createRound(
  life: Life,
  parts: {
    readonly watch: Watch
    readonly confirmations: Confirmations
    readonly onLease: () => void
  },
): (session: Session) => Promise<void> {
  const { tail, log, terms } = life
  const { monotonicNow } = life.platform
  const pace = createPace(terms.leaseMs, monotonicNow)
  const learn = (lastSeq: number) => {
    tail.reach(lastSeq)
    pace.note({ lastSeq, appliedSeq: tail.appliedSeq() })
  }
  const renew = async (session: Session, nodeId: string): Promise<boolean> => {
    const askedAt = instantOf(life.platform)
    const found = await session.renewNode({ nodeId, appliedSeq: tail.appliedSeq() })
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
    if (pace.isStalled(tail.appliedSeq(), monotonicNow())) {
      learn(await session.findLastSeq())
      return
    }
    const { nodeId } = life
    if (nodeId !== undefined) {
      if (await renew(session, nodeId)) return
      log.warn({ nodeId }, 'this node was out; it joins again')
    }
    Object.assign(life, noLease)
    const joined = life.platform.newGuid()
    await session.insertNode({ nodeId: joined, appliedSeq: tail.appliedSeq() })
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

function openSessionOf(life: Life): Promise<Result<Session, SessionFault>> {
  return life.database.openSession((text) => takeNotice(life.tail, text))
}

function takeNotice(tail: Tail, text: string): void {
  const batch = parseNotice(text)
  if (batch !== undefined) tail.offer(batch)
}

/** Renews until the node is closed, over one session after the other. */
function createStay(
  life: Life,
  acts: {
    readonly round: (session: Session) => Promise<void>
    readonly onSession: () => void
  },
): (first: Session) => Promise<void> {
  const { terms, timers, log } = life
  const renewWhileOpen = async (session: Session) => {
    while (session.isOpen() && !life.isClosing) {
      // Where a connection hangs, the answer would come when nobody can use it any more.
      const giveUp = () => void session.close()
      const stopWaiting = timers.callAfter(2 * terms.leaseMs, giveUp)
      const next = pauseFor(timers, terms.renewalMs)
      try {
        await acts.round(session)
      } catch (error) {
        if (isDatabaseUnavailable(error)) await session.close()
        else log.error({ err: error }, 'a lease could not be renewed')
      }
      stopWaiting()
      await Promise.race([next, session.ended])
    }
  }
  const reopen = async (): Promise<Session | undefined> => {
    for (let attempt = 0; !life.isClosing; attempt++) {
      const pauseMs = reconnectPausesMs[Math.min(attempt, reconnectPausesMs.length - 1)]
      await pauseFor(timers, pauseMs ?? 0)
      const opened = await openSessionOf(life).catch(() => undefined)
      if (opened?.ok === true) return opened.value
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

/** Says at once how far this node is, one statement at a time; a renewal makes up for the rest. */
function createReport(life: Life): () => void {
  let isReporting = false
  const report = async () => {
    const { session, nodeId, isAlone } = life
    if (isReporting || session === undefined || nodeId === undefined || isAlone) return
    isReporting = true
    const appliedSeq = life.tail.appliedSeq()
    try {
      await session.reportApplied({ nodeId, appliedSeq })
    } catch {
      // The session is about to be opened anew.
      return
    } finally {
      isReporting = false
    }
    if (life.tail.appliedSeq() > appliedSeq) void report()
  }
  return () => void report()
}
