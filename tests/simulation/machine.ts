/**
 * A simulated process on a machine of its own: its clocks, its timers, its pauses and its death.
 *
 * Its code runs only when one of its timers is due or when something reaches it. So a process that
 * stands still (SIGSTOP, a long collection of garbage, a machine that sleeps) is one whose timers
 * and arrivals are kept until it goes on, and a dead one is one that nothing reaches.
 */
import { createPlatform, type Platform } from '@parley/server/foundation/platform'
import type { Timers } from '@parley/server/foundation/timers'
import type { Chance } from './chance.ts'
import type { Timeline } from './timeline.ts'
import type { Trace } from './trace.ts'

/** A simulated process. */
export interface Machine {
  readonly name: string
  readonly platform: Platform
  readonly timers: Timers
  readonly isAlive: () => boolean
  /** Hands over what reached the process: at once, when it goes on, or never. */
  readonly enter: (call: () => void) => void
  /** Says that a step begins; a trap that was set for it springs. */
  readonly step: (name: string) => void
  /** Sets a trap: the next step of that name is where something happens. */
  readonly setTrap: (stepName: string, spring: () => void) => void
  readonly clearTraps: () => void
  /** Lets the process stand still; with a machine that sleeps its monotonic clock stands, too. */
  readonly pause: (forMs: number, isAsleep: boolean) => void
  readonly die: () => void
  /** For how long handlers do something else after a commit. */
  readonly errands: { forMs: number }
  /** Sets the wall clock forward, or back. */
  readonly stepWall: (byMs: number) => void
  /** For how long it has stood still so far, milliseconds of true time. */
  readonly stoodMs: () => number
}

/** What a machine is made of. */
export interface MachineOptions {
  readonly name: string
  readonly timeline: Timeline
  readonly trace: Trace
  readonly chance: Chance
  /** How fast its clocks run; 1 is true. */
  readonly rate: number
  /** What its wall clock shows at the beginning of time. */
  readonly wallMs: number
}

interface Waiting {
  readonly calls: (() => void)[]
  readonly timers: (() => void)[]
}

/** Starts a process. */
export function createMachine(options: MachineOptions): Machine {
  const { name, timeline, trace, chance, rate, wallMs } = options
  const kept: Waiting = { calls: [], timers: [] }
  const traps = new Map<string, () => void>()
  const bootMs = chance.between(1000, 1_000_000)
  let [isAlive, isCatchingUp] = [true, false]
  let [pausedUntilMs, stoodMs, asleepMs, steppedMs] = [0, 0, 0, 0]
  const monotonicNow = () => bootMs + rate * (timeline.now() - asleepMs)
  const now = () => Math.round(wallMs + rate * timeline.now() + steppedMs)
  const isStanding = () => isCatchingUp || timeline.now() < pausedUntilMs

  const catchUp = () => {
    if (timeline.now() < pausedUntilMs) return
    const [calls, timers] = [kept.calls.length, kept.timers.length]
    const isTimer = timers > 0 && (calls === 0 || chance.happens(0.5))
    const call = (isTimer ? kept.timers : kept.calls).shift()
    isCatchingUp = calls + timers > 1
    if (isAlive) call?.()
    if (isCatchingUp) timeline.after(chance.between(0.001, 0.1), catchUp)
  }
  const run = (call: () => void, keeper: (() => void)[]) => {
    if (!isAlive) return
    if (isStanding()) keeper.push(call)
    else call()
  }
  return {
    name,
    platform: createPlatform({ now, monotonicNow, randomBytes: chance.bytes }),
    timers: timersOf(options, monotonicNow, (call) => run(call, kept.timers)),
    isAlive: () => isAlive,
    enter: (call) => run(call, kept.calls),
    step(stepName) {
      const spring = traps.get(stepName)
      traps.delete(stepName)
      spring?.()
    },
    setTrap: (stepName, spring) => void traps.set(stepName, spring),
    clearTraps: () => traps.clear(),
    pause(forMs, isAsleep) {
      if (!isAlive || isStanding()) return
      trace.note(name, `${isAsleep ? 'sleeps' : 'stands still'} for ${forMs.toFixed(0)} ms`)
      pausedUntilMs = timeline.now() + forMs
      // Nobody reads its clock before it is awake.
      if (isAsleep) asleepMs += forMs
      timeline.after(forMs, () => {
        stoodMs += forMs
        if (isAlive) trace.note(name, 'goes on')
        catchUp()
      })
    },
    die: () => {
      isAlive = false
    },
    stepWall(byMs) {
      trace.note(name, `its wall clock is set by ${byMs.toFixed(0)} ms`)
      steppedMs += byMs
    },
    ...{ errands: { forMs: 0 }, stoodMs: () => stoodMs },
  }
}

/** Timers by a clock of one's own. */
function timersOf(
  { timeline, chance, rate }: MachineOptions,
  monotonicNow: () => number,
  run: (call: () => void) => void,
): Timers {
  return {
    callAfter(delayMs, call) {
      const dueMs = monotonicNow() + delayMs
      let isTakenBack = false
      const callOnce = () => {
        if (!isTakenBack) call()
      }
      const ring = () => {
        // The clock stood still while the machine slept, so this is early.
        const leftMs = dueMs - monotonicNow()
        if (leftMs > 1) takeBack = timeline.after(leftMs / rate, ring)
        else run(callOnce)
      }
      // Timers of Node are due by whole milliseconds: up to one early, and late in a busy loop.
      let takeBack = timeline.after(delayMs / rate + chance.between(-0.5, 1), ring)
      return () => {
        isTakenBack = true
        takeBack()
      }
    },
  }
}
