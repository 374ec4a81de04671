/**
 * Verifiers elsewhere that a voiding waits for, by the rules that hold for nodes (`model.ts`).
 *
 * Such a follower has a row of its own in the database, so it does not matter which server takes
 * its requests, nor whether that server dies: whoever confirms reads the row. It holds a lease on
 * its own clocks, counted from before it asked, and only once it has applied what the answer told
 * of. So a lease under which a cut-off is not known was asked for before that was committed, and
 * a wait later it is over, whatever the table says; the table only makes it shorter.
 *
 * Only cut-offs of its own resource wait for a follower, and at most the longest wait there is.
 */
import { serverLimits } from '../contract/limits.ts'
import { isDatabaseUnavailable } from '../database/availability.ts'
import type { Database, Queries } from '../database/connect.ts'
import { isCutOffEvent, type LogEvent } from '../events/model.ts'
import type { Log } from '../foundation/log.ts'
import type { Platform } from '../foundation/platform.ts'
import { endFollowers, type FollowerRow, listFollowers } from './follower-store.ts'
import type { Node } from './node.ts'

/** A follower's lease times this is waited for: rates of clocks may differ by a quarter. */
const waitFactor = 1.25

/** For how long a follower with such a lease is waited for, in milliseconds. */
export function waitMsFor(leaseMs: number): number {
  return Math.ceil(leaseMs * waitFactor)
}

/** The longest wait that there is for a follower. */
const longestMs = waitMsFor(serverLimits.followerLeaseMsMax)

/** Pauses between looks at the table, in milliseconds; an answer has to cross a network. */
const pausesMs = [0, 0, 1, 1, 2, 2, 4, 8, 15, 25]

/** Waits for followers. */
export interface FollowerWait {
  /** Settles when no follower that is waited for accepts what some events void. */
  readonly confirm: (events: readonly LogEvent[]) => Promise<void>
  /** Takes out the followers that stood still since the last round, and longer than their wait. */
  readonly sweep: () => Promise<void>
}

/** What waiting needs. */
export interface FollowerWaitOptions {
  readonly db: Database
  /**
   * Where the table is looked at: the connection over which this node looks for the others too, so
   * that the two looks of a voiding go there together.
   */
  readonly memory: () => Queries
  /** This server's own clock, milliseconds. */
  readonly monotonicNow: () => number
  readonly log: Pick<Log, 'warn' | 'error'>
  /** Whether rows can confirm what was appended to a log; default: they can. */
  readonly isShown?: Node['isShown']
}

/** One voiding that waits. */
interface Waiter {
  /** The last cut-off by the resource that it is of. */
  readonly seqs: ReadonlyMap<string, number>
  /** Of the log that these are numbers of. */
  readonly timeline: string | undefined
  readonly startedAtMs: number
  /** When the table was first read after the commit. */
  readAtMs: number | undefined
  readonly settle: () => void
}

/** Everybody who waits, and since when rows have stood still. */
interface Room extends FollowerWaitOptions {
  readonly waiting: Set<Waiter>
  readonly seen: Map<string, { readonly renewals: number; readonly sinceMs: number }>
  isLooking: boolean
}

/** Creates the waiting for followers. All who wait look at the table together. */
export function createFollowerWait(options: FollowerWaitOptions): FollowerWait {
  const room: Room = { ...options, waiting: new Set(), seen: new Map(), isLooking: false }
  return {
    confirm(events) {
      const seqs = new Map<string, number>()
      for (const event of events) {
        if (!isCutOffEvent(event)) continue
        seqs.set(event.resourceId, Math.max(event.seq, seqs.get(event.resourceId) ?? 0))
      }
      return seqs.size === 0 ? Promise.resolve() : wait(room, seqs, events[0]?.timeline)
    },
    async sweep() {
      const rows = await listFollowers(room.db)
      const present = new Set(rows.map(({ followerId }) => followerId))
      for (const followerId of room.seen.keys()) {
        if (!present.has(followerId)) room.seen.delete(followerId)
      }
      await endSilent(room, rows, room.monotonicNow())
    },
  }
}

function wait(room: Room, seqs: Waiter['seqs'], timeline: string | undefined): Promise<void> {
  return new Promise((resolve) => {
    const startedAtMs = room.monotonicNow()
    const settle = () => {
      clearTimeout(timer)
      room.waiting.delete(waiter)
      resolve()
    }
    // Whoever has not been asked by then, the database being away, has no lease by then.
    const waitOut = () => {
      const leftMs = startedAtMs + longestMs - room.monotonicNow()
      if (leftMs > 0) timer = setTimeout(waitOut, leftMs)
      else settle()
    }
    let timer = setTimeout(waitOut, longestMs)
    const waiter: Waiter = { seqs, timeline, startedAtMs, readAtMs: undefined, settle }
    room.waiting.add(waiter)
    if (!room.isLooking) void keepLooking(room)
  })
}

/** Not where a promoted standby may lack the row of a follower that still has its lease. */
function isShown({ isShown: isTold }: Room, { timeline }: Waiter): boolean {
  return isTold === undefined || isTold(timeline, longestMs)
}

async function keepLooking(room: Room): Promise<void> {
  room.isLooking = true
  for (let fruitless = 0; room.waiting.size > 0; ) {
    // A look counts for those who were waiting when it was asked for.
    const asked = [...room.waiting].filter((waiter) => isShown(room, waiter))
    const looking = asked.length === 0 ? Promise.resolve(0) : look(room, asked)
    const settledCount = await looking.catch((error: unknown) => {
      const isAway = isDatabaseUnavailable(error)
      if (!isAway) room.log.error({ err: error }, 'the table of followers could not be read')
      return 0
    })
    fruitless = settledCount > 0 ? 0 : fruitless + 1
    const pauseMs = pausesMs[Math.min(fruitless, pausesMs.length - 1)] ?? 0
    if (pauseMs > 0 && room.waiting.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
  room.isLooking = false
}

async function look(room: Room, asked: readonly Waiter[]): Promise<number> {
  const resourceIds = [...new Set(asked.flatMap(({ seqs }) => [...seqs.keys()]))]
  const rows = await listFollowers(room.memory(), resourceIds)
  const nowMs = room.monotonicNow()
  // Before anybody is answered, so that the next voiding does not wait for the same silence.
  await endSilent(room, rows, nowMs)
  let settledCount = 0
  for (const waiter of asked) {
    waiter.readAtMs ??= nowMs
    const { readAtMs } = waiter
    const isAwaited = ({ resourceId, appliedSeq, waitMs }: FollowerRow) =>
      appliedSeq < (waiter.seqs.get(resourceId) ?? 0) && nowMs - readAtMs < waitMs
    if (rows.some(isAwaited) || !isShown(room, waiter)) continue
    waiter.settle()
    settledCount += 1
  }
  return settledCount
}

/** Takes out rows that have stood still for their whole wait; nobody waits for them again. */
async function endSilent(room: Room, rows: readonly FollowerRow[], nowMs: number): Promise<void> {
  const silent = rows.filter(({ followerId, renewals, waitMs }) => {
    const known = room.seen.get(followerId)
    if (known?.renewals === renewals) return nowMs - known.sinceMs >= waitMs
    room.seen.set(followerId, { renewals, sinceMs: nowMs })
    return false
  })
  if (silent.length === 0) return
  const endedCount = await endFollowers(room.db, silent)
  for (const { followerId } of silent) room.seen.delete(followerId)
  if (endedCount > 0)
    room.log.warn({ endedCount }, 'followers were silent and are waited for no more')
}

/** A node whose voidings wait for followers too. */
export function withFollowers(
  node: Node,
  world: Pick<FollowerWaitOptions, 'db' | 'memory'> & {
    readonly platform: Platform
    readonly log: Log
  },
): Node {
  const { log, platform } = world
  const { monotonicNow } = platform
  const followers = createFollowerWait({ ...world, isShown: node.isShown, monotonicNow })
  const sweep = () =>
    followers.sweep().catch((error: unknown) => {
      log.warn({ err: error }, 'silent followers were not looked for')
    })
  let sweeping: ReturnType<typeof setInterval> | undefined
  return {
    ...node,
    feed: {
      ...node.feed,
      async publish(events) {
        const [{ seq }] = await Promise.all([node.feed.publish(events), followers.confirm(events)])
        return { seq, confirmedAtMs: platform.now() }
      },
    },
    start() {
      sweeping = setInterval(sweep, serverLimits.followerRoundIntervalMs).unref()
      return node.start()
    },
    close() {
      clearInterval(sweeping)
      return node.close()
    },
  }
}
