/**
 * The end of overlaps: a former key stops by itself, because every check of it looks at the clock;
 * its tokens die by a cut-off, which somebody has to append at that instant. A timer does, for the
 * next instant that is due; a round every few seconds does what the timer could not; and a start
 * does what came due while the server was down, before it serves anything.
 */
import { appendAudit } from '../audit/store.ts'
import type { Database } from '../database/connect.ts'
import type { Feed } from '../events/feed.ts'
import type { Log } from '../foundation/log.ts'
import type { OneAtATime } from '../foundation/one-at-a-time.ts'
import type { Platform } from '../foundation/platform.ts'
import type { ResourceDirectory } from '../resources/directory.ts'
import { printResourcePath } from '../resources/model.ts'
import { endOverlaps, findNextOverlapEnd, listDueOverlaps } from './store.ts'

/** What ending overlaps needs. */
export interface OverlapRoom {
  readonly db: Database
  readonly platform: Platform
  readonly log: Log
  readonly feed: Feed
  readonly resources: ResourceDirectory
  readonly oneAtATime: OneAtATime
}

/** Keeps watch over the overlaps of all resources. */
export interface OverlapWatch {
  /** Notes when a former key has to end. */
  readonly note: (atMs: number) => void
  /** Ends what is due, and waits for the next. */
  readonly endDue: () => Promise<void>
  /** Waits for nothing any more, but for what is being ended. */
  readonly close: () => Promise<void>
}

/** Creates a watch that waits for nothing yet. */
export function createOverlapWatch(room: OverlapRoom): OverlapWatch {
  let timer: NodeJS.Timeout | undefined
  let nextMs = Number.POSITIVE_INFINITY
  let isClosed = false
  let ending: Promise<void> = Promise.resolve()

  function wait(atMs: number): void {
    clearTimeout(timer)
    nextMs = atMs
    if (isClosed || atMs === Number.POSITIVE_INFINITY) return
    timer = setTimeout(onTime, Math.max(atMs - room.platform.now(), 0))
    timer.unref()
  }

  function onTime(): void {
    endDue().catch((error: unknown) => {
      room.log.error({ err: error }, 'an overlap of access keys did not end; tried again soon')
    })
  }

  /** Whoever asks finds ended, here too, what another one had begun to end: the timer, say. */
  function endDue(): Promise<void> {
    const ended = ending.then(endAll)
    ending = ended.catch(() => undefined)
    return ended
  }

  async function endAll(): Promise<void> {
    while (!isClosed) {
      const due = await listDueOverlaps(room.db, room.platform.now())
      if (due.length === 0) break
      for (const resourceId of due) await endOverlapsOf(room, resourceId)
    }
    wait((await findNextOverlapEnd(room.db)) ?? Number.POSITIVE_INFINITY)
  }

  return {
    note(atMs) {
      if (atMs < nextMs) wait(atMs)
    },
    endDue,
    async close() {
      isClosed = true
      clearTimeout(timer)
      await ending
    },
  }
}

async function endOverlapsOf(room: OverlapRoom, resourceId: string): Promise<void> {
  const { db, platform, feed, resources, oneAtATime } = room
  const events = await oneAtATime(() => {
    const atMs = platform.now()
    const resource = resources.find(resourceId)
    const target = resource === undefined ? resourceId : printResourcePath(resource)
    return db.begin(async (transaction) => {
      const ended = await endOverlaps(transaction, resourceId, atMs)
      const act = { actor: 'server', operation: 'Parley_EndKeyOverlap', requestId: '', atMs }
      await appendAudit(
        transaction,
        ended.map(() => ({ ...act, target, resourceId })),
      )
      return ended
    })
  })
  await feed.publish(events)
}
