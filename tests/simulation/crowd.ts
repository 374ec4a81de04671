import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

/** What came of one seed. */
export interface SeedSeen {
  readonly seed: number
  readonly violations: readonly string[]
  readonly digest: string
}

/** Which seeds are to be simulated. */
export interface CrowdAsk {
  readonly from: number
  readonly count: number
  /** The name of a rule that is broken. */
  readonly mutation?: string
  /** Whether the first violation is enough. */
  readonly stopsAtFirst?: boolean
  /** Processes; default: as many as the machine has processors. */
  readonly processCount?: number
}

const chunk = 50

/** Simulates many seeds on all processors; gives what was seen, in the order of the seeds. */
export async function simulateSeeds(asked: CrowdAsk): Promise<readonly SeedSeen[]> {
  const seen: SeedSeen[] = []
  const end = asked.from + asked.count
  let next = asked.from
  let isEnough = false
  const work = () =>
    new Promise<void>((resolve, reject) => {
      const child = fork(join(import.meta.dirname, 'child.js'), [asked.mutation ?? ''])
      const finish = () => {
        child.removeAllListeners('exit')
        child.kill()
        resolve()
      }
      child.once('exit', (code) => reject(new Error(`a simulating process ended with ${code}`)))
      child.on('message', (said: SeedSeen | { readonly isDone: true }) => {
        if (!('isDone' in said)) {
          seen.push(said)
          if (asked.stopsAtFirst === true && said.violations.length > 0) isEnough = true
          if (isEnough) finish()
        } else if (isEnough || next >= end) finish()
        else {
          child.send({ from: next, count: Math.min(chunk, end - next) })
          next += chunk
        }
      })
    })
  const processCount = asked.processCount ?? availableParallelism()
  await Promise.all(Array.from({ length: processCount }, work))
  return seen.toSorted((one, other) => one.seed - other.seed)
}
