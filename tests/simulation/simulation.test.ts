import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { simulateSeeds } from './crowd.ts'
import { mutations } from './mutations.ts'
import { simulate } from './simulation.ts'

/** Ten thousand take two minutes on two processors that do nothing else. */
const { PARLEY_SIMULATION_SEEDS = '10000', PARLEY_SIMULATION_FROM = '1' } = process.env
const [count, from] = [PARLEY_SIMULATION_SEEDS, PARLEY_SIMULATION_FROM].map(Number) as [
  number,
  number,
]

/** Seeds within which a broken rule is found; most need fewer than a hundred. */
const seedsMax = 500

function replayOf(seed: number, mutation = ''): string {
  return `node tests/dist/simulation/replay.js ${seed} ${mutation}`.trim()
}

describe('the corridor, simulated', () => {
  test(`keeps its promises in ${count} seeds from ${from}`, async () => {
    const seen = await simulateSeeds({ from, count })
    assert.equal(seen.length, count)
    const broken = seen.filter(({ violations }) => violations.length > 0)
    const told = broken.map(({ seed, violations }) => `${replayOf(seed)}   ${violations[0]}`)
    assert.ok(broken.length === 0, `${broken.length} seeds failed\n${told.slice(0, 20).join('\n')}`)
  })

  test('does the same for the same seed, in this process and in others', async () => {
    const asked = { from: 501, count: 40 }
    const [seen, others] = [await simulateSeeds(asked), await simulateSeeds(asked)]
    const here = []
    for (const { seed } of seen) here.push((await simulate(seed)).digest)
    const digests = seen.map(({ digest }) => digest)
    assert.deepEqual([here, others.map(({ digest }) => digest)], [digests, digests])
    assert.equal(new Set(digests).size, digests.length)
  })

  test('replays what it found, with every line of what happened', async () => {
    const [once, again] = [await simulate(7, true), await simulate(7, true)]
    assert.deepEqual(again, once)
    assert.ok(once.lines.length > 100)
    assert.equal((await simulate(7)).digest, once.digest)
  })
})

describe('the simulation finds that it is broken:', () => {
  for (const [mutation, { rule }] of Object.entries(mutations)) {
    test(rule, async (context) => {
      const asked = { from: 1, count: seedsMax, mutation, stopsAtFirst: true }
      const found = (await simulateSeeds(asked)).find(({ violations }) => violations.length > 0)
      assert.ok(found !== undefined, `nothing was found in ${seedsMax} seeds`)
      const { violations } = await simulate(found.seed)
      assert.deepEqual(violations, [], 'it was found where nothing is broken')
      context.diagnostic(`${replayOf(found.seed, mutation)}   ${found.violations[0]}`)
    })
  }
})
