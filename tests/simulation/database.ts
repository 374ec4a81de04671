/**
 * The simulated PostgreSQL: what of its behaviour the corridor leans on, and no more.
 *
 * A statement sees what was committed when it began. It waits for the lock of a row that another
 * one changes, and looks at that row once more when it has the lock. A commit takes time, and is
 * seen by others at its end; the number of an event is taken under a lock that is held until then.
 * A crash takes back commits that need not be on disk, and of those under way nobody knows. It may
 * come back as a standby that was promoted: on another timeline, and where that lagged behind, as
 * it was before the last commits of any sort.
 */
import type { LogEvent } from '@parley/server/events/model'
import type { Chance } from './chance.ts'
import { createLock, type Lock } from './lock.ts'
import type { Timeline } from './timeline.ts'
import type { Trace } from './trace.ts'

/** What is stored. */
export interface Stored {
  /** The number of the event before the first in `log`. */
  readonly seqBefore: number
  readonly log: LogEvent[]
  readonly nodes: Map<string, { readonly renewals: number; readonly appliedSeq: number }>
  /** By what they void: the lowest generation that counts. */
  readonly cutOffs: Map<string, number>
  /** Rises with each promotion of a standby. */
  timeline: number
  /** Events that a standby did not have when it was promoted. */
  readonly lost: Set<LogEvent>
}

/** One statement: what it does at the database, and how it answers. */
export interface Statement<Answer> {
  readonly name: string
  readonly run: (database: Execution, answer: (value: Answer) => void) => void
}

/** What a statement may use of the database; nothing goes on after a crash. */
export interface Execution {
  readonly stored: Stored
  readonly chance: Chance
  readonly rowLock: (nodeId: string) => Lock
  readonly logLock: () => Lock
  /** Changes something when its commit is there, and goes on. */
  readonly commit: (commit: Commit) => void
  /** Tells all who listen. */
  readonly announce: (text: string) => void
  /** What its clock shows, milliseconds. */
  readonly now: () => number
}

/** A commit under way. */
export interface Commit {
  readonly isDurable: boolean
  readonly apply: () => void
  /** Undoes it, after a crash that lost it. */
  readonly undo?: () => void
  readonly done: () => void
}

/** The simulated PostgreSQL. */
export interface SimulatedDatabase {
  readonly stored: Stored
  readonly isUp: () => boolean
  /** Runs a statement; nothing is answered if the database crashes meanwhile. */
  readonly execute: <Answer>(statement: Statement<Answer>, answer: (value: Answer) => void) => void
  /** Has somebody told of every commit to the log; gives what ends that. */
  readonly listen: (onNotice: (text: string) => void) => () => void
  /** Calls back at each crash. */
  readonly onCrash: (listener: () => void) => void
  readonly crash: (downForMs: number) => void
  /** Crashes, and comes back as a standby, which may have lagged behind. */
  readonly failOver: (downForMs: number) => void
  /** Lets commits take until then. */
  readonly stall: (forMs: number) => void
}

/** What a database is made of. */
export interface DatabaseOptions {
  readonly timeline: Timeline
  /** Whether a promoted standby may lack the last events: replication is asynchronous. */
  readonly canLag: boolean
  readonly trace: Trace
  readonly chance: Chance
}

/** Everything that a database is at a moment. */
interface Life extends DatabaseOptions {
  readonly stored: Stored
  readonly listeners: Set<(text: string) => void>
  readonly crashListeners: Set<() => void>
  /** Rises with each crash: what was begun before goes on no more. */
  epoch: number
  downUntilMs: number
  stalledUntilMs: number
  rowLocks: Map<string, Lock>
  logLock: Lock
  underWay: Commit[]
  /** Committed, and lost in a crash. */
  notOnDisk: Commit[]
  /** What was there before each of the last commits, the last one last. */
  readonly past: Past[]
}

/** What was stored at a moment. */
interface Past {
  readonly eventCount: number
  readonly nodes: readonly (readonly [string, { renewals: number; appliedSeq: number }])[]
}

/** Creates a database that knows of some events of a time before. */
export function createDatabase(options: DatabaseOptions): SimulatedDatabase {
  const { timeline, trace, chance } = options
  const seqBefore = chance.below(1000)
  const life: Life = {
    ...options,
    stored: {
      ...{ seqBefore, log: [], nodes: new Map(), cutOffs: new Map() },
      ...{ timeline: 1, lost: new Set() },
    },
    listeners: new Set(),
    crashListeners: new Set(),
    ...{ epoch: 0, downUntilMs: 0, stalledUntilMs: 0 },
    ...{ rowLocks: new Map(), logLock: createLock(), underWay: [], notOnDisk: [], past: [] },
  }
  const execution = executionOf(life)
  return {
    stored: life.stored,
    isUp: () => timeline.now() >= life.downUntilMs,
    execute: (statement, answer) =>
      later(life, chance.between(0.02, 0.2), () => statement.run(execution, answer)),
    listen(onNotice) {
      life.listeners.add(onNotice)
      return () => life.listeners.delete(onNotice)
    },
    onCrash: (listener) => void life.crashListeners.add(listener),
    crash: (downForMs) => crash(life, downForMs),
    failOver: (downForMs) => failOver(life, downForMs),
    stall(forMs) {
      trace.note('database', `its disk stands still for ${forMs.toFixed(0)} ms`)
      life.stalledUntilMs = timeline.now() + forMs
    },
  }
}

function later(life: Life, delayMs: number, call: () => void): void {
  const begunIn = life.epoch
  life.timeline.after(delayMs, () => {
    if (begunIn === life.epoch) call()
  })
}

function executionOf(life: Life): Execution {
  const { stored, chance, trace, listeners } = life
  return {
    stored,
    chance,
    rowLock(nodeId) {
      const lock = life.rowLocks.get(nodeId) ?? createLock()
      life.rowLocks.set(nodeId, lock)
      return lock
    },
    logLock: () => life.logLock,
    commit(commit) {
      life.underWay.push(commit)
      later(life, commitDelayMs(life, commit), () => {
        life.underWay = life.underWay.filter((other) => other !== commit)
        applyNow(life, commit)
        // What is on disk has everything before it on disk.
        if (commit.isDurable) life.notOnDisk = []
        else life.notOnDisk.push(commit)
        commit.done()
      })
    },
    announce(text) {
      trace.note('database', `notifies ${text.split(':').slice(0, 3).join(':')}`)
      for (const listener of listeners) listener(text)
    },
    now: life.timeline.now,
  }
}

/** A standby lags behind by so many commits at most: renewals, reports, tokens and events. */
const lagCommitsMax = 16

function applyNow({ stored, past }: Life, { apply }: Commit): void {
  past.push({ eventCount: stored.log.length, nodes: [...stored.nodes] })
  if (past.length > lagCommitsMax) past.shift()
  apply()
}

function commitDelayMs({ chance, timeline, stalledUntilMs }: Life, { isDurable }: Commit): number {
  if (!isDurable) return chance.between(0.01, 0.1)
  const usualMs = chance.happens(0.02) ? chance.between(5, 80) : chance.between(0.2, 2)
  return Math.max(usualMs, stalledUntilMs - timeline.now())
}

function crash(life: Life, downForMs: number): void {
  const { chance, trace, timeline, underWay, notOnDisk } = life
  life.epoch += 1
  life.downUntilMs = timeline.now() + downForMs
  // Some of what was under way reached the disk, and everything before it.
  const reached = underWay.slice(0, chance.below(underWay.length + 1))
  if (reached.length === 0) {
    const lost = notOnDisk.slice(chance.below(notOnDisk.length + 1))
    for (const { undo } of lost.reverse()) undo?.()
    life.past.splice(Math.max(0, life.past.length - lost.length))
  }
  life.listeners.clear()
  for (const commit of reached) applyNow(life, commit)
  trace.note('database', `crashes, for ${downForMs.toFixed(0)} ms`)
  Object.assign(life, { underWay: [], notOnDisk: [], rowLocks: new Map(), logLock: createLock() })
  for (const listener of life.crashListeners) listener()
}

function failOver(life: Life, downForMs: number): void {
  const { chance, trace, stored, past } = life
  crash(life, downForMs)
  stored.timeline += 1
  const lagging = life.canLag ? past.splice(past.length - chance.below(past.length + 1)) : []
  const [before] = lagging
  const lost = before === undefined ? [] : stored.log.splice(before.eventCount)
  const rows = [...stored.nodes.keys()].filter((id) => !before?.nodes.some(([one]) => one === id))
  const behind = before === undefined ? 0 : rows.length
  trace.note('database', `is a standby, ${lost.length} events and ${behind} nodes behind`)
  if (before === undefined) return
  for (const event of lost) stored.lost.add(event)
  stored.cutOffs.clear()
  for (const event of stored.log) noteCutOff(stored, event)
  stored.nodes.clear()
  for (const [nodeId, row] of before.nodes) stored.nodes.set(nodeId, row)
}

/** Names a subject in `cutOffs`. */
export function nameOf(kind: string, subject: string): string {
  return `${kind}/${subject}`
}

/** Notes what an event voids. */
export function noteCutOff({ cutOffs }: Stored, event: LogEvent): void {
  if ('generation' in event) cutOffs.set(nameOf(event.kind, event.subject), event.generation)
}
