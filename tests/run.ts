/**
 * Runs tiers of tests: `node tests/dist/run.js rules rooms [--only <part of a path>]`.
 *
 * Each tier is one process. The last line sums up, `N passed, N failed, N skipped`; whatever
 * keeps a tier from passing, a browser that CI lacks or a run without tests included, counts as a
 * failure there and in the exit code.
 */
import { join } from 'node:path'
import { addCounts, type Counts, noCounts, printCounts } from './tiers/closing-lines.ts'
import { runTier, type TierOutcome } from './tiers/process.ts'
import { compiledPathFor, listTestSources, type Tier, tiers } from './tiers/table.ts'

const root = join(import.meta.dirname, '..', '..')

const asked = parseArguments(process.argv.slice(2))
if (typeof asked === 'string') {
  console.error(`${asked}\nusage: run.js <tier>... [--only <part of a path>]`)
  console.error(`tiers: ${tiers.map((tier) => tier.name).join(' ')}`)
  process.exit(2)
}

const sources = listTestSources(root).filter((path) => path.includes(asked.only))
if (asked.only !== '' && !sources.some((path) => asked.tiers.some((tier) => tier.holds(path)))) {
  console.error(`no test of ${asked.tiers.map((tier) => tier.name).join(', ')} is named so`)
  process.exit(2)
}

const interruption = new AbortController()
process.once('SIGINT', () => interruption.abort()).once('SIGTERM', () => interruption.abort())

let total = noCounts
for (const tier of asked.tiers) {
  if (interruption.signal.aborted) break
  const files = sources.filter(tier.holds).map(compiledPathFor)
  const startedAtMs = performance.now()
  const outcome = await runTier({ root, tier, files, stop: interruption.signal, print })
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1)
  console.log(`${tier.name}: ${summaryOf(outcome)}${files.length === 0 ? '' : ` in ${seconds} s`}`)
  total = addCounts(total, countsOf(outcome))
}
console.log(`\n${printCounts(total)}`)
process.exitCode = total.failed === 0 ? 0 : 1

function print(text: string): void {
  process.stdout.write(text)
}

/** Reads the command line; a text says what is wrong with it. */
function parseArguments(
  words: readonly string[],
): { readonly tiers: readonly Tier[]; readonly only: string } | string {
  const flag = words.indexOf('--only')
  const only = flag === -1 ? '' : words[flag + 1]
  if (only === undefined || (flag !== -1 && only === '')) return '--only takes a part of a path'
  const names = flag === -1 ? words : words.toSpliced(flag, 2)
  if (names.length === 0) return 'no tier was named'
  const unknown = names.find((name) => !tiers.some((tier) => tier.name === name))
  if (unknown !== undefined) return `there is no tier ${unknown}`
  return { tiers: tiers.filter((tier) => names.includes(tier.name)), only }
}

function summaryOf(outcome: TierOutcome): string {
  switch (outcome.kind) {
    case 'absent':
      return 'has no tests'
    case 'skipped':
      return `SKIPPED, ${outcome.reason}`
    case 'failed':
      return `FAILED, ${outcome.reason} (${printCounts(outcome.counts)})`
    case 'ran':
      return printCounts(outcome.counts)
  }
}

/** A tier that could not be judged is one more failure, one that was left out one more skip. */
function countsOf(outcome: TierOutcome): Counts {
  switch (outcome.kind) {
    case 'absent':
      return noCounts
    case 'skipped':
      return { ...noCounts, skipped: 1 }
    case 'failed':
      return { ...outcome.counts, failed: Math.max(1, outcome.counts.failed) }
    case 'ran':
      return outcome.counts
  }
}
