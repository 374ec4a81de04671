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
import { connectDatabase, type Database, type DatabaseAddress } from '../../database/connect.ts'
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
  connectTimeoutMs: 3000,
  statementTimeoutMs: 10_000,
  /** Time between two looks whether the connection still answers, and the time that it has. */
  lookEveryMs: 5000,
  answerWithinMs: 3000,
  /** Notifications that wait for those before them; 8 KB at most each. */
  waitingMax: 5000,
  /** Rows in one read. */
  rowsMax: 500,
}

/** Pauses between attempts to connect, in milliseconds. */
const reconnectPausesMs = [20, 50, 100, 200, 500, 1000]

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
  const { db, monotonicNow } = options
  const early: string[] = []
  let hear: (text: string) => void = (text) => void early.push(text)
  const first = await openConnection(options, (text) => hear(text))
  const heard = createHeard(await findLastNoticeSeq(db), monotonicNow)
  const life: Life = { ...options, heard, queue: [], isWorking: false, isClosing: false }
  hear = (text) => take(life, text)
  for (const text of early) take(life, text)
  let stop: () => void = () => undefined
  const stopped = new Promise<void>((resolve) => {
    stop = resolve
  })
  const staying = stay(life, first, stopped)
  return {
    heard,
    async close() {
      life.isClosing = true
      stop()
      await staying
    },
  }
}

/** A connection that hears. */
interface Connection {
  readonly db: Database
  readonly ended: Promise<void>
  readonly close: () => Promise<void>
}

async function openConnection(
  { address }: Pick<ListeningOptions, 'address'>,
  hear: (text: string) => void,
): Promise<Connection> {
  let announceEnd: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    announceEnd = resolve
  })
  const connected = await connectDatabase({
    address,
    applicationName: 'parley chat',
    connectionsMax: 1,
    isLasting: true,
    connectTimeoutMs: limits.connectTimeoutMs,
    statementTimeoutMs: limits.statementTimeoutMs,
    onNotify: (_channel, text) => hear(text),
    onClose: () => announceEnd(),
  })
  if (!connected.ok) throw new Error(connected.fault.message)
  const db = connected.value
  const close = () => db.end({ timeout: 0 })
  try {
    await db.unsafe(`listen ${noticeChannel}`)
  } catch (error) {
    await close()
    throw error
  }
  return { db, ended, close }
}

/** Opens the connection again whenever it has ended, and reads what was told meanwhile. */
async function stay(life: Life, first: Connection, stopped: Promise<void>): Promise<void> {
  for (let connection: Connection | undefined = first; connection !== undefined; ) {
    await untilDead(life, connection, stopped)
    const letGo = life.heard.hold()
    await connection.close()
    if (life.isClosing) return
    life.log.warn({}, 'the connection that hears of chat ended; it is opened again')
    connection = await reopen(life, letGo)
  }
}

/** Waits until a connection has ended or does not answer. */
async function untilDead(life: Life, { db, ended }: Connection, stopped: Promise<void>) {
  const over = Promise.race([ended, stopped]).then(() => 'over' as const)
  while (!life.isClosing) {
    const quiet = delay(limits.lookEveryMs, undefined, { ref: false })
    if ((await Promise.race([over, quiet])) === 'over') return
    const answer = findLastNoticeSeq(db).then(
      () => 'alive',
      () => 'dead',
    )
    const patience = delay(limits.answerWithinMs, 'dead', { ref: false })
    if ((await Promise.race([answer, patience, over])) !== 'alive') return
  }
}

/** What the new connection hears at once comes after what is read, which was told before it. */
async function reopen(life: Life, letGo: () => void): Promise<Connection | undefined> {
  for (let attempt = 0; !life.isClosing; attempt++) {
    await delay(reconnectPausesMs[Math.min(attempt, reconnectPausesMs.length - 1)])
    const early: string[] = []
    let hear: (text: string) => void = (text) => void early.push(text)
    try {
      const connection = await openConnection(life, (text) => hear(text))
      push(life, { kind: 'gap', letGo })
      hear = (text) => take(life, text)
      for (const text of early) take(life, text)
      return connection
    } catch {
      // The database is away: everything else that needs it says so in the log.
    }
  }
  return undefined
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
      await delay(reconnectPausesMs.at(-1))
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
