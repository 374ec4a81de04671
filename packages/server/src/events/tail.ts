import type { EventBatch, LogEvent } from './model.ts'
import type { LogPage } from './store.ts'

/** Whoever keeps something in memory that events change. */
export interface Follower {
  /**
   * Takes an event into account; a promise holds back what comes after it. Every event comes once
   * and in the order of the log, unless taking one failed: then it comes again.
   */
  readonly apply: (event: LogEvent) => Promise<void> | undefined
  /** Reads everything again, after events were missed for so long that they are forgotten. */
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
interface Way {
  appliedSeq: number
  /** The highest number that anybody has told of. */
  reachedSeq: number
  /** Batches that came before their time, by the number before their first. */
  readonly early: Map<number, EventBatch>
  earlyEvents: number
  isWorking: boolean
}

/**
 * Creates a tail.
 *
 * Batches are applied at once where they follow on what was applied. One that comes too early is
 * kept: causes of this process may be told about in another order than they committed in, and the
 * notices close such a gap in a moment. What is missing when a notice or a renewal has told of it
 * is read from the log.
 */
export function createTail(options: TailOptions): Tail {
  const { startSeq } = options
  const followers: Follower[] = []
  const listeners: (() => void)[] = []
  let waiters: Waiter[] = []
  const way: Way = {
    appliedSeq: startSeq,
    reachedSeq: startSeq,
    early: new Map(),
    earlyEvents: 0,
    isWorking: false,
  }

  const advance = (seq: number) => {
    way.appliedSeq = seq
    for (const listener of listeners) listener()
    if (waiters.length === 0) return
    for (const waiter of waiters) if (waiter.seq <= seq) waiter.resolve()
    waiters = waiters.filter((waiter) => waiter.seq > seq)
  }

  const applyBatch = (batch: EventBatch & { readonly events: readonly LogEvent[] }) => {
    const pending = applyAll(followers, batch.events, way.appliedSeq)
    if (pending === undefined) advance(batch.seqLast)
    return pending?.then(() => advance(batch.seqLast))
  }

  const readOn = async () => {
    const page = await options.readPage(way.appliedSeq, limits.pageEventsMax)
    if (hasHole(page, way.appliedSeq)) for (const { reload } of followers) await reload?.()
    await applyAll(followers, page.events, way.appliedSeq)
    if (page.seqLast > way.appliedSeq) advance(page.seqLast)
    // A number that the log does not have is that of another database.
    if (!page.hasMore) way.reachedSeq = Math.max(page.seqLast, way.appliedSeq)
  }

  /** Does what can be done at once, at once; a promise where something has to be waited for. */
  const step = (): Promise<void> | 'again' | 'done' => {
    const batch = takeNext(way)
    if (batch !== undefined) return applyBatch(batch) ?? 'again'
    return way.reachedSeq > way.appliedSeq ? readOn() : 'done'
  }

  const work = async (first: Promise<void>) => {
    let next: ReturnType<typeof step> = first
    try {
      while (next !== 'done') {
        if (next !== 'again') await next
        next = step()
      }
    } catch (error) {
      options.onFailure(error)
    } finally {
      way.isWorking = false
    }
  }

  const go = () => {
    if (way.isWorking) return
    way.isWorking = true
    let next: ReturnType<typeof step> = 'again'
    try {
      while (next === 'again') next = step()
    } catch (error) {
      options.onFailure(error)
      next = 'done'
    }
    if (next === 'done') way.isWorking = false
    else void work(next)
  }

  return {
    appliedSeq: () => way.appliedSeq,
    offer(batch) {
      keep(way, batch)
      go()
    },
    reach(lastSeq) {
      way.reachedSeq = Math.max(way.reachedSeq, lastSeq)
      go()
    },
    whenApplied(seq) {
      if (seq <= way.appliedSeq) return Promise.resolve()
      return new Promise((resolve) => waiters.push({ seq, resolve }))
    },
    follow(follower) {
      followers.push(follower)
    },
    onApplied(listener) {
      listeners.push(listener)
    },
  }
}

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
function takeNext(way: Way): (EventBatch & { readonly events: readonly LogEvent[] }) | undefined {
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
    const waits = followers.flatMap((follower) => follower.apply(event) ?? [])
    if (waits.length === 0) continue
    return Promise.all(waits).then(() => applyAll(followers, events.slice(index + 1), event.seq))
  }
  return undefined
}

/** Whether something between a number and the end of a page was forgotten. */
function hasHole({ events, seqLast }: LogPage, afterSeq: number): boolean {
  return seqLast - afterSeq > events.filter(({ seq }) => seq > afterSeq).length
}
