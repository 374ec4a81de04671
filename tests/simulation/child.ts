/** A process that simulates seeds, as `crowd.ts` asks it to, with a rule broken if it was named. */
import { register } from 'node:module'
import { mutations } from './mutations.ts'

const mutation = mutations[process.argv[2] ?? '']
if (mutation !== undefined) register('./patching.js', import.meta.url, { data: mutation })
const { simulate } = await import('./simulation.ts')

process.on('message', async ({ from, count }: { from: number; count: number }) => {
  for (let seed = from; seed < from + count; seed++) {
    const { violations, digest } = await simulate(seed)
    process.send?.({ seed, violations: violations.slice(0, 3), digest })
  }
  process.send?.({ isDone: true })
})
process.send?.({ isDone: true })
