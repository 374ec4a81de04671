/**
 * What chat does by itself: threads are deleted when their policy says so, and what is deleted is
 * purged.
 *
 * A deleted thread and the messages of a deleted identity are out of sight the moment their
 * deletion commits. What is purged here are rows that nobody reaches, in batches, each a
 * transaction; the rows themselves say what is left, so after a `kill -9` the next start goes on.
 * Nodes share the work: what one is at, the others pass over.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { deletedGeneration } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import type { Database, Transaction } from '../database/connect.ts'
import type { Feed } from '../events/feed.ts'
import type { Log } from '../foundation/log.ts'
import { startRecurringWork } from '../foundation/recurring-work.ts'
import { type ErasedBatch, purgeDeletedThread, purgeErasedIdentity } from './erasure-store.ts'
import type { PublishNotices } from './notices.ts'
import { listMemberIds } from './participant-store.ts'
import { noticeFor, recipientsOf } from './room.ts'
import { markDueThreadsDeleted } from './thread-store.ts'

/** What the recurring work of chat needs. */
export interface ChatWork {
  readonly db: Database
  readonly feed: Pick<Feed, 'follow'>
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  readonly log: Log
  readonly publish: PublishNotices
}

/**
 * Starts it; the deletion of an identity wakes it. The start waits for no purge: what is left from
 * before may be long.
 *
 * @returns what ends it, after the batch at hand.
 */
export async function startChatWork(world: ChatWork): Promise<() => Promise<void>> {
  const { db, feed, log, now, publish } = world
  const { chatMessagesPurgedAtOnceMax: rowsMax } = serverLimits
  const purge: Purge = { db, rowsMax, isOpen: false }
  let isWoken = false
  const work = await startRecurringWork({
    tasks: [
      {
        name: 'delete threads that are due',
        run: () => {
          isWoken = false
          return deleteDueThreads({ db, publish }, now())
        },
      },
      { name: 'purge deleted threads', run: () => purgeAll(purge, purgeDeletedThread) },
      {
        name: 'purge messages of deleted identities',
        run: () => purgeAll(purge, purgeErasedIdentity),
      },
    ],
    intervalMs: serverLimits.chatPurgeIntervalMs,
    log,
  })
  purge.isOpen = true
  void work.round()
  feed.follow({
    apply: (event) => {
      const isDeletion = event.kind === 'identity' && event.generation === deletedGeneration
      // One round that has not begun is enough for any number of deletions.
      if (!isDeletion || !purge.isOpen || isWoken) return undefined
      isWoken = true
      void work.round()
      return undefined
    },
  })
  return async () => {
    purge.isOpen = false
    await work.stop()
  }
}

interface Purge {
  readonly db: Database
  readonly rowsMax: number
  /** Whether there is to be another batch. */
  isOpen: boolean
}

/** Goes on until nothing is left; between whole batches it rests as long as the last one took. */
async function purgeAll(
  purge: Purge,
  batch: (db: Transaction, rowsMax: number) => Promise<ErasedBatch>,
): Promise<void> {
  const { db, rowsMax } = purge
  while (purge.isOpen) {
    const beganAt = performance.now()
    const { isFound, messageCount } = (await db.begin((transaction) =>
      batch(transaction, rowsMax),
    )) as ErasedBatch
    if (!isFound) return
    if (messageCount === rowsMax) await delay(performance.now() - beganAt)
  }
}

/** Deletes the threads whose policy says so by now, and tells those who take part. */
export async function deleteDueThreads(
  { db, publish }: Pick<ChatWork, 'db' | 'publish'>,
  nowMs: number,
): Promise<void> {
  const { chatThreadsDueAtOnceMax: threadsMax } = serverLimits
  for (;;) {
    const count = await db.begin(async (transaction) => {
      const due = await markDueThreadsDeleted(transaction, nowMs, threadsMax)
      for (const name of due) {
        const recipients = recipientsOf(name, await listMemberIds(transaction, name))
        const event = { kind: 'chatThreadDeleted', by: undefined, atMs: nowMs } as const
        await publish(transaction, [noticeFor(name, recipients, event)])
      }
      return due.length
    })
    if (count < threadsMax) return
  }
}
