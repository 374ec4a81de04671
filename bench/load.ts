import { setTimeout as delay } from 'node:timers/promises'
import { Connection, type Endpoint } from './connection.ts'
import { type AccountedServer, cpuMicroseconds } from './processes.ts'

/**
 * The load generator: a process of its own, so that it costs the same for every server and is not
 * counted with any. It takes plans from its parent and answers each with what it measured.
 *
 * Every connection keeps exactly one request under way (a closed loop). The generator also reads
 * the server's CPU time itself, in the same step as its own counter, so that no message between
 * processes stands between the two.
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
  readonly elapsedMs: number
  readonly samples: readonly Sample[]
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
  /** Ends the plan when everything was sent once, or when something went wrong. */
  readonly finish: (failure?: Error) => void
}

async function run(plan: LoadPlan): Promise<LoadResult> {
  let finish: Loop['finish'] = () => undefined
  const finished = new Promise<void>((resolve, reject) => {
    finish = (failure) => (failure === undefined ? resolve() : reject(failure))
  })
  const loop: Loop = { plan, sent: 0, completed: 0, isStopping: false, samples: [], finish }
  const opening = Array.from({ length: plan.connections }, () =>
    Connection.open(plan.endpoint, finish),
  )
  const connections = await Promise.all(opening)
  try {
    const started = plan.measureMs === 'once' ? readCounters(loop) : undefined
    for (const connection of connections) sendNext(loop, connection)
    if (started === undefined) await Promise.race([finished, delay(plan.warmUpMs)])
    const before = started ?? readCounters(loop)
    const end = plan.measureMs === 'once' ? [] : [delay(plan.measureMs)]
    await Promise.race([finished, ...end])
    const after = readCounters(loop)
    return {
      count: after.completed - before.completed,
      cpuMicroseconds: after.cpu - before.cpu,
      elapsedMs: after.atMs - before.atMs,
      samples: loop.samples,
    }
  } finally {
    loop.isStopping = true
    for (const connection of connections) connection.close()
  }
}

function readCounters({ plan, completed }: Loop) {
  return { completed, cpu: cpuMicroseconds(plan.server), atMs: performance.now() }
}

function sendNext(loop: Loop, connection: Connection): void {
  const { plan } = loop
  if (loop.isStopping) return
  if (plan.measureMs === 'once' && loop.sent === plan.requests.length) return
  const requestIndex = loop.sent++ % plan.requests.length
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
    if (loop.completed % plan.sampleEvery === 0 && loop.samples.length < samplesMax) {
      loop.samples.push({ requestIndex, body: Buffer.from(body) })
    }
    if (plan.measureMs === 'once' && loop.completed === plan.requests.length) loop.finish()
    else sendNext(loop, connection)
  })
}

process.on('message', (plan: LoadPlan) => {
  const send = (message: LoadMessage) => process.send?.(message)
  run(plan).then(
    (result) => send({ result }),
    (error: unknown) => send({ failure: error instanceof Error ? error.message : String(error) }),
  )
})
