import type { Queries } from '../database/connect.ts'
import { createFeed, type Feed } from './feed.ts'
import { findLastSeq, listEventsAfter } from './store.ts'
import { createTail, type Tail } from './tail.ts'

/**
 * Creates a feed over the log of a database, for tests of what publishes: what its own tail has
 * applied counts as confirmed, as it does for a node that is alone.
 */
export async function createLoneFeed(
  db: Queries,
  now: () => number,
): Promise<{ readonly feed: Feed; readonly tail: Tail }> {
  const tail = createTail({
    startSeq: await findLastSeq(db),
    readPage: (afterSeq, eventsMax) => listEventsAfter(db, afterSeq, eventsMax),
    onFailure: (error) => {
      throw error
    },
  })
  const confirm = (seq: number) => {
    tail.reach(seq)
    return tail.whenApplied(seq)
  }
  return { tail, feed: createFeed({ tail, confirm, now }) }
}
