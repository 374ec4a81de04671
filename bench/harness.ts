import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Endpoint } from './connection.ts'
import type { LoadMessage, LoadPlan, LoadResult, Sample } from './load.ts'
import type { AccountedServer } from './processes.ts'

/**
 * How claims are measured: contenders take turns (A B C A B C ...), every round lasts some seconds,
 * a ratio is made within its round, and what counts is the median of the rounds. A neighbour on the
 * machine thus disturbs all contenders of a round alike, or one round of many.
 */

/** One server doing one kind of work. */
export interface Contender {
  /** As the report shows it. */
  readonly name: string
  readonly server: AccountedServer
  readonly endpoint: Endpoint
  readonly connections: number
  readonly expectedStatus: number
  /** Builds the requests of a round just before it, so that their signatures are fresh. */
  readonly prepare: () => Promise<readonly Buffer[]> | readonly Buffer[]
  /** Sends every request of a round only once, instead of in turn for its whole length. */
  readonly isOnce?: boolean
  /** Gives each connection a request of its own. */
  readonly isBound?: boolean
  /** Looks at a sample of the answers of each round; throws when one is wrong. */
  readonly check: (samples: readonly Sample[]) => Promise<void> | void
}

/** How long everything takes. */
export interface Pace {
  readonly rounds: number
  readonly warmUpMs: number
  readonly measureMs: number
}

/** What a contender cost. */
export interface Series {
  readonly name: string
  /** CPU microseconds per request of all processes of the server, one figure per round. */
  readonly microseconds: readonly number[]
  /** The same of the one Node process that used the most. */
  readonly busiestMicroseconds: readonly number[]
  /** Requests per second, one figure per round; wall time, so only a hint. */
  readonly perSecond: readonly number[]
}

/** A figure of the issue. */
export interface Claim {
  readonly text: string
  /** One figure per round or attempt. */
  readonly figures: readonly number[]
  readonly unit: 'x' | 'us' | 'ms' | 'KB' | 'MB' | 's' | 'lost'
  /** At most this; absent for what is only good to know. */
  readonly limit?: number
}

/** What the bench hands to each of its scripts. */
export interface Bench {
  readonly pace: Pace
  readonly load: Load
  /** Shows what a contender cost. */
  readonly report: (series: Series) => void
  /** Shows a line. */
  readonly note: (text: string) => void
}

/** The load generator's process. */
export interface Load {
  readonly run: (plan: LoadPlan) => Promise<LoadResult>
  readonly stop: () => void
}

/** Every how many answers one is checked: odd, so that all connections get their turn. */
const sampleEvery = 211

/**
 * Runs the contenders in turn.
 *
 * @returns their series, in the order of the contenders.
 */
export async function compare<const Contenders extends readonly Contender[]>(
  bench: Bench,
  contenders: Contenders,
): Promise<{ readonly [Position in keyof Contenders]: Series }> {
  const { rounds } = bench.pace
  const tables = contenders.map(({ name }) => ({
    name,
    microseconds: [] as number[],
    busiestMicroseconds: [] as number[],
    perSecond: [] as number[],
  }))
  // Round -1 warms up: code gets compiled, pools filled, connections of the database opened.
  for (let round = -1; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const result = await runRound(bench, contender)
      if (round < 0) continue
      tables[index]?.microseconds.push(result.cpuMicroseconds / result.count)
      tables[index]?.busiestMicroseconds.push(result.busiestMicroseconds / result.count)
      tables[index]?.perSecond.push((result.count * 1000) / result.elapsedMs)
    }
  }
  for (const series of tables) bench.report(series)
  return tables as { readonly [Position in keyof Contenders]: Series }
}

async function runRound({ load, pace }: Bench, contender: Contender): Promise<LoadResult> {
  const { name, server, endpoint, connections, expectedStatus } = contender
  const { pid, postmasterPidFile } = server
  const isOnce = contender.isOnce === true
  const isBound = contender.isBound === true
  const requests = await contender.prepare()
  try {
    const result = await load.run({
      server: { pid, postmasterPidFile },
      endpoint,
      connections,
      requests,
      isBound,
      expectedStatus,
      warmUpMs: pace.warmUpMs,
      measureMs: isOnce ? 'once' : pace.measureMs,
      sampleEvery: isOnce ? 1 : sampleEvery,
    })
    if (result.count === 0) throw new Error('no request was answered')
    await contender.check(result.samples)
    return result
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : error}`, { cause: error })
  }
}

/** Starts the load generator. */
export function startLoad(): Load {
  const child = fork(fileURLToPath(new URL('./load.js', import.meta.url)), {
    serialization: 'advanced',
  })
  const run = (plan: LoadPlan) =>
    new Promise<LoadResult>((resolve, reject) => {
      const onExit = () => reject(new Error('the load generator ended'))
      child.once('exit', onExit)
      child.once('message', (message: LoadMessage) => {
        child.off('exit', onExit)
        if ('result' in message) resolve(message.result)
        else reject(new Error(message.failure))
      })
      child.send(plan)
    })
  return { run, stop: () => child.disconnect() }
}

/** The middle figure, or the mean of the two in the middle. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((one, other) => one - other)
  const middle = (sorted.length - 1) / 2
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]]
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2
}

/** Cost of one contender over that of another, round by round. */
export function ratios(one: Series, other: Series): number[] {
  return one.microseconds.map((figure, round) => figure / (other.microseconds[round] ?? Number.NaN))
}

/** Cost of one contender less that of another, round by round, in microseconds. */
export function differences(one: Series, other: Series): number[] {
  return one.microseconds.map((figure, round) => figure - (other.microseconds[round] ?? Number.NaN))
}
