/**
 * The feed: where causes hand over what they have committed, and where memory is kept in step.
 *
 * A cause commits its rows and its events in one transaction, publishes the events here, and waits
 * for the confirmation: every node that may be accepting tokens has applied them. Only then is it
 * answered. So whoever sees the answer finds every node informed.
 */
import type { Carrier } from './carrier.ts'
import { batchOf, type LogEvent } from './model.ts'
import type { Follower, Tail } from './tail.ts'

/** Says that events are known wherever tokens are accepted. */
export interface Confirmation {
  /** The last number that was confirmed; 0 where nothing was published. */
  readonly seq: number
  /** Milliseconds since the Unix epoch. */
  readonly confirmedAtMs: number
}

/** Where causes publish and memory listens. */
export interface Feed {
  /**
   * Hands over the events of a transaction that has committed.
   *
   * @returns when every node that may be accepting tokens has applied them: in milliseconds, and a
   *   lease later at the latest. It does not fail: what is committed is confirmed by time alone.
   */
  readonly publish: (events: readonly LogEvent[]) => Promise<Confirmation>
  readonly follow: (follower: Follower) => void
}

/** What a feed is made of. */
export interface FeedOptions {
  readonly tail: Tail
  /** Tells other nodes too, beside the database. */
  readonly carrier?: Carrier | undefined
  /** Whether events were appended to the log that the tail follows; default: they were. */
  readonly isFollowed?: (timeline: string | undefined) => boolean
  /** Waits until no node accepts a token below a number of a log; does not reject. */
  readonly confirm: (seq: number, timeline?: string) => Promise<void>
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

/**
 * Creates the feed of a node.
 *
 * A cause writes over the pool, and what it committed may be of a log that the node has left or
 * has not come to: of a primary that was replaced. There its numbers stand for other events, so it
 * is handed to nobody, and time alone confirms it.
 */
export function createFeed(options: FeedOptions): Feed {
  const { tail, carrier, confirm, now, isFollowed = () => true } = options
  return {
    async publish(events) {
      const batch = batchOf(events)
      if (batch === undefined) return { seq: 0, confirmedAtMs: now() }
      if (isFollowed(batch.timeline)) {
        carrier?.tell(batch)
        tail.offer(batch)
      }
      await confirm(batch.seqLast, batch.timeline)
      return { seq: batch.seqLast, confirmedAtMs: now() }
    },
    follow: (follower) => tail.follow(follower),
  }
}
