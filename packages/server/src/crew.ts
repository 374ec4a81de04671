/**
 * The workers of a primary: they are started, handed connections, asked how they are, replaced when
 * they end, and told to stop.
 */
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { ok, type Result } from '@parley/protocol'
import { serverLimits } from './contract/limits.ts'
import type { DatabaseAddress } from './database/connect.ts'
import type { Log } from './foundation/log.ts'
import type { Settings } from './foundation/settings.ts'
import { type Arrival, createDealer, type Dealer, type Taker } from './http/dealer.ts'
import type { StartFault } from './parley.ts'
import type { FromWorker, Scheme, ToWorker, WorkerLook } from './worker.ts'

/** Starts a process that does the work of a worker, with a channel to it. */
export type Fork = () => ChildProcess

/** The workers of a primary. */
export interface Crew {
  /** Starts them; gives the banner when all serve. */
  readonly start: (count: number, terms: WorkTerms) => Promise<Result<string, StartFault>>
  /** Hands a connection to one of them; it waits where none serves. */
  readonly hand: (scheme: Scheme, socket: Socket) => void
  /** Asks those that serve how they are; one that does not answer is not ready. */
  readonly look: () => Promise<ReadonlyMap<string, WorkerLook>>
  /** Lets each answer what it has, and waits for their ends. */
  readonly stop: () => Promise<void>
  /** Cuts the connections that nobody has taken. */
  readonly close: () => void
}

/** What a worker is told before it starts. */
export interface WorkTerms {
  readonly settings: Settings
  readonly address: DatabaseAddress
}

/** A connection that is to be served. */
interface Connection extends Arrival {
  readonly scheme: Scheme
  readonly socket: Socket
}

/** A process of the crew. */
interface Worker {
  readonly child: ChildProcess
  /** The number in its label, which a replacement takes over. */
  readonly name: string
  readonly taker: Taker<Connection>
  /** Settles when it is gone and everything that it had said was heard. */
  readonly ended: Promise<void>
}

/** What the parts of a crew share. */
interface Muster {
  readonly fork: Fork
  readonly log: Log
  readonly dealer: Dealer<Connection>
  readonly alive: Set<Worker>
  /** Those that are handed connections. */
  readonly serving: Set<Worker>
  isStopping: boolean
}

/** Creates a crew without anybody in it. */
export function createCrew(fork: Fork, log: Log): Crew {
  const { connectionsWaitingMax: waitingMax, connectionsUntakenMax: offersMax } = serverLimits
  const dealer = createDealer<Connection>({ waitingMax, offersMax })
  const nobody = { alive: new Set<Worker>(), serving: new Set<Worker>() }
  const muster: Muster = { ...nobody, fork, log, dealer, isStopping: false }
  return {
    async start(count, terms) {
      const names = Array.from({ length: count }, (_, index) => String(index + 1))
      const launched = await Promise.all(names.map((name) => launch(muster, name, terms)))
      return launched.find((one) => !one.ok) ?? launched[0] ?? ok('')
    },
    hand: (scheme, socket) => dealer.deal({ scheme, socket, drop: () => socket.destroy() }),
    look: () => lookAt(muster.serving),
    async stop() {
      muster.isStopping = true
      for (const { child } of muster.alive) tell(child, { kind: 'stop' })
      await Promise.all([...muster.alive].map(({ ended }) => ended))
      dealer.close()
    },
    close: () => dealer.close(),
  }
}

/** Whoever has died this moment is told nothing; its end comes as an event of its own. */
function tell(child: ChildProcess, message: ToWorker, socket?: Socket): void {
  // The socket stays open here until it was taken there.
  if (child.connected) child.send(message, socket, { keepOpen: true }, () => undefined)
}

function enlist(muster: Muster, name: string): Worker {
  const child = muster.fork()
  const taker: Taker<Connection> = {
    offer: ({ scheme, socket }, number) => {
      tell(child, { kind: 'connection', number, scheme }, socket)
    },
  }
  // Not `disconnect`: that never comes from a process that was killed with a socket on its way.
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.on('error', (error) => muster.log.warn({ err: error, worker: name }, 'a worker is deaf'))
  return { child, name, taker, ended }
}

/** Starts a worker; when it ends after it has served, another one takes its place. */
function launch(
  muster: Muster,
  name: string,
  terms: WorkTerms,
): Promise<Result<string, StartFault>> {
  const worker = enlist(muster, name)
  const { child, taker, ended } = worker
  const { alive, serving, dealer, log } = muster
  alive.add(worker)
  void ended.then(() => {
    alive.delete(worker)
    dealer.leave(taker)
    const hasServed = serving.delete(worker)
    if (muster.isStopping || !hasServed) return
    log.warn({ worker: name }, 'a worker ended; another one takes its place')
    void replace(muster, name, terms)
  })
  return new Promise((resolve) => {
    const fail = (message: string) => {
      resolve({ ok: false, fault: { kind: 'worker-failed', message } })
      tell(child, { kind: 'stop' })
    }
    child.on('message', (message: FromWorker) => {
      if (message.kind === 'taken') dealer.take(taker, message.number)?.socket.destroy()
      if (message.kind === 'finished') dealer.finish(taker)
      if (message.kind === 'waiting') tell(child, { kind: 'start', ...terms })
      if (message.kind === 'failed') fail(message.message)
      if (message.kind !== 'serving' || muster.isStopping) return
      serving.add(worker)
      dealer.join(taker)
      resolve(ok(message.banner))
    })
    void ended.then(() => fail('A worker ended while it was starting.'))
  })
}

async function replace(muster: Muster, name: string, terms: WorkTerms): Promise<void> {
  while (!muster.isStopping) {
    const launched = await launch(muster, name, terms)
    if (launched.ok) return
    const why = launched.fault.message
    muster.log.error({ worker: name, why }, 'a worker could not be replaced')
    await delay(serverLimits.workerPauseMs)
  }
}
/** Number of the last question, so that a late answer is not taken for that of the next. */
let lastLook = 0

async function lookAt(serving: ReadonlySet<Worker>): Promise<ReadonlyMap<string, WorkerLook>> {
  const looks = [...serving].map(async ({ name, child }) => [name, await askOne(child)] as const)
  return new Map(await Promise.all(looks))
}

function askOne(child: ChildProcess): Promise<WorkerLook> {
  lastLook += 1
  const number = lastLook
  return new Promise((resolve) => {
    const settle = (look: WorkerLook) => {
      clearTimeout(timer)
      child.off('message', hear)
      resolve(look)
    }
    const hear = (message: FromWorker) => {
      if (message.kind === 'seen' && message.number === number) settle(message)
    }
    const timer = setTimeout(
      () => settle({ isReady: false, metrics: [] }),
      serverLimits.workerLookTimeoutMs,
    )
    child.on('message', hear)
    tell(child, { kind: 'look', number })
  })
}
