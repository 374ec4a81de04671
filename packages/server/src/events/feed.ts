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
  /** Waits until no node accepts a token below a number; does not reject. */
  readonly confirm: (seq: number) => Promise<void>
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

/** Creates the feed of a node. */
export function createFeed({ tail, carrier, confirm, now }: FeedOptions): Feed {
  return {
    async publish(events) {
      const batch = batchOf(events)
      if (batch === undefined) return { seq: 0, confirmedAtMs: now() }
      carrier?.tell(batch)
      tail.offer(batch)
      await confirm(batch.seqLast)
      return { seq: batch.seqLast, confirmedAtMs: now() }
    },
    follow: (follower) => tail.follow(follower),
  }
}
