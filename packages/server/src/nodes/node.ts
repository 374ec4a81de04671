import { ok, type Result } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import type { Carrier } from '../events/carrier.ts'
import { createFeed, type Feed } from '../events/feed.ts'
import { createTail, type Tail } from '../events/tail.ts'
import type { Log } from '../foundation/log.ts'
import type { Watched } from '../foundation/metrics.ts'
import type { Platform } from '../foundation/platform.ts'
import { systemTimers, type Timers } from '../foundation/timers.ts'
import { type Confirmations, createConfirmations } from './confirmation.ts'
import { createDatabaseClock, type DatabaseClock } from './database-clock.ts'
import { createFollowedLog, type FollowedLog } from './followed-log.ts'
import { createHope } from './hope.ts'
import { createMeasures } from './measures.ts'
import {
  createPace,
  createWatch,
  type Instant,
  isLeaseHeld,
  type LeaseTerms,
  leaseLeftMs,
  leaseTerms,
  type Pace,
  type Watch,
} from './model.ts'
import { createNoticeReader } from './notices.ts'
import type { NodeDatabase, Session, SessionFault } from './port.ts'
import { createReport } from './report.ts'
import { createStay } from './stay.ts'
import { openSessionOf, type TurningActs } from './turning.ts'

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
  /** Of the log that this node follows: the timeline of its database. */
  readonly timeline: () => string
  /** Whether the tables beside that log can confirm something: see `FollowedLog`. */
  readonly isShown: FollowedLog['isShown']
  /** What the last look at the table showed. */
  readonly standing: () => NodeStanding
  /** Calls back with what was told on the channel of the log and is no event. */
  readonly hear: (listener: (text: string) => void) => void
  /** How fast voidings are known here and everywhere, and how this node stands. */
  readonly watched: readonly Watched[]
  /** Accepts nothing any more and leaves, so that nobody waits for it. */
  readonly close: () => Promise<void>
}

/** A node among the others, as it saw them at its last renewal. */
export interface NodeStanding {
  /** Itself among them; 0 without a lease. */
  readonly nodesCount: number
  /** Whether no other joined before it; for moments two nodes, or none, may think so. */
  readonly isEldest: boolean
}

/** What a node is made of. */
export interface NodeOptions {
  readonly database: NodeDatabase
  readonly platform: Platform
  readonly log: Pick<Log, 'warn' | 'error'>
  /** Everything in memory was read after the log had reached this number. */
  readonly startSeq: number
  /** Of the log that this is a number of. Absent: memory is read again before this node joins. */
  readonly timeline?: string
  /** Carries notices beside the database. */
  readonly carrier?: Carrier | undefined
  /** Default: `leaseTerms`. */
  readonly terms?: LeaseTerms
  /** Default: those of this process. */
  readonly timers?: Timers
}

type Mutable<Facts> = { -readonly [Name in keyof Facts]: Facts[Name] }

/** What the parts of a node share. */
interface Life extends Omit<NodeOptions, 'timeline'>, Mutable<NodeStanding> {
  readonly terms: LeaseTerms
  readonly timers: Timers
  readonly tail: Tail
  readonly clock: DatabaseClock
  /** The log that memory was read by. */
  readonly followed: FollowedLog
  session: Session | undefined
  /** The row that is the lease; `undefined` when there is none. */
  nodeId: string | undefined
  /** When the renewal was asked for that gave the lease; `undefined` when none has. */
  leasedAt: Instant | undefined
  readonly listeners: ((text: string) => void)[]
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
  const clock = createDatabaseClock()
  const followed = createFollowedLog(options.timeline ?? '', monotonicNow)
  const life: Life = {
    ...{ ...options, terms, timers, tail, clock, followed, ...noLease },
    listeners: [],
    session: undefined,
    isClosing: false,
  }
  const watch = createWatch(terms.leaseMs)
  const pace = createPace(terms.leaseMs, monotonicNow)
  const confirmations = confirmationsOf(life, watch)
  const isCurrent = () =>
    life.leasedAt !== undefined && isLeaseHeld(life.leasedAt, instantOf(platform), terms)
  const { whenTrue, look } = createHope(isCurrent, timers)
  const measures = createMeasures({ tail, clock, life, leaseLeftMs: leftOf(life), monotonicNow })
  const reading = createHope(() => !tail.isStartingAgain(), timers)
  tail.onApplied(look)
  tail.onApplied(reading.look)
  tail.onApplied(createReport(life))
  options.carrier?.hear(createNoticeReader(life))
  const whenRead = reading.whenTrue
  const round = createRound(life, { watch, pace, confirmations, onLease: look, whenRead })
  const confirm = measures.timed(confirmations.confirm)
  return {
    feed: createFeed({ ...options, tail, isFollowed: followed.has, confirm, now: platform.now }),
    standing: () => life,
    ...{ timeline: followed.timeline, isShown: followed.isShown },
    hear: (listener) => life.listeners.push(listener),
    watched: measures.watched,
    isCurrent,
    whenCurrent: whenTrue,
    async start() {
      const open = () => openSessionOf(life, actsOf(life))
      const first = await open()
      if (!first.ok) return first
      const onSession = () => {
        for (const observed of [watch, clock, pace]) observed.clear()
      }
      const stay = createStay(life, { open, round, onSession })
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

function confirmationsOf(life: Life, watch: Watch): Confirmations {
  const { platform, tail, timers, terms, log, followed } = life
  return createConfirmations({
    session: () => life.session,
    nodeId: () => life.nodeId,
    appliedSeq: tail.appliedSeq,
    ...{ watch, followed },
    monotonicNow: platform.monotonicNow,
    timers,
    leaseMs: terms.leaseMs,
    onFailure: (error) => log.error({ err: error }, 'the table of nodes could not be read'),
    onEnded: (nodeId) => log.warn({ nodeId }, 'a node was silent for a lease and is out'),
  })
}

function actsOf(life: Life): TurningActs {
  return { onNotice: createNoticeReader(life), giveUpLease: () => Object.assign(life, noLease) }
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
    readonly pace: Pace
    readonly confirmations: Confirmations
    readonly onLease: () => void
    /** Waits until nothing is being read again. */
    readonly whenRead: (timeoutMs: number) => Promise<boolean>
  },
): (session: Session) => Promise<void> {
  const { tail, log, terms } = life
  const { monotonicNow } = life.platform
  const { pace } = parts
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
    life.nodesCount = found.nodes.length
    life.isEldest = found.nodes.every((other) => other.nodeId >= nodeId)
    void tail.whenApplied(found.lastSeq).then(() => {
      if (life.nodeId !== nodeId) return
      life.leasedAt = askedAt
      parts.onLease()
    })
    await parts.confirmations.endSilent(session, found.nodes)
    return true
  }
  return async (session) => {
    await askClock(life, session)
    if (tail.isStartingAgain()) tail.reach(0)
    // Not at the next round: what was read makes a node that refuses one that may join.
    if (!(await parts.whenRead(terms.renewalMs))) return
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

/** Tells the time that is left of the lease. */
function leftOf(life: Life): () => number {
  return () =>
    life.leasedAt === undefined
      ? 0
      : leaseLeftMs(life.leasedAt, instantOf(life.platform), life.terms)
}

function instantOf({ now, monotonicNow }: Platform): Instant {
  return { monotonicMs: monotonicNow(), wallMs: now() }
}

/** Asks how late it is there, from time to time. */
async function askClock({ clock, platform }: Life, session: Session): Promise<void> {
  const askedAtMs = platform.monotonicNow()
  if (!clock.isDue(askedAtMs)) return
  const databaseMs = await session.readClock()
  clock.note({ askedAtMs, databaseMs, answeredAtMs: platform.monotonicNow() })
}

const noLease = {
  nodeId: undefined,
  leasedAt: undefined,
  nodesCount: 0,
  isEldest: false,
} as const
