/**
 * The simulated network between processes and the database.
 *
 * What is sent over one connection arrives in its order, after a while. A connection may break, so
 * that both ends learn of it and nobody knows what became of what was under way; or hang, so that
 * neither learns anything. A process that is cut off has all its connections hang, and opens none.
 */
import type { Statement } from './database.ts'
import type { Machine } from './machine.ts'
import {
  breakWire,
  type Carrier,
  carry,
  endAtDatabase,
  endAtProcess,
  enqueue,
  errorOf,
  flow,
  type NetworkOptions,
  type Wire,
} from './wire.ts'

/** One connection, as the process has it. */
export interface Connection {
  readonly ask: <Answer>(statement: Statement<Answer>) => Promise<Answer>
  readonly isOpen: () => boolean
  /** How many statements wait for their answer. */
  readonly pendingCount: () => number
  readonly close: () => void
}

/** What a process wants of a connection. */
export interface ConnectionWish {
  readonly machine: Machine
  readonly timeoutMs: number
  /** Hears every notice; absent: does not listen. */
  readonly onNotice?: (text: string) => void
  readonly onClose?: () => void
}

/** The network of one simulation. */
export interface Network {
  /** Rejects where nobody answers in time, or at all. */
  readonly connect: (wish: ConnectionWish) => Promise<Connection>
  /** Breaks the connections of a process, or of all. */
  readonly breakAll: (machine?: Machine) => void
  /** Lets some connections of a process hang from now on. */
  readonly hang: (machine: Machine) => void
  /** Takes back what hangs: it goes on, or breaks; or stays silent for ever, where that may be. */
  readonly release: (machine: Machine, mayStaySilent: boolean) => void
  /** Cuts a process off, until it is let in again; what hung then goes on or breaks. */
  readonly cutOff: (machine: Machine) => void
  readonly letIn: (machine: Machine, mayStaySilent: boolean) => void
  /** What becomes of notices beside arriving in their order. */
  readonly notices: { lossProbability: number; delayMsMax: number }
}

interface Net extends Carrier {
  readonly cutOffs: Set<Machine>
  /** Connections that could not begin. */
  readonly atTheDoor: Map<Machine, (() => void)[]>
  readonly notices: Network['notices']
}

/** Creates a network in which everything is well. */
export function createNetwork(options: NetworkOptions): Network {
  const net: Net = {
    ...options,
    wires: new Set(),
    cutOffs: new Set(),
    atTheDoor: new Map(),
    notices: { lossProbability: 0, delayMsMax: 0 },
  }
  const { timeline, trace, chance } = net
  const breakAll = (machine?: Machine) => {
    for (const wire of [...net.wires]) {
      if (machine === undefined || wire.machine === machine) breakWire(net, wire)
    }
  }
  options.database.onCrash(() => breakAll())
  const release = (machine: Machine, mayStaySilent: boolean) => {
    for (const wire of [...net.wires]) {
      if (wire.machine !== machine || !wire.isHung) continue
      if (mayStaySilent && chance.happens(0.5)) continue
      if (chance.happens(0.5)) breakWire(net, wire)
      else flow(net, wire)
    }
  }
  const hang = (machine: Machine, probability: number) => {
    for (const wire of net.wires) {
      if (wire.machine === machine && chance.happens(probability)) wire.isHung = true
    }
  }
  return {
    connect: (wish) => connect(net, wish),
    breakAll(machine) {
      trace.note(machine?.name ?? 'network', 'its connections break')
      breakAll(machine)
    },
    hang(machine) {
      trace.note(machine.name, 'some of its connections hang')
      hang(machine, 0.6)
    },
    release(machine, mayStaySilent) {
      trace.note(machine.name, 'its connections hang no more')
      release(machine, mayStaySilent)
    },
    cutOff(machine) {
      trace.note(machine.name, 'is cut off from the database')
      net.cutOffs.add(machine)
      hang(machine, 1)
    },
    letIn(machine, mayStaySilent) {
      trace.note(machine.name, 'reaches the database again')
      net.cutOffs.delete(machine)
      release(machine, mayStaySilent)
      const knocking = net.atTheDoor.get(machine) ?? []
      net.atTheDoor.delete(machine)
      // What was sent in vain is sent once more after a while.
      for (const knock of knocking) timeline.after(chance.between(0, 200), knock)
    },
    notices: net.notices,
  }
}

function connect(net: Net, wish: ConnectionWish): Promise<Connection> {
  const { timeline, chance, database } = net
  const { machine } = wish
  return new Promise((resolve, reject) => {
    let isOver = false
    const settle = (call: () => void) => {
      if (isOver) return
      isOver = true
      stopTimer()
      call()
    }
    const giveUp = () => settle(() => reject(errorOf('CONNECT_TIMEOUT')))
    const stopTimer = machine.timers.callAfter(wish.timeoutMs, giveUp)
    const knock = () => {
      if (isOver) return
      if (net.cutOffs.has(machine)) {
        net.atTheDoor.set(machine, [...(net.atTheDoor.get(machine) ?? []), knock])
      } else if (database.isUp()) {
        const wire = enterWire(net, wish)
        const arrive = () => settle(() => resolve(connectionOn(net, wire)))
        timeline.after(chance.between(0.5, 4), () => machine.enter(arrive))
      } else {
        const refuse = () => settle(() => reject(errorOf('ECONNREFUSED')))
        timeline.after(chance.between(0.1, 1), () => machine.enter(refuse))
      }
    }
    timeline.after(chance.between(0.1, 1), knock)
  })
}

function enterWire(net: Net, { machine, onNotice, onClose }: ConnectionWish): Wire {
  const wire: Wire = {
    machine,
    onClose,
    isClosed: false,
    isAbandoned: false,
    isHung: false,
    held: [],
    lastArrivalMs: { there: 0, back: 0 },
    pending: new Map(),
    askCount: 0,
    queue: [],
    isBusy: false,
    stopListening: () => undefined,
  }
  net.wires.add(wire)
  if (onNotice !== undefined) {
    wire.stopListening = net.database.listen((text) => carryNotice(net, wire, () => onNotice(text)))
  }
  return wire
}

function carryNotice(net: Net, wire: Wire, tell: () => void): void {
  const { chance, timeline, notices } = net
  const arrive = () => {
    if (wire.isClosed) return
    wire.machine.step('notice')
    tell()
  }
  if (chance.happens(notices.lossProbability)) return
  const times = chance.happens(notices.lossProbability / 4) ? 2 : 1
  for (let time = 0; time < times; time++) {
    const delayMs = notices.delayMsMax === 0 ? 0 : chance.between(0, notices.delayMsMax)
    const go = () => carry(net, wire, { way: 'back', call: () => wire.machine.enter(arrive) })
    if (delayMs === 0) go()
    else timeline.after(delayMs, go)
  }
}

function connectionOn(net: Net, wire: Wire): Connection {
  const { machine } = wire
  const close = () => {
    if (wire.isClosed) return
    endAtProcess(wire, 'CONNECTION_DESTROYED')
    carry(net, wire, { way: 'there', call: () => endAtDatabase(net, wire) })
  }
  return {
    isOpen: () => !wire.isClosed,
    pendingCount: () => wire.pending.size,
    close,
    ask<Answer>(statement: Statement<Answer>) {
      return new Promise<Answer>((resolve, reject) => {
        if (wire.isClosed) return reject(errorOf('CONNECTION_ENDED'))
        if (!machine.isAlive()) return
        machine.step(`${statement.name} asked`)
        if (!machine.isAlive()) return
        wire.askCount += 1
        const number = wire.askCount
        wire.pending.set(number, reject)
        const answer = (value: Answer) => {
          if (!wire.pending.delete(number)) return
          machine.step(`${statement.name} answered`)
          if (machine.isAlive()) resolve(value)
        }
        const back = (value: Answer) =>
          carry(net, wire, { way: 'back', call: () => machine.enter(() => answer(value)) })
        const run = (done: () => void) =>
          net.database.execute(statement, (value) => {
            if (!wire.isAbandoned) back(value)
            done()
          })
        carry(net, wire, { way: 'there', call: () => enqueue(wire, run) })
      })
    },
  }
}
