/** Lets one seed happen again and prints what it did: `node tests/dist/simulation/replay.js 42`. */
import { simulate } from './simulation.ts'

const seed = Number(process.argv[2])
if (!Number.isInteger(seed)) {
  console.error('usage: replay.js <seed>')
  process.exit(2)
}
const { lines, violations, digest, count } = await simulate(seed, true)
for (const line of lines) console.log(line)
for (const violation of violations) console.log(`VIOLATION ${violation}`)
console.log(`seed ${seed}: digest ${digest}, ${JSON.stringify(count)}`)
process.exitCode = violations.length === 0 ? 0 : 1
