/**
 * One simulation: some servers, one database, clients, and what goes wrong, all of one seed.
 *
 * It begins well, then things go wrong for some seconds, then they are healed, and a little later
 * every node must serve as if nothing had been.
 */
import { serverLimits } from '@parley/server/contract/limits'
import { leaseTerms } from '@parley/server/nodes/model'
import { createChance } from './chance.ts'
import { startClients } from './clients.ts'
import { createDatabase } from './database.ts'
import { planFaults } from './faults.ts'
import { startFleet } from './fleet.ts'
import { createHistory, type History } from './history.ts'
import { createNetwork } from './network.ts'
import { createTimeline } from './timeline.ts'
import { createTrace, type Trace } from './trace.ts'

/** What came of a seed. */
export interface Simulated {
  readonly seed: number
  /** What must not have been; empty when everything held. */
  readonly violations: readonly string[]
  /** The same for the same seed. */
  readonly digest: string
  readonly lines: Trace['lines']
  readonly count: History['count']
}

/** True milliseconds. */
const times = {
  clientsFrom: 250,
  faultsFrom: 350,
  faultsForMax: 4000,
  /** From the healing on: no live token is refused for longer than a lease. */
  settling: leaseTerms.leaseMs,
  /** And where a connection is silent for ever: until a node gives it up. */
  givingUp: 2300,
  /** From there on: a session was opened, and whoever is silent was watched for a lease. */
  takingOut: 600,
  tail: 1000,
}

/** How many servers there are, as often as it stands here. */
const nodeCounts = [2, 3, 3, 3, 3, 4]

const slowestRate = 0.9
/** What a loop, a timer and a look take at most beside a wait. */
const slackMs = 40

/** Lets a seed happen. @param keepsLines - whether the trace is to be read. */
export async function simulate(seed: number, keepsLines = false): Promise<Simulated> {
  const timeline = createTimeline()
  const chance = createChance(seed)
  const { now } = timeline
  const trace = createTrace(now, keepsLines)
  const canLag = chance.happens(0.5)
  const database = createDatabase({ timeline, trace, canLag, chance: chance.forkFor('database') })
  const network = createNetwork({ timeline, trace, chance: chance.forkFor('network'), database })
  const healedAtMs = times.faultsFrom + chance.between(1000, times.faultsForMax)
  const hasSilence = chance.happens(0.2)
  const noticedAtMs = healedAtMs + (hasSilence ? times.givingUp : 0)
  const settledAtMs = noticedAtMs + times.settling
  const untilMs = settledAtMs + times.tail
  const history = createHistory({
    now,
    database,
    settledAtMs,
    currentFromMs: settledAtMs - serverLimits.currentWaitMs + slackMs,
    confirmationMsMax: leaseTerms.leaseMs / slowestRate + slackMs,
    promptMsMax: leaseTerms.leaseMs / 2,
    promptFromMs: settledAtMs + times.takingOut,
  })
  const count = chance.pick(nodeCounts)
  const places = startFleet({
    ...{ timeline, trace, network, history, count },
    chance: chance.forkFor('fleet'),
  })
  startClients({
    ...{ timeline, trace, history, places, untilMs },
    chance: chance.forkFor('clients'),
    fromMs: times.clientsFrom,
    lastLookAtMs: settledAtMs + 1,
  })
  planFaults({
    ...{ timeline, database, network, places, healedAtMs },
    chance: chance.forkFor('faults'),
    hasSilence,
    isSleepy: chance.happens(0.5),
    fromMs: times.faultsFrom,
  })
  timeline.after(healedAtMs, () => trace.note('world', 'is healed'))
  await timeline.runUntil(untilMs + 1500)
  history.close(network.leftOvers())
  const { violations } = history
  return { seed, violations, digest: trace.digest(), lines: trace.lines, count: history.count }
}
