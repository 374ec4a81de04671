/**
 * The simulated PostgreSQL: what of its behaviour the corridor leans on, and no more.
 *
 * A statement sees what was committed when it began. It waits for the lock of a row that another
 * one changes, and looks at that row once more when it has the lock. A commit takes time, and is
 * seen by others at its end; the number of an event is taken under a lock that is held until then.
 * A crash takes back commits that need not be on disk, and of those under way nobody knows.
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
  readonly onCrash: (listener: () => void) => () => void
  readonly crash: (downForMs: number) => void
  /** Lets commits take until then. */
  readonly stall: (forMs: number) => void
}

/** What a database is made of. */
export interface DatabaseOptions {
  readonly timeline: Timeline
  readonly trace: Trace
  readonly chance: Chance
}

/** Creates a database that knows of some events of a time before. */
export function createDatabase(options: DatabaseOptions): SimulatedDatabase {
  const { timeline, trace, chance } = options
  const seqBefore = chance.below(1000)
  const stored: Stored = { seqBefore, log: [], nodes: new Map(), cutOffs: new Map() }
  const listeners = new Set<(text: string) => void>()
  const crashListeners = new Set<() => void>()
  let [epoch, downUntilMs, stalledUntilMs] = [0, 0, 0]
  let rowLocks = new Map<string, Lock>()
  let logLock = createLock()
  let underWay: Commit[] = []
  let notOnDisk: Commit[] = []
  const later = (delayMs: number, call: () => void) => {
    const begunIn = epoch
    timeline.after(delayMs, () => {
      if (begunIn === epoch) call()
    })
  }
  const commitDelayMs = (isDurable: boolean) => {
    if (!isDurable) return chance.between(0.01, 0.1)
    const usualMs = chance.happens(0.02) ? chance.between(5, 80) : chance.between(0.2, 2)
    return Math.max(usualMs, stalledUntilMs - timeline.now())
  }
  const execution: Execution = {
    stored,
    chance,
    rowLock(nodeId) {
      const lock = rowLocks.get(nodeId) ?? createLock()
      rowLocks.set(nodeId, lock)
      return lock
    },
    logLock: () => logLock,
    commit(commit) {
      underWay.push(commit)
      later(commitDelayMs(commit.isDurable), () => {
        underWay = underWay.filter((other) => other !== commit)
        commit.apply()
        // What is on disk has everything before it on disk.
        if (commit.isDurable) notOnDisk = []
        else notOnDisk.push(commit)
        commit.done()
      })
    },
    announce(text) {
      trace.note('database', `notifies ${text.split(':').slice(0, 3).join(':')}`)
      for (const listener of listeners) listener(text)
    },
  }
  return {
    stored,
    isUp: () => timeline.now() >= downUntilMs,
    execute: (statement, answer) =>
      later(chance.between(0.02, 0.2), () => statement.run(execution, answer)),
    listen(onNotice) {
      listeners.add(onNotice)
      return () => listeners.delete(onNotice)
    },
    onCrash(listener) {
      crashListeners.add(listener)
      return () => crashListeners.delete(listener)
    },
    crash(downForMs) {
      epoch += 1
      downUntilMs = timeline.now() + downForMs
      // Some of what was under way reached the disk, and everything before it.
      const reached = underWay.slice(0, chance.below(underWay.length + 1))
      if (reached.length === 0) {
        const lost = notOnDisk.slice(chance.below(notOnDisk.length + 1))
        for (const { undo } of lost.reverse()) undo?.()
      }
      for (const { apply } of reached) apply()
      trace.note('database', `crashes, for ${downForMs.toFixed(0)} ms`)
      underWay = []
      notOnDisk = []
      rowLocks = new Map()
      logLock = createLock()
      listeners.clear()
      for (const listener of [...crashListeners]) listener()
    },
    stall(forMs) {
      trace.note('database', `its disk stands still for ${forMs.toFixed(0)} ms`)
      stalledUntilMs = timeline.now() + forMs
    },
  }
}
