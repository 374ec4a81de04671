/** One connection, at both its ends, and how what is sent over it travels. */
import type { Chance } from './chance.ts'
import type { SimulatedDatabase } from './database.ts'
import type { Machine } from './machine.ts'
import type { Timeline } from './timeline.ts'
import type { Trace } from './trace.ts'

/** What a network is made of. */
export interface NetworkOptions {
  readonly timeline: Timeline
  readonly trace: Trace
  readonly chance: Chance
  readonly database: SimulatedDatabase
}

type Way = 'there' | 'back'

/** Everything about one connection, at both its ends. */
export interface Wire {
  readonly machine: Machine
  readonly onClose: (() => void) | undefined
  /** Closed at the process. */
  isClosed: boolean
  /** Closed at the database, which then answers nothing on it. */
  isAbandoned: boolean
  isHung: boolean
  /** What was sent while it hung. */
  held: { readonly way: Way; readonly call: () => void }[]
  readonly lastArrivalMs: Record<Way, number>
  readonly pending: Map<number, (error: Error) => void>
  askCount: number
  /** What arrived at the database and waits for what came before. */
  readonly queue: (() => void)[]
  isBusy: boolean
  stopListening: () => void
}

/** What travels over wires has use of. */
export interface Carrier extends NetworkOptions {
  /** Those that are open at the database. */
  readonly wires: Set<Wire>
}

/** An error as the driver has it. */
export function errorOf(code: string): Error {
  return Object.assign(new Error(code), { code })
}

/** Brings something over a connection: after all that was sent before it. */
export function carry(
  net: Carrier,
  wire: Wire,
  sent: { readonly way: Way; readonly call: () => void },
): void {
  const { timeline, chance } = net
  if (wire.isHung) {
    wire.held.push(sent)
    return
  }
  const delayMs = chance.happens(0.01) ? chance.between(1, 30) : chance.between(0.05, 0.4)
  const arrivalMs = Math.max(wire.lastArrivalMs[sent.way], timeline.now() + delayMs)
  wire.lastArrivalMs[sent.way] = arrivalMs
  timeline.after(arrivalMs - timeline.now(), () => {
    const isEnded = sent.way === 'there' ? wire.isAbandoned : wire.isClosed
    if (isEnded) return
    // What is on its way when the connection begins to hang hangs, too.
    if (wire.isHung) wire.held.push(sent)
    else sent.call()
  })
}

/** Lets a connection go on that hung. */
export function flow(net: Carrier, wire: Wire): void {
  wire.isHung = false
  for (const sent of wire.held.splice(0)) carry(net, wire, sent)
}

/** A connection does one statement after the other. */
export function enqueue(wire: Wire, run: (done: () => void) => void): void {
  const next = () => {
    const first = wire.queue.shift()
    wire.isBusy = first !== undefined
    first?.()
  }
  wire.queue.push(() => run(next))
  if (!wire.isBusy) next()
}

/** Both ends learn of it; what was on its way there may still arrive. */
export function breakWire(net: Carrier, wire: Wire): void {
  const { timeline, chance, database } = net
  for (const { way, call } of wire.held.splice(0)) {
    if (way === 'there' && database.isUp() && chance.happens(0.3)) call()
  }
  endAtDatabase(net, wire)
  timeline.after(chance.between(0, 1), () =>
    wire.machine.enter(() => endAtProcess(wire, 'CONNECTION_CLOSED')),
  )
}

/** The database answers nothing on it from now on. */
export function endAtDatabase(net: Carrier, wire: Wire): void {
  wire.isAbandoned = true
  wire.queue.length = 0
  wire.stopListening()
  net.wires.delete(wire)
}

/** The process learns that it is closed. */
export function endAtProcess(wire: Wire, code: string): void {
  if (wire.isClosed) return
  wire.isClosed = true
  const { onClose } = wire
  onClose?.()
  for (const [, reject] of wire.pending) reject(errorOf(code))
  wire.pending.clear()
}
