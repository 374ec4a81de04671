/**
 * Runs the world of faults for longer, or with a seed that failed:
 * `npm run faults -- --minutes 5 --seed 7`.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' } },
})
const { minutes, seed } = values
const run = join(import.meta.dirname, 'run.js')
const { status } = spawnSync(process.execPath, [run, 'worlds', '--only', 'faults/faults'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    ...(minutes === undefined ? {} : { PARLEY_FAULTS_MINUTES: minutes }),
    ...(seed === undefined ? {} : { PARLEY_FAULTS_SEED: seed }),
  },
})
process.exitCode = status ?? 1
