/** The servers of a simulation, each started again when it has died. */

import type { LogEvent } from '@parley/server/events/model'
import { issuedAtSeconds } from '../vectors/press.ts'
import type { Chance } from './chance.ts'
import type { History } from './history.ts'
import { createMachine, type Machine } from './machine.ts'
import type { Network } from './network.ts'
import { type Server, type ServerWorld, startServer } from './server.ts'
import type { Timeline } from './timeline.ts'
import type { Trace } from './trace.ts'

/** A place where one server runs after the other. */
export interface Place {
  readonly name: string
  /** The process that is there; it may be dead or still starting. */
  readonly machine: () => Machine
  /** The server, from when it serves. */
  readonly server: () => Server | undefined
  /** Ends the process at once; another one is started after a while. */
  readonly kill: (downForMs: number) => void
  /** Asks the server to end, as SIGTERM does, and starts another one. */
  readonly stop: () => void
}

/** What a fleet is made of. */
export interface FleetOptions {
  readonly timeline: Timeline
  readonly trace: Trace
  readonly chance: Chance
  readonly network: Network
  readonly history: History
  readonly count: number
}

/** Starts servers. */
export function startFleet(options: FleetOptions): readonly Place[] {
  return Array.from({ length: options.count }, (_, index) =>
    openPlace(options, `node ${index + 1}`),
  )
}

/** How wrong a clock may run; two of them together stay below the margin of a lease. */
const rates = [1, 1, 0.9, 0.97, 1.0005, 1.03, 1.1]

type Watching = Pick<ServerWorld, 'onApplied' | 'onKnown' | 'onReloaded'>

/** Tells the history in which order a process applies events. */
function watch(history: History, { name }: Machine): Watching {
  let before: LogEvent | undefined
  return {
    onKnown: (events) => history.noteKnown(events, name),
    onApplied(event) {
      history.noteApplied(event, before, name)
      before = event
    },
    onReloaded() {
      before = undefined
    },
  }
}

function openPlace(options: FleetOptions, name: string): Place {
  const { timeline, trace, network, history } = options
  const chance = options.chance.forkFor(name)
  const rate = chance.pick(rates)
  const wallMs = issuedAtSeconds * 1000 + 3_600_000 + chance.between(-60_000, 60_000)
  let incarnation = 0
  let machine: Machine
  let server: Server | undefined
  const start = () => {
    incarnation += 1
    const born = createMachine({
      name: `${name}${'abcdefghijklmnopqrstuvwxyz'[incarnation - 1] ?? `-${incarnation}`}`,
      ...{ timeline, trace, rate, wallMs },
      chance: chance.forkFor(`${incarnation}`),
    })
    machine = born
    server = undefined
    const world = { machine: born, network, trace, now: timeline.now, ...watch(history, born) }
    startServer(world).then(
      (started) => {
        if (machine === born && born.isAlive()) server = started
      },
      (error: unknown) => {
        if (!born.isAlive()) return
        trace.note(born.name, `does not start: ${error instanceof Error ? error.message : error}`)
        kill(chance.between(50, 300))
      },
    )
  }
  const kill = (downForMs: number) => {
    if (!machine.isAlive()) return
    trace.note(machine.name, 'dies')
    machine.die()
    server = undefined
    network.breakAll(machine)
    timeline.after(downForMs, start)
  }
  timeline.after(chance.between(0, 30), start)
  machine = createMachine({ name, timeline, trace, chance, rate, wallMs })
  machine.die()
  return {
    name,
    machine: () => machine,
    server: () => server,
    kill,
    stop() {
      const stopping = machine
      if (server === undefined) return
      const end = () => {
        if (machine === stopping) kill(chance.between(20, 200))
      }
      stopServer(options, server, end)
    },
  }
}

function stopServer({ timeline, trace, chance }: FleetOptions, server: Server, end: () => void) {
  const { machine, node } = server
  trace.note(machine.name, 'is asked to end')
  // The database is closed after the node; so a process lives a little longer.
  const endLater = () => timeline.after(chance.between(0, 100), end)
  machine.enter(() => void node.close().then(endLater))
}
