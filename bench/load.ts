import { setTimeout as delay } from 'node:timers/promises'
import { Connection, type Endpoint } from './connection.ts'
import { type AccountedServer, cpuMicroseconds, cpuOfNodes } from './processes.ts'

/**
 * The load generator: a process of its own, so that it costs the same for every server and is not
 * counted with any. It takes plans from its parent and answers each with what it measured.
 *
 * Every connection keeps exactly one request under way (a closed loop), unless a plan says how many
 * requests come in a second: then they come at their time, whatever became of those before. The
 * generator also reads the server's CPU time itself, in the same step as its own counter, so that
 * no message between processes stands between the two.
 */

/** One measurement. */
export interface LoadPlan {
  readonly server: AccountedServer
  readonly endpoint: Endpoint
  readonly connections: number
  /** Sent in turn, from the start again at the end. */
  readonly requests: readonly Buffer[]
  readonly expectedStatus: number
  /** Runs before the counters are read, in milliseconds. */
  readonly warmUpMs: number
  /** Until the counters are read again; `'once'` sends every request once and nothing before. */
  readonly measureMs: number | 'once'
  /** Whether each connection has a request of its own, which it sends again and again. */
  readonly isBound?: boolean
  /** Requests a second; absent: each connection sends the next one when it has its answer. */
  readonly perSecond?: number
  /** Keeps every n-th answer for the parent to look at. */
  readonly sampleEvery: number
}

/** An answer that is looked at after the round, with the request that it answers. */
export interface Sample {
  readonly requestIndex: number
  readonly body: Buffer
}

/** What a plan measured. */
export interface LoadResult {
  readonly count: number
  readonly cpuMicroseconds: number
  /** Of that Node process of the server alone that used the most. */
  readonly busiestMicroseconds: number
  readonly elapsedMs: number
  readonly samples: readonly Sample[]
  /** How long the slowest of 100 took: from when it was due, or was sent, to its answer. */
  readonly p99Ms: number
  readonly p50Ms: number
}

/** What the process sends to its parent for each plan. */
export type LoadMessage = { readonly result: LoadResult } | { readonly failure: string }

/** Samples of one measurement at most, so that long rounds do not hoard answers. */
const samplesMax = 20_000

/** The state of the closed loop of one plan. */
interface Loop {
  readonly plan: LoadPlan
  sent: number
  completed: number
  isStopping: boolean
  readonly samples: Sample[]
  latenciesMs: number[]
  /** Connections that wait for a request to be due; in a closed loop none. */
  readonly idle: Connection[]
  readonly startedAtMs: number
  /** The request of each connection, where each has its own. */
  readonly bound: Map<Connection, number>
  /** Ends the plan when everything was sent once, or when something went wrong. */
  readonly finish: (failure?: Error) => void
}

async function run(plan: LoadPlan): Promise<LoadResult> {
  let finish: Loop['finish'] = () => undefined
  const finished = new Promise<void>((resolve, reject) => {
    finish = (failure) => (failure === undefined ? resolve() : reject(failure))
  })
  const loop: Loop = {
    ...{ plan, sent: 0, completed: 0, isStopping: false, samples: [], latenciesMs: [], idle: [] },
    startedAtMs: performance.now(),
    bound: new Map(),
    finish,
  }
  const opening = Array.from({ length: plan.connections }, () =>
    Connection.open(plan.endpoint, finish),
  )
  const connections = await Promise.all(opening)
  if (plan.isBound === true) {
    for (const [index, connection] of connections.entries()) loop.bound.set(connection, index)
  }
  try {
    const started = plan.measureMs === 'once' ? readCounters(loop) : undefined
    for (const connection of connections) sendNext(loop, connection)
    if (plan.perSecond !== undefined) sendWhatIsDue(loop, plan.perSecond)
    if (started === undefined) await Promise.race([finished, delay(plan.warmUpMs)])
    const before = started ?? readCounters(loop)
    loop.latenciesMs = []
    const end = plan.measureMs === 'once' ? [] : [delay(plan.measureMs)]
    await Promise.race([finished, ...end])
    const after = readCounters(loop)
    return {
      count: after.completed - before.completed,
      cpuMicroseconds: after.cpu - before.cpu,
      busiestMicroseconds: Math.max(
        ...[...after.nodes].map(([pid, used]) => used - (before.nodes.get(pid) ?? 0)),
      ),
      elapsedMs: after.atMs - before.atMs,
      samples: loop.samples,
      p50Ms: quantile(loop.latenciesMs, 0.5),
      p99Ms: quantile(loop.latenciesMs, 0.99),
    }
  } finally {
    loop.isStopping = true
    for (const connection of connections) connection.close()
  }
}

function readCounters({ plan, completed }: Loop) {
  const { server } = plan
  const used = { cpu: cpuMicroseconds(server), nodes: cpuOfNodes(server) }
  return { completed, ...used, atMs: performance.now() }
}

function quantile(figures: readonly number[], part: number): number {
  const sorted = figures.toSorted((one, other) => one - other)
  return sorted[Math.ceil(sorted.length * part) - 1] ?? Number.NaN
}

/** Looks each millisecond for requests that are due; one without a free connection waits. */
function sendWhatIsDue(loop: Loop, perSecond: number): void {
  const timer = setInterval(() => {
    if (loop.isStopping) {
      clearInterval(timer)
      return
    }
    for (;;) {
      const dueAtMs = loop.startedAtMs + (loop.sent * 1000) / perSecond
      const connection = dueAtMs > performance.now() ? undefined : loop.idle.pop()
      if (connection === undefined) return
      send(loop, connection, dueAtMs)
    }
  }, 1)
}

function sendNext(loop: Loop, connection: Connection): void {
  const { plan } = loop
  if (loop.isStopping) return
  if (plan.perSecond !== undefined) {
    loop.idle.push(connection)
    return
  }
  if (plan.measureMs === 'once' && loop.sent === plan.requests.length) return
  send(loop, connection, performance.now())
}

function send(loop: Loop, connection: Connection, sinceMs: number): void {
  const { plan } = loop
  const turn = loop.sent++
  const requestIndex = (loop.bound.get(connection) ?? turn) % plan.requests.length
  const request = plan.requests[requestIndex]
  if (request === undefined) {
    loop.finish(new Error('a plan without requests'))
    return
  }
  connection.exchange(request, ({ status, body }) => {
    if (status !== plan.expectedStatus) {
      const answer = body.toString('utf8').slice(0, 300)
      loop.finish(new Error(`${status} instead of ${plan.expectedStatus}: ${answer}`))
      return
    }
    loop.completed++
    loop.latenciesMs.push(performance.now() - sinceMs)
    if (loop.completed % plan.sampleEvery === 0 && loop.samples.length < samplesMax) {
      loop.samples.push({ requestIndex, body: Buffer.from(body) })
    }
    if (plan.measureMs === 'once' && loop.completed === plan.requests.length) loop.finish()
    else sendNext(loop, connection)
  })
}

process.on('message', (plan: LoadPlan) => {
  const answer = (message: LoadMessage) => process.send?.(message)
  run(plan).then(
    (result) => answer({ result }),
    (error: unknown) => answer({ failure: error instanceof Error ? error.message : String(error) }),
  )
})
