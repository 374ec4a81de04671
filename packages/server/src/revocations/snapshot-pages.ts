/**
 * Pages of the snapshot, kept for a while and shared: a thousand verifiers that start at once, as
 * after a deployment, read each page of the log once.
 *
 * A page that is full is done with: numbers become visible in their order, so nothing more will
 * ever stand between its first and its last. It may be handed out with the end of the log of
 * another moment, since what is beyond it stands on later pages. The last page is read anew for
 * whoever asks, though once for all who asked before that reading began.
 *
 * Kept pages are of one log: after the promotion of a standby the same numbers may stand for other
 * events, so each request asks which log it is.
 */
import { serverLimits } from '../contract/limits.ts'
import { PrintedBytes } from '../contract/printed-text.ts'
import type { Database } from '../database/connect.ts'
import { findLogEnd } from '../events/store.ts'
import { countCutOffs, readSnapshotPage, type SnapshotPage } from './following-store.ts'

/** The snapshots of all resources. */
export interface SnapshotPages {
  readonly read: (asked: PageAsk) => Promise<PrintedBytes>
}

/** Which page is asked for. */
export interface PageAsk {
  readonly resourceId: string
  readonly afterSeq: number
  readonly nowMs: number
}

/** A page, and for the first of several what all of them have. */
interface ReadPage extends SnapshotPage {
  readonly expected: Readonly<Record<string, number>> | undefined
}

/** What is known of one page of one log. */
interface Entry {
  full: ReadPage | undefined
  /** The reading that is under way. */
  reading: Promise<ReadPage> | undefined
  /** The one that begins after it. */
  next: Promise<ReadPage> | undefined
}

/** Creates the pages, with none of them kept. */
export function createSnapshotPages(db: Database): SnapshotPages {
  const entries = new Map<string, Entry>()
  const keep = (key: string, entry: Entry, page: ReadPage) => {
    entry.full = page
    const drop = () => {
      if (entries.get(key) === entry) entries.delete(key)
    }
    setTimeout(drop, serverLimits.snapshotPageKeptMs).unref()
    for (const [oldest, { full }] of entries) {
      if (entries.size <= serverLimits.snapshotPagesKeptMax) break
      if (full !== undefined) entries.delete(oldest)
    }
  }
  return {
    async read(asked) {
      const { lastSeq, timeline } = await findLogEnd(db)
      const key = `${timeline}/${asked.resourceId}/${asked.afterSeq}`
      const entry = entries.get(key) ?? { full: undefined, reading: undefined, next: undefined }
      entries.set(key, entry)
      const page = await readShared(entry, async () => {
        const read = await readPage(db, asked)
        if (read.nextAfter !== undefined && timeline !== '') keep(key, entry, read)
        return read
      })
      const isIdle = entry.full === undefined && entry.reading === undefined
      if (isIdle && entries.get(key) === entry) entries.delete(key)
      return printPage(page, { ...asked, seq: Math.max(page.seq, lastSeq) })
    },
  }
}

/** Takes a full page, or takes part in a reading that has not begun. */
function readShared(entry: Entry, read: () => Promise<ReadPage>): Promise<ReadPage> {
  const begin = () => {
    if (entry.full !== undefined) return Promise.resolve(entry.full)
    entry.reading = read().finally(() => {
      entry.reading = undefined
    })
    return entry.reading
  }
  if (entry.reading === undefined) return begin()
  entry.next ??= entry.reading.then(
    () => beginNext(entry, begin),
    () => beginNext(entry, begin),
  )
  return entry.next
}

function beginNext(entry: Entry, begin: () => Promise<ReadPage>): Promise<ReadPage> {
  entry.next = undefined
  return begin()
}

async function readPage(db: Database, { resourceId, afterSeq, nowMs }: PageAsk): Promise<ReadPage> {
  const cutOffsMax = serverLimits.snapshotPageCutOffsMax
  const page = await readSnapshotPage(db, { resourceId, afterSeq, nowMs, cutOffsMax })
  const isFirstOfSeveral = afterSeq === 0 && page.nextAfter !== undefined
  const expected = isFirstOfSeveral ? await countCutOffs(db, resourceId) : undefined
  return { ...page, expected }
}

/** The bytes of a page; those of its records are shared by all who read it. */
function printPage(
  page: ReadPage,
  { resourceId, seq }: { readonly resourceId: string; readonly seq: number },
): PrintedBytes {
  const { identities, tokens, identityScopes, others, nextAfter, expected } = page
  const packed = [identities, tokens, identityScopes]
  const [identityBytes, tokenBytes, identityScopeBytes] = packed.map(({ length }) => length)
  const bytes = { identityBytes, tokenBytes, identityScopeBytes }
  const head = JSON.stringify({ seq, resourceId, ...bytes, others, nextAfter, expected })
  const headBytes = Buffer.byteLength(head)
  const start = Buffer.alloc(4 + headBytes)
  start.writeUInt32BE(headBytes)
  start.write(head, 4)
  return new PrintedBytes([start, ...packed.filter(({ length }) => length > 0)])
}
