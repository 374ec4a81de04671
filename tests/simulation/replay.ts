/**
 * Lets one seed happen again and prints what it did: `node tests/dist/simulation/replay.js 42`.
 * The name of a mutation behind it breaks that rule.
 */
import { register } from 'node:module'
import { mutations } from './mutations.ts'

const [seed, name] = [Number(process.argv[2]), process.argv[3]]
const mutation = mutations[name ?? '']
if (!Number.isInteger(seed) || (name !== undefined && mutation === undefined)) {
  console.error('usage: replay.js <seed> [<mutation>]')
  console.error(`mutations: ${Object.keys(mutations).join(' ')}`)
  process.exit(2)
}
if (mutation !== undefined) register('./patching.js', import.meta.url, { data: mutation })
const { simulate } = await import('./simulation.ts')

const { lines, violations, digest, count } = await simulate(seed, true)
for (const line of lines) console.log(line)
for (const violation of violations) console.log(`VIOLATION ${violation}`)
console.log(`seed ${seed}: digest ${digest}, ${JSON.stringify(count)}`)
process.exitCode = violations.length === 0 ? 0 : 1
