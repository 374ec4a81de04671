/**
 * Three real servers with three clocks on one real PostgreSQL, under faults of every kind, while
 * clients issue, use and void by every cause; and then the history is judged.
 *
 * `npm run faults -- --minutes 5 --seed 7` runs it longer, or again.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { leaseTerms } from '@parley/server/nodes/model'
import { createChance } from './chance.ts'
import { probe, rotateAll, type Scene, walk } from './clients.ts'
import { canSkew, endFleet, type FleetNode, type Skew, startFleetNode } from './fleet.ts'
import { followAt } from './followers.ts'
import { createGate } from './gate.ts'
import { complaintsAbout, lostOf } from './history.ts'
import { emptyJournal, type Journal } from './journal.ts'
import { makeCluster, type Running, run } from './postgres-server.ts'
import { readRemains } from './remains.ts'
import { breakAndMend } from './schedule.ts'

const { PARLEY_FAULTS_SEED, PARLEY_FAULTS_MINUTES } = process.env
const seed = Number(PARLEY_FAULTS_SEED ?? Date.now() % 1_000_000)
const minutes = Number(PARLEY_FAULTS_MINUTES ?? 1)
const walkerCount = 6

/** A busy machine takes so long to do what takes no time. */
const busyMs = 1000

const complaintsShown = 20
const logLinesShown = 40

/** Within the five minutes for which a signature is good; the third one runs 5 % fast as well. */
const skews: readonly Skew[] = [
  { clock: '+0', isMonotonic: false },
  { clock: '-100', isMonotonic: false },
  { clock: '+90 x1.05', isMonotonic: true },
]

describe(`three servers under faults, seed ${seed}, ${minutes} min`, () => {
  const isSkewed = canSkew()
  const database: { cluster: ReturnType<typeof makeCluster>; running: Running | undefined } = {
    cluster: makeCluster(),
    running: undefined,
  }
  const nodes: FleetNode[] = []
  before(async () => {
    database.running = await run(database.cluster)
    for (const [index, skew] of skews.entries()) {
      const { socket } = database.cluster
      const name = `node ${index + 1}`
      nodes.push(await startFleetNode({ name, socket, skew: isSkewed ? skew : undefined }))
    }
  })
  after(async () => {
    await endFleet(nodes)
    await database.running?.end('SIGINT')
  })

  test('keep every promise', async (context) => {
    const journal = emptyJournal()
    const said: string[] = []
    const startedAtMs = journal.now()
    const say = (text: string) => {
      said.push(`${((journal.now() - startedAtMs) / 1000).toFixed(1)} s: ${text}`)
    }
    context.diagnostic(`npm run faults -- --minutes ${minutes} --seed ${seed}`)
    const left = await live({ journal, say })
    const { uses, voidings, made } = journal
    const acknowledged = voidings.filter(({ outcome }) => outcome === 'acknowledged').length
    context.diagnostic(
      `${made.length} made, ${uses.length} uses, ${acknowledged} of ${voidings.length} voidings`,
    )
    const complaints = complaintsAbout(journal, leaseTerms.leaseMs + busyMs)
    const lost = lostOf(journal, left)
    for (const { name, server } of nodes) {
      const lines = server.stderr().split('\n').slice(-logLinesShown)
      said.push('', name, ...lines.map((line) => line.slice(0, 250)))
    }
    for (const [what, found] of Object.entries({ ...complaints, lost })) {
      const some = found.slice(0, complaintsShown).join('\n')
      assert.equal(found.length, 0, `${what}, ${found.length} times\n${some}\n${said.join('\n')}`)
    }
    assert.ok(acknowledged > 50 * minutes, `${acknowledged} voidings are too few to say anything`)
  })

  /** Everything from the first client to the last look. */
  async function live({ journal, say }: { journal: Journal; say: (text: string) => void }) {
    const [first, ...others] = nodes
    const { running } = database
    assert.ok(first !== undefined && running !== undefined)
    const gate = createGate()
    let isOver = false
    const scene: Scene = {
      nodes: [first, ...others],
      journal,
      live: new Set(),
      graves: [],
      admit: gate.admit,
      isOver: () => isOver,
    }
    const walkers = Array.from({ length: walkerCount }, (_, index) =>
      walk(scene, createChance(seed + 100 + index)),
    )
    const probes = nodes.map((node, index) => probe(scene, node, createChance(seed + 200 + index)))
    const followers = nodes.map((node) => followAt(scene, node))
    const held = { cluster: database.cluster, running }
    const world = { nodes: scene.nodes, journal, database: held, say }
    const faults = breakAndMend(world, createChance(seed), {
      atMs: journal.now() + minutes * 60_000,
      prepare: async (round) => {
        if (round % 4 !== 0) return async () => undefined
        await gate.close()
        return async (well) => {
          if (well !== undefined) say(`rotated at ${well.name}: ${await rotateAll(scene, well)}`)
          gate.open()
        }
      },
    })
    await faults.finally(() => {
      database.running = held.running
      isOver = true
    })
    await Promise.all([...walkers, ...probes, ...followers])
    return readRemains(scene, held.running)
  }
})
