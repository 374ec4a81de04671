import type { EventBatch, LogEvent } from './model.ts'
import type { LogPage } from './store.ts'

/** Whoever keeps something in memory that events change. */
export interface Follower {
  /**
   * Takes an event into account; a promise holds back what comes after it. Every event comes once
   * and in the order of the log, unless taking one failed: then it comes again, and with it what
   * was read from the log together with it.
   */
  readonly apply: (event: LogEvent) => Promise<void> | undefined
  /**
   * Reads everything again: events were missed for so long that they are forgotten, or the log is
   * another one. What is void stays so.
   */
  readonly reload?: () => Promise<void>
}

/** One process's way through the log: every event, in order, once. */
export interface Tail {
  /** The number up to which every event was applied. */
  readonly appliedSeq: () => number
  /** Hands over what came from a notice, or from a cause of this process. */
  readonly offer: (batch: EventBatch) => void
  /** Tells how far the log reaches; what is missing up to there is read. */
  readonly reach: (lastSeq: number) => void
  /** Settles when everything up to a number was applied. */
  readonly whenApplied: (seq: number) => Promise<void>
  /**
   * Turns to another log, whose numbers may stand for other events: everybody reads again, and
   * follows on from a number that was read before. What fails is tried again at the next `reach`.
   */
  readonly startAgain: (seq: number) => void
  /** Whether that is still to be done. */
  readonly isStartingAgain: () => boolean
  readonly follow: (follower: Follower) => void
  /** Calls back whenever more has been applied. */
  readonly onApplied: (listener: () => void) => void
}

/** What a tail needs. */
export interface TailOptions {
  /** Everything up to this number is known already. */
  readonly startSeq: number
  readonly readPage: (afterSeq: number, eventsMax: number) => Promise<LogPage>
  /** Hears why reading or applying failed; it is tried again at the next `offer` or `reach`. */
  readonly onFailure: (error: unknown) => void
}

const limits = {
  /** Events in one read; more would hold the event loop and much memory. */
  pageEventsMax: 1000,
  /** Events that wait for those before them; beyond this they are read from the log in time. */
  waitingEventsMax: 20_000,
}

interface Waiter {
  readonly seq: number
  readonly resolve: () => void
}

/** Everything that a tail knows of its way. */
interface Way extends Omit<TailOptions, 'startSeq'> {
  readonly followers: Follower[]
  readonly listeners: (() => void)[]
  waiters: Waiter[]
  appliedSeq: number
  /** The highest number that anybody has told of. */
  reachedSeq: number
  /** Batches that came before their time, by the number before their first. */
  readonly early: Map<number, EventBatch>
  earlyEvents: number
  isWorking: boolean
  /** Another log to turn to. */
  restart: { readonly seq: number } | undefined
}

/**
 * Creates a tail.
 *
 * Batches are applied at once where they follow on what was applied. One that comes too early is
 * kept: causes of this process may be told about in another order than they committed in, and the
 * notices close such a gap in a moment. What is missing when a notice or a renewal has told of it
 * is read from the log.
 */
export function createTail({ startSeq, ...options }: TailOptions): Tail {
  const way: Way = {
    ...options,
    followers: [],
    listeners: [],
    waiters: [],
    appliedSeq: startSeq,
    reachedSeq: startSeq,
    early: new Map(),
    earlyEvents: 0,
    isWorking: false,
    restart: undefined,
  }
  return {
    appliedSeq: () => way.appliedSeq,
    offer(batch) {
      keep(way, batch)
      go(way)
    },
    reach(lastSeq) {
      way.reachedSeq = Math.max(way.reachedSeq, lastSeq)
      go(way)
    },
    whenApplied(seq) {
      if (seq <= way.appliedSeq) return Promise.resolve()
      return new Promise((resolve) => way.waiters.push({ seq, resolve }))
    },
    startAgain(seq) {
      way.restart = { seq }
      rewind(way, seq)
      go(way)
    },
    isStartingAgain: () => way.restart !== undefined,
    follow(follower) {
      way.followers.push(follower)
    },
    onApplied(listener) {
      way.listeners.push(listener)
    },
  }
}

/** Does what can be done at once, at once, and the rest when what it waits for has come. */
function go(way: Way): void {
  if (way.isWorking) return
  way.isWorking = true
  let next: Step = 'again'
  try {
    while (next === 'again') next = step(way)
  } catch (error) {
    way.onFailure(error)
    next = 'done'
  }
  if (next === 'done') way.isWorking = false
  else void goOn(way, next)
}

async function goOn(way: Way, first: Promise<void>): Promise<void> {
  let next: Step = first
  try {
    while (next !== 'done') {
      if (next !== 'again') await next
      next = step(way)
    }
  } catch (error) {
    way.onFailure(error)
  } finally {
    way.isWorking = false
  }
}

/** What a step gives: whether there is another one, or what it has to wait for. */
type Step = Promise<void> | 'again' | 'done'

function step(way: Way): Step {
  if (way.restart !== undefined) return readAgain(way, way.restart)
  const batch = takeNext(way)
  if (batch !== undefined) return applyBatch(way, batch) ?? 'again'
  return way.reachedSeq > way.appliedSeq ? readOn(way) : 'done'
}

function applyBatch(way: Way, batch: WholeBatch): Promise<void> | undefined {
  const pending = applyAll(way.followers, batch.events, way.appliedSeq)
  if (pending !== undefined) return pending.then(() => advance(way, batch.seqLast))
  advance(way, batch.seqLast)
  return undefined
}

/** Numbers of a log that is left count for nothing. */
function rewind(way: Way, seq: number): void {
  way.early.clear()
  way.earlyEvents = 0
  way.appliedSeq = seq
  way.reachedSeq = seq
}

async function readAgain(way: Way, restart: { readonly seq: number }): Promise<void> {
  for (const { reload } of way.followers) await reload?.()
  if (way.restart !== restart) return
  way.restart = undefined
  // What was under way when the log was left may have gone on by its numbers.
  rewind(way, restart.seq)
  advance(way, restart.seq)
}

async function readOn(way: Way): Promise<void> {
  const page = await way.readPage(way.appliedSeq, limits.pageEventsMax)
  if (hasHole(page, way.appliedSeq)) for (const { reload } of way.followers) await reload?.()
  await applyAll(way.followers, page.events, way.appliedSeq)
  if (page.seqLast > way.appliedSeq) advance(way, page.seqLast)
  // A number that the log does not have is that of another database.
  if (!page.hasMore) way.reachedSeq = Math.max(page.seqLast, way.appliedSeq)
}

function advance(way: Way, seq: number): void {
  way.appliedSeq = seq
  for (const listener of way.listeners) listener()
  if (way.waiters.length === 0) return
  for (const waiter of way.waiters) if (waiter.seq <= seq) waiter.resolve()
  way.waiters = way.waiters.filter((waiter) => waiter.seq > seq)
}

type WholeBatch = EventBatch & { readonly events: readonly LogEvent[] }

/** Keeps a batch for its time; what is too much to keep is left to be read from the log. */
function keep(way: Way, batch: EventBatch): void {
  const { seqBefore, seqLast, events } = batch
  if (seqLast <= way.appliedSeq) return
  const isRoom = way.earlyEvents + (events?.length ?? 0) <= limits.waitingEventsMax
  if (events === undefined || !isRoom) {
    way.reachedSeq = Math.max(way.reachedSeq, seqLast)
    return
  }
  if (way.early.has(seqBefore)) return
  way.early.set(seqBefore, batch)
  way.earlyEvents += events.length
}

/** Takes the batch that follows on what was applied, and forgets those that came too late. */
function takeNext(way: Way): WholeBatch | undefined {
  for (const [seqBefore, batch] of way.early) {
    if (seqBefore > way.appliedSeq) continue
    way.early.delete(seqBefore)
    way.earlyEvents -= batch.events?.length ?? 0
    if (batch.seqLast > way.appliedSeq && batch.events !== undefined) {
      return { ...batch, events: batch.events }
    }
  }
  return undefined
}

/** Applies events after a number; a promise from the first on that has to be waited for. */
function applyAll(
  followers: readonly Follower[],
  events: readonly LogEvent[],
  afterSeq: number,
): Promise<void> | undefined {
  for (const [index, event] of events.entries()) {
    if (event.seq <= afterSeq) continue
    const waits = applyOne(followers, event)
    if (waits === undefined) continue
    return Promise.all(waits).then(() => applyAll(followers, events.slice(index + 1), event.seq))
  }
  return undefined
}

/** What has to be waited for; nearly always nothing, for which nothing is allocated either. */
function applyOne(
  followers: readonly Follower[],
  event: LogEvent,
): readonly Promise<void>[] | undefined {
  let waits: Promise<void>[] | undefined
  for (const follower of followers) {
    const wait = follower.apply(event)
    if (wait === undefined) continue
    waits ??= []
    waits.push(wait)
  }
  return waits
}

/** Whether something between a number and the end of a page was forgotten. */
function hasHole({ events, seqLast }: LogPage, afterSeq: number): boolean {
  return seqLast - afterSeq > events.filter(({ seq }) => seq > afterSeq).length
}
