/** Faults, one after the other or two at a time, as the seed has it. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Chance } from './chance.ts'
import type { FleetNode } from './fleet.ts'
import type { Journal } from './journal.ts'
import type { Cluster, Running } from './postgres-server.ts'
import { run } from './postgres-server.ts'

/** What can be broken. */
export interface Breakable {
  readonly nodes: readonly [FleetNode, ...FleetNode[]]
  readonly journal: Journal
  readonly database: { readonly cluster: Cluster; running: Running }
  /** Told of each fault, in words. */
  readonly say: (text: string) => void
}

/** One fault: it breaks something, and gives what mends it. */
interface Fault {
  readonly name: string
  /** Who must not be expected to accept anything meanwhile. */
  readonly hits: readonly FleetNode[]
  readonly begin: () => Promise<() => Promise<void>>
  readonly lastsMs: number
}

/** After a fault everybody has so long to come back, before the next one. */
export const gapMs = 2500

/** Nodes that are well, until they are hit. */
export interface Health {
  readonly hit: (nodes: readonly FleetNode[]) => void
  readonly heal: (nodes: readonly FleetNode[]) => void
}

/** Keeps the book of who was well when. */
export function createHealth(journal: Journal, nodes: readonly FleetNode[]): Health {
  const since = new Map(nodes.map(({ name }) => [name, journal.now()]))
  return {
    hit(hit) {
      for (const { name: at } of hit) {
        const fromMs = since.get(at)
        if (fromMs !== undefined) journal.healthy.push({ at, fromMs, untilMs: journal.now() })
        since.delete(at)
      }
    },
    heal(healed) {
      for (const { name } of healed) since.set(name, journal.now())
    },
  }
}

/**
 * Called before each fault; what it gives is called while the fault lasts, with a node that is
 * well, if there is one.
 */
export type Prepare = (round: number) => Promise<(well: FleetNode | undefined) => Promise<void>>

/** Breaks and mends until the time is up; everything is whole at the end. */
export async function breakAndMend(
  world: Breakable,
  chance: Chance,
  until: { readonly atMs: number; readonly prepare: Prepare },
): Promise<void> {
  const health = createHealth(world.journal, world.nodes)
  for (let round = 1; world.journal.now() < until.atMs; round++) {
    const fault = draw(world, chance)
    const { name, hits, lastsMs } = fault
    world.say(`${name}, ${hits.map((node) => node.name).join(' ')}, ${lastsMs.toFixed()} ms`)
    const besides = await until.prepare(round)
    health.hit(hits)
    const mend = await fault.begin()
    const acting = besides(world.nodes.find((node) => !hits.includes(node)))
    await delay(lastsMs)
    await mend()
    health.heal(hits)
    await acting
    await delay(gapMs)
  }
  health.hit(world.nodes)
}

function draw(world: Breakable, chance: Chance): Fault {
  const node = chance.pick(world.nodes)
  const lastsMs = chance.between(200, 3000)
  const hits = [node]
  const onLine = (name: string, breaking: () => void): Fault => {
    const mend = chance.next() < 0.5 ? ' and reset' : ''
    return {
      name: `${name}${mend}`,
      ...{ hits, lastsMs },
      begin: async () => {
        breaking()
        return async () => {
          node.line.heal()
          if (mend !== '') node.line.cut()
        }
      },
    }
  }
  const { line } = node
  const faults = [
    () => killing(node, lastsMs),
    () => pausing(node, lastsMs + 1000),
    () => onLine('refuse', line.refuse),
    () => onLine('hold both ways', () => line.hold('both')),
    () => onLine('hold to the database', () => line.hold('to-server')),
    () => onLine('hold from the database', () => line.hold('to-client')),
    () => cutting(node, chance, lastsMs),
    () => restarting(world, chance),
    () => (node.step === undefined ? killing(node, lastsMs) : stepping(node, chance)),
  ] as const
  return chance.pick(faults)()
}

function killing(node: FleetNode, lastsMs: number): Fault {
  return {
    ...{ name: 'kill -9', hits: [node], lastsMs },
    begin: async () => {
      await node.kill()
      return node.start
    },
  }
}

/** Longer than a lease. */
function pausing(node: FleetNode, lastsMs: number): Fault {
  return {
    ...{ name: 'stop', hits: [node], lastsMs },
    begin: async () => {
      node.server.child.kill('SIGSTOP')
      return async () => {
        node.server.child.kill('SIGCONT')
      }
    },
  }
}

function cutting(node: FleetNode, chance: Chance, lastsMs: number): Fault {
  return {
    ...{ name: 'cut again and again', hits: [node], lastsMs },
    begin: async () => {
      let isOver = false
      const cutOn = async () => {
        while (!isOver) {
          node.line.cut()
          await delay(chance.between(5, 300))
        }
      }
      const cut = cutOn()
      return async () => {
        isOver = true
        await cut
      }
    },
  }
}

/** An immediate stop: what was not on disk is gone. */
function restarting({ nodes, database }: Breakable, chance: Chance): Fault {
  const signal = chance.pick(['SIGQUIT', 'SIGKILL'] as const)
  return {
    ...{ name: `${signal} to the database`, hits: nodes, lastsMs: chance.between(0, 1500) },
    begin: async () => {
      await database.running.end(signal)
      return async () => {
        database.running = await run(database.cluster)
      }
    },
  }
}

/** Within what clocks may differ by: an access key's signature is good for five minutes. */
function stepping(node: FleetNode, chance: Chance): Fault {
  const aheadSeconds = Math.round(chance.between(-120, 120))
  return {
    ...{ name: `set the clock to ${aheadSeconds} s`, hits: [node], lastsMs: 1500 },
    begin: async () => {
      node.step?.(aheadSeconds)
      return async () => undefined
    },
  }
}
