/**
 * The one connection over which a node hears of notices, apart from that of its lease: a flood of
 * messages must not delay what voids tokens.
 *
 * PostgreSQL hands notifications out in the order of commits, each connection all of them. They are
 * worked on one after the other, since some name rows that must be read first, and a notice must
 * not overtake another of its thread. What piles up beyond a limit is thrown away and read from the
 * table, as is what was told while the connection was broken.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Database, DatabaseAddress } from '../../database/connect.ts'
import { startHearing } from '../../database/hearing.ts'
import type { Log } from '../../foundation/log.ts'
import { createHeard, type Heard } from './heard.ts'
import { type Notification, parseNotification, type ToldNotice } from './notice-text.ts'
import { findLastNoticeSeq, listNotices, listNoticesAfter, noticeChannel } from './store.ts'

/** Hears of notices. */
export interface Listening {
  /** What this node has heard; a client of it that has answered everything has heard the same. */
  readonly heard: Pick<Heard, 'floorSeq' | 'lastSeq'>
  readonly close: () => Promise<void>
}

/** What listening needs. */
export interface ListeningOptions {
  readonly address: DatabaseAddress
  /** The pool, for reading rows. */
  readonly db: Database
  readonly log: Log
  readonly monotonicNow: () => number
  /**
   * Waits until this node may accept tokens. While it may not, it does not know whose sockets are
   * to be closed, and nothing is delivered.
   */
  readonly untilCurrent: (isClosing: () => boolean) => Promise<void>
  readonly isCurrent: () => boolean
  /** Takes notices, each once and in their order; must not throw. */
  readonly deliver: (notice: ToldNotice) => void
}

const limits = {
  /** Notifications that wait for those before them; 8 KB at most each. */
  waitingMax: 5000,
  /** Rows in one read. */
  rowsMax: 500,
  /** Time until rows that could not be read are asked for again, in milliseconds. */
  retryAfterMs: 1000,
}

/** What was not heard is read; until then the floor stays below it. */
interface Gap {
  readonly kind: 'gap'
  readonly letGo: () => void
}

type Work = Notification | Gap

interface Life extends ListeningOptions {
  readonly heard: Heard
  queue: Work[]
  isWorking: boolean
  isClosing: boolean
}

/**
 * Begins to listen; when it comes back, everything that is told from then on will be heard.
 *
 * @throws what keeps the first connection from being opened; later ones are opened again and again.
 */
export async function startListening(options: ListeningOptions): Promise<Listening> {
  const { address, db, log, monotonicNow } = options
  let life: Life | undefined
  const early: string[] = []
  let letGo: (() => void) | undefined
  const hearing = await startHearing({
    ...{ address, log, channel: noticeChannel, applicationName: 'parley chat' },
    hear(text) {
      if (life === undefined) early.push(text)
      else take(life, text)
    },
    onBroken() {
      letGo ??= life?.heard.hold()
    },
    // What the new connection hears comes after what is read, which was told before it.
    onOpened() {
      if (life !== undefined && letGo !== undefined) push(life, { kind: 'gap', letGo })
      letGo = undefined
    },
  })
  const heard = createHeard(await findLastNoticeSeq(db), monotonicNow)
  life = { ...options, heard, queue: [], isWorking: false, isClosing: false }
  for (const text of early) take(life, text)
  const started = life
  return {
    heard,
    async close() {
      started.isClosing = true
      await hearing.close()
    },
  }
}

function take(life: Life, text: string): void {
  const notification = parseNotification(text)
  if (notification !== undefined) push(life, notification)
}

function push(life: Life, work: Work): void {
  // A burst that outruns reading is left in the table, where it is read in larger pieces.
  if (life.queue.length >= limits.waitingMax) {
    const letGo = life.heard.hold()
    for (const one of life.queue) if (one.kind === 'gap') one.letGo()
    life.queue = [{ kind: 'gap', letGo }]
  }
  life.queue.push(work)
  if (!life.isWorking) void workOff(life)
}

async function workOff(life: Life): Promise<void> {
  life.isWorking = true
  while (life.queue.length > 0) {
    const [work] = life.queue.splice(0, 1)
    if (work === undefined) break
    if (work.kind === 'notices') {
      if (!life.isCurrent()) await life.untilCurrent(() => life.isClosing)
      for (const notice of work.notices) deliverOnce(life, notice)
      continue
    }
    try {
      await readAndDeliver(life, work)
    } catch (error) {
      if (life.isClosing) break
      life.log.error({ err: error }, 'notices could not be read; tried again')
      await delay(limits.retryAfterMs)
      life.queue.unshift(work.kind === 'gap' ? work : { kind: 'gap', letGo: life.heard.hold() })
    }
  }
  life.isWorking = false
}

async function readAndDeliver(life: Life, work: Exclude<Work, { kind: 'notices' }>) {
  if (work.kind === 'numbers') {
    const rows = await listNotices(life.db, work.resourceId, work.seqs)
    if (!life.isCurrent()) await life.untilCurrent(() => life.isClosing)
    for (const notice of rows) deliverOnce(life, notice)
    return
  }
  for (let afterSeq = life.heard.floorSeq(); ; ) {
    const rows = await listNoticesAfter(life.db, afterSeq, limits.rowsMax)
    if (!life.isCurrent()) await life.untilCurrent(() => life.isClosing)
    for (const notice of rows) deliverOnce(life, notice)
    if (rows.length < limits.rowsMax) break
    afterSeq = rows.at(-1)?.seq ?? afterSeq
  }
  work.letGo()
}

function deliverOnce(life: Life, notice: ToldNotice): void {
  if (life.isClosing) return
  if (notice.seq === 0 || life.heard.note(notice.seq)) life.deliver(notice)
}
