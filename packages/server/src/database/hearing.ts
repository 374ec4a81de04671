/**
 * A connection of its own that hears what PostgreSQL notifies of on a channel, and is opened again
 * whenever it has ended or does not answer.
 *
 * PostgreSQL hands notifications out in the order of commits, each connection all of them, and has
 * none for those who are away: whoever hears has to read afterwards what was told in between.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../foundation/log.ts'
import { connectDatabase, type Database, type DatabaseAddress } from './connect.ts'

/** What hearing needs. */
export interface HearingOptions {
  readonly address: DatabaseAddress
  readonly channel: string
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string
  readonly log: Pick<Log, 'warn'>
  /** Takes what was told, in its order; must not throw. */
  readonly hear: (text: string) => void
  /** From now on something may be told that nobody hears. */
  readonly onBroken: () => void
  /** Everything that is told from now on will be heard; called before the first of it is. */
  readonly onOpened: () => void
}

/** Hears, until it is closed. */
export interface Hearing {
  readonly close: () => Promise<void>
}

const limits = {
  connectTimeoutMs: 3000,
  statementTimeoutMs: 10_000,
  /** Time between two looks whether the connection still answers, and the time that it has. */
  lookEveryMs: 5000,
  answerWithinMs: 3000,
}

/** Pauses between attempts to connect, in milliseconds. */
const reconnectPausesMs = [20, 50, 100, 200, 500, 1000]

interface Connection {
  readonly db: Database
  readonly ended: Promise<void>
  readonly close: () => Promise<void>
}

/**
 * Begins to hear; when it comes back, everything that is told from then on will be heard.
 *
 * @throws what keeps the first connection from being opened; later ones are opened again and again.
 */
export async function startHearing(options: HearingOptions): Promise<Hearing> {
  const first = await openConnection(options)
  let stop: () => void = () => undefined
  const life = { isClosing: false }
  const stopped = new Promise<void>((resolve) => {
    stop = resolve
  })
  const staying = stay({ ...options, life, stopped }, first)
  return {
    async close() {
      life.isClosing = true
      stop()
      await staying
    },
  }
}

interface Staying extends HearingOptions {
  readonly life: { isClosing: boolean }
  readonly stopped: Promise<void>
}

async function openConnection(options: HearingOptions): Promise<Connection> {
  const { address, applicationName, channel } = options
  let announceEnd: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    announceEnd = resolve
  })
  let early: string[] | undefined = []
  const connected = await connectDatabase({
    address,
    applicationName,
    connectionsMax: 1,
    isLasting: true,
    connectTimeoutMs: limits.connectTimeoutMs,
    statementTimeoutMs: limits.statementTimeoutMs,
    onNotify(_channel, text) {
      if (early === undefined) options.hear(text)
      else early.push(text)
    },
    onClose: () => announceEnd(),
  })
  if (!connected.ok) throw new Error(connected.fault.message)
  const db = connected.value
  const close = () => db.end({ timeout: 0 })
  try {
    await db.unsafe(`listen ${channel}`)
  } catch (error) {
    await close()
    throw error
  }
  options.onOpened()
  for (const text of early) options.hear(text)
  early = undefined
  return { db, ended, close }
}

/** Opens the connection again whenever it has ended. */
async function stay(staying: Staying, first: Connection): Promise<void> {
  const { life, log, applicationName } = staying
  for (let connection: Connection | undefined = first; connection !== undefined; ) {
    await untilDead(staying, connection)
    staying.onBroken()
    await connection.close()
    if (life.isClosing) return
    log.warn({ applicationName }, 'the connection that hears ended; it is opened again')
    connection = await reopen(staying)
  }
}

/** Waits until a connection has ended or does not answer. */
async function untilDead({ life, stopped }: Staying, { db, ended }: Connection): Promise<void> {
  const over = Promise.race([ended, stopped]).then(() => 'over' as const)
  while (!life.isClosing) {
    const quiet = delay(limits.lookEveryMs, undefined, { ref: false })
    if ((await Promise.race([over, quiet])) === 'over') return
    const answer = db.unsafe('select').then(
      () => 'alive',
      () => 'dead',
    )
    const patience = delay(limits.answerWithinMs, 'dead', { ref: false })
    if ((await Promise.race([answer, patience, over])) !== 'alive') return
  }
}

async function reopen(staying: Staying): Promise<Connection | undefined> {
  for (let attempt = 0; !staying.life.isClosing; attempt++) {
    await delay(reconnectPausesMs[Math.min(attempt, reconnectPausesMs.length - 1)])
    try {
      return await openConnection(staying)
    } catch {
      // The database is away: everything else that needs it says so in the log.
    }
  }
  return undefined
}
