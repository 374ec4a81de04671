/** What goes wrong in a simulation, and when: drawn from the seed, and over at the healing. */
import type { Chance } from './chance.ts'
import type { SimulatedDatabase } from './database.ts'
import type { Place } from './fleet.ts'
import type { Network } from './network.ts'
import type { Timeline } from './timeline.ts'

/** What faults can reach. */
export interface FaultWorld {
  readonly timeline: Timeline
  readonly chance: Chance
  readonly database: SimulatedDatabase
  readonly network: Network
  readonly places: readonly Place[]
  /**
   * Whether machines may sleep in this simulation. Otherwise wall clocks may be set back: one that
   * sleeps and has its wall clock set back by as much cannot know that it slept (decision 0012).
   */
  readonly isSleepy: boolean
  /** Whether connections may stay silent for ever, as when a box on the way has forgotten them. */
  readonly hasSilence: boolean
  /** Nothing goes wrong before this. */
  readonly fromMs: number
  /** Nor from here on: what hangs is let go, what is down comes up. */
  readonly healedAtMs: number
}

/** The steps at which a process may die or stand still. */
const steps = [
  'greet',
  'find-last',
  'find-end',
  'end-backend',
  'snapshot',
  'read-keys',
  'read-log',
  'join',
  'renew',
  'look',
  'report',
  'end-lease',
  'leave',
  'void',
  'issue',
].flatMap((name) => [`${name} asked`, `${name} answered`])
const trapSteps = [...steps, 'notice', 'applied', 'applied', 'void answered', 'renew answered']

/** A server that only starts is left to its supervisor. */
function isSilent({ hasSilence }: FaultWorld, place: Place): boolean {
  return hasSilence && place.server() !== undefined
}

type Fault = (world: FaultWorld, forMs: number) => void

function placeOf({ chance, places }: FaultWorld): Place {
  return chance.pick(places)
}

/** Stands still, and sleeps one time in four. */
function standStill(world: FaultWorld, place: Place): void {
  const { chance } = world
  const forMs = chance.happens(0.3) ? chance.between(5, 100) : chance.between(100, 2500)
  place.machine().pause(leftOf(world, forMs), world.isSleepy && chance.happens(0.4))
}

/** Is answered about a lease later. */
function answerLate(world: FaultWorld, place: Place): void {
  const { chance, network, timeline } = world
  const machine = place.machine()
  // What is sent at this step has arrived by then, and its answer has not.
  timeline.after(0.5, () => network.hang(machine))
  const forMs = leftOf(world, chance.between(600, 1500))
  timeline.after(forMs, () => network.release(machine, false))
}

/** Finds the database when others have gone on with it. */
function comeLate(world: FaultWorld, downForMs: number): void {
  const { chance, network, timeline } = world
  const machine = placeOf(world).machine()
  network.cutOff(machine)
  const forMs = leftOf(world, downForMs + chance.between(200, 1500))
  timeline.after(forMs, () => network.letIn(machine, false))
}

/** All join a primary that then is lost; one goes on by the lease that it had there. */
function joinTheLost(world: FaultWorld, downForMs: number): void {
  const { chance, database, network, timeline, places } = world
  for (const place of places) place.kill(chance.between(0, 10))
  const lookAgain = (leftMs: number) => {
    if (places.some((place) => place.server() === undefined)) {
      if (leftMs > 0) timeline.after(1, () => lookAgain(leftMs - 1))
      return
    }
    const machine = placeOf(world).machine()
    network.cutOff(machine)
    database.failOver(downForMs)
    timeline.after(leftOf(world, chance.between(300, 1500)), () => network.letIn(machine, false))
  }
  lookAgain(leftOf(world, 200))
}

/** Commits to a primary that then is lost, and hands that over when the other log has begun. */
function writeToTheLost(world: FaultWorld, downForMs: number): void {
  const { chance, database, timeline } = world
  const machine = placeOf(world).machine()
  machine.setTrap('void answered', () => {
    machine.errands.forMs = leftOf(world, downForMs + chance.between(20, 400))
    timeline.after(1, () => database.failOver(leftOf(world, downForMs)))
    timeline.after(5, () => {
      machine.errands.forMs = 0
    })
  })
}

/** No fault outlasts the healing. */
function leftOf({ timeline, healedAtMs }: FaultWorld, forMs: number): number {
  return Math.max(0, Math.min(forMs, healedAtMs - timeline.now()))
}

const faults: readonly (readonly [weight: number, Fault])[] = [
  [3, (world, forMs) => placeOf(world).kill(forMs)],
  [
    4,
    (world, forMs) => {
      const place = placeOf(world)
      const spring = () => place.kill(leftOf(world, forMs))
      place.machine().setTrap(world.chance.pick(trapSteps), spring)
    },
  ],
  [4, (world) => standStill(world, placeOf(world))],
  [
    6,
    (world) => {
      const place = placeOf(world)
      place.machine().setTrap(world.chance.pick(trapSteps), () => standStill(world, place))
    },
  ],
  [2, (world) => world.network.breakAll(placeOf(world).machine())],
  [
    3,
    (world, forMs) => {
      const place = placeOf(world)
      const machine = place.machine()
      world.network.hang(machine)
      world.timeline.after(forMs, () => world.network.release(machine, isSilent(world, place)))
    },
  ],
  [
    4,
    (world, forMs) => {
      const place = placeOf(world)
      const machine = place.machine()
      world.network.cutOff(machine)
      world.timeline.after(forMs, () => world.network.letIn(machine, isSilent(world, place)))
    },
  ],
  [2, ({ database }, forMs) => database.crash(forMs)],
  [
    3,
    (world) => {
      const place = placeOf(world)
      place.machine().setTrap('renew asked', () => answerLate(world, place))
    },
  ],
  [1, ({ database }, forMs) => database.failOver(forMs)],
  [
    3,
    (world) => {
      const forMs = leftOf(world, world.chance.between(20, 1800))
      world.database.failOver(forMs)
      comeLate(world, forMs)
    },
  ],
  [3, (world) => writeToTheLost(world, world.chance.between(5, 100))],
  [1, (world) => joinTheLost(world, leftOf(world, world.chance.between(1, 60)))],
  [2, ({ database }, forMs) => database.stall(forMs)],
  [3, (world) => placeOf(world).stop()],
  [
    2,
    (world) => {
      const leastMs = world.isSleepy ? 0 : -5000
      placeOf(world).machine().stepWall(world.chance.between(leastMs, 5000))
    },
  ],
]

const drawn = faults.flatMap(([weight, fault]) => Array.from({ length: weight }, () => fault))

/** Draws what goes wrong, and lets it happen. */
export function planFaults(world: FaultWorld): void {
  const { timeline, chance, network, places, fromMs, healedAtMs } = world
  const faultCount = 1 + chance.below(10)
  for (let number = 0; number < faultCount; number++) {
    const atMs = chance.between(fromMs, healedAtMs)
    const fault = chance.pick(drawn)
    const wishedMs = chance.happens(0.3) ? chance.between(5, 200) : chance.between(100, 2500)
    timeline.after(atMs, () => fault(world, Math.min(wishedMs, healedAtMs - atMs)))
  }
  if (chance.happens(0.5)) {
    network.notices.lossProbability = chance.between(0, 0.5)
    network.notices.delayMsMax = chance.happens(0.5) ? chance.between(0, 400) : 0
  }
  timeline.after(healedAtMs, () => {
    for (const place of places) place.machine().clearTraps()
    network.notices.lossProbability = 0
    network.notices.delayMsMax = 0
  })
}
