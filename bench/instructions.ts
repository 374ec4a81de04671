/**
 * Instructions per token under callgrind, against jose in the same run. Where microseconds move
 * with the neighbours of the machine, these repeat to a thousandth; they see no caches, so they
 * gate regressions and `verify.ts` tells the price.
 *
 * Each work runs twice, once longer, and the difference is counted, so that starting Node, making
 * tokens and most of the compiling cancel out. The signature itself is most of a verification and
 * the same for everybody, so what is compared is what comes on top of it.
 *
 * Run `node bench/dist/instructions.js`, three minutes; skipped where valgrind is missing.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { report } from './verify-measure.ts'

const script = fileURLToPath(new URL('instructions-work.js', import.meta.url))

/** Leaves what `instructions-work.ts` answers for a work that this build does not have. */
const missingWork = 3

function collected(work: string, count: number): number | undefined {
  const valgrind = ['--tool=callgrind', '--callgrind-out-file=/dev/null', process.execPath]
  const node = ['--single-threaded', '--predictable', script, work, `${count}`]
  const { status, stderr } = spawnSync('valgrind', [...valgrind, ...node], { encoding: 'utf8' })
  if (status === missingWork) return undefined
  const [, instructions] = /Collected : ([0-9]+)/.exec(stderr) ?? []
  if (status !== 0 || instructions === undefined) throw new Error(`${work} failed:\n${stderr}`)
  return Number(instructions)
}

function perOnce(work: string, counts: readonly [number, number]): number | undefined {
  const [few, many] = counts
  const [before, after] = [collected(work, few), collected(work, many)]
  return before === undefined || after === undefined ? undefined : (after - before) / (many - few)
}

function measure(): boolean {
  const counts = [2000, 4000] as const
  const results: boolean[] = []
  const check = (name: string, value: number | undefined, unit: string, limit?: number) => {
    if (value === undefined || Number.isNaN(value)) console.log(`${name}: skipped, not built here`)
    else results.push(report(name, value, unit, limit))
  }
  const bare = perOnce('verify-bare', counts) ?? Number.NaN
  const cold = perOnce('verify-cold', counts) ?? Number.NaN
  const jose = perOnce('verify-jose', counts) ?? Number.NaN
  check('ES256 node:crypto alone', bare, 'instructions')
  check('verify cold', cold, 'instructions')
  check('verify with jose', jose, 'instructions')
  check('verify cold / jose', cold / jose, 'x', 0.82)
  check('the same beyond node:crypto', (cold - bare) / (jose - bare), 'x', 0.5)
  check('verify seen', perOnce('verify-seen', [20_000, 60_000]), 'instructions', 5000)
  const beside = perOnce('verify-beside-step-downs', [20_000, 60_000])
  check('verify seen, and apply a step-down', beside, 'instructions', 20_000)
  const issueOwn = perOnce('issue-own', counts)
  const issueJose = perOnce('issue-jose', counts) ?? Number.NaN
  check('issue', issueOwn, 'instructions')
  check('issue with jose', issueJose, 'instructions')
  check('issue / jose', issueOwn === undefined ? undefined : issueOwn / issueJose, 'x', 0.55)
  return results.every(Boolean)
}

const { error } = spawnSync('valgrind', ['--version'])
if (error === undefined) process.exitCode = measure() ? 0 : 1
else console.log('instructions skipped: valgrind is not installed')
