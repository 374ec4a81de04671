import { join } from 'node:path'
import { type Bench, type Claim, compare, type Series } from './harness.ts'
import { parleyIssuing } from './issue.ts'
import { createIdentities } from './population.ts'
import { createWorkDirectory, type ParleyServer, startParley } from './servers.ts'
import { requestsPerRound } from './yardsticks.ts'

/** Both serve as many at once for each process: groups are as large. */
const connectionsOfOne = 32

/**
 * Two workers against one process, at issuing tokens.
 *
 * What a server can do at most is told by its busiest process of Node: each has one thread of
 * JavaScript, and when that has no time left, more processors help no more. So the claim is the CPU
 * that the busiest one spends for each token of the whole server, with two workers against one
 * process; the primary counts as one of them, and so does a worker that got more than its share.
 * Two that cost no more each and share evenly come to 0.5, and 1.7 times as many tokens are 0.59.
 *
 * Wall time would say nothing here: on two processors the load generator, PostgreSQL and two
 * workers stand in each other's way, so it is printed and not claimed. What this does not see is
 * PostgreSQL running out of processors, or waits of two nodes for the same rows (of issuing there
 * are none); the CPU of PostgreSQL is in the whole, which is printed too.
 */
export async function measureWorkers(bench: Bench): Promise<Claim[]> {
  const work = createWorkDirectory()
  const [one, two] = await Promise.all([
    startParley(join(work.path, 'one')),
    startParley(join(work.path, 'two'), { workers: 2 }),
  ])
  try {
    const prepare = async (parley: ParleyServer, processes: number) => {
      const identities = await createIdentities(bench, parley, requestsPerRound)
      const label = processes === 1 ? ', one process' : ', two workers'
      const connections = connectionsOfOne * processes
      return parleyIssuing({
        parley,
        endpoint: parley.http,
        identities,
        issued: [],
        connections,
        label,
      })
    }
    // One after the other: there is one generator.
    const contenders = [await prepare(one, 1), await prepare(two, 2)] as const
    const [ones, twos] = await compare(bench, contenders)
    return [
      {
        text: 'busiest process per token, two workers / one process',
        figures: ratios(twos, ones, 'busiestMicroseconds'),
        unit: 'x',
        limit: 1 / 1.7,
      },
      {
        text: 'all processes per token, two workers / one process',
        figures: ratios(twos, ones, 'microseconds'),
        unit: 'x',
      },
      {
        text: 'tokens a second, wall time on this machine, two workers / one process',
        figures: ratios(twos, ones, 'perSecond'),
        unit: 'x',
      },
    ]
  } finally {
    await Promise.all([one.stop(), two.stop()])
    work.remove()
  }
}

function ratios(
  one: Series,
  other: Series,
  figure: 'busiestMicroseconds' | 'microseconds' | 'perSecond',
): number[] {
  return one[figure].map((value, round) => value / (other[figure][round] ?? Number.NaN))
}
