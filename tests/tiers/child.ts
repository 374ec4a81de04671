/**
 * The process of one tier: imports every test file it was given, so that node:test runs them all
 * in this one process. Starting a process for each file would cost more than the tests do.
 *
 * Consequences for a test file: a `before` or `after` outside any `describe` belongs to the whole
 * tier, and what a file leaves open (a pool, a server, a timer) keeps the tier from ending.
 */
import { before, test } from 'node:test'
import { pathToFileURL } from 'node:url'

/** Time that node:test gets to report what it was running when the process was told to end. */
const reportMs = 1000

process.once('SIGTERM', () => {
  // node:test names the test that was running; this names what else kept the process alive.
  const open = new Set(process.getActiveResourcesInfo())
  console.log(`# open when the tier was ended: ${[...open].join(', ')}`)
  setTimeout(() => process.exit(1), reportMs)
})

/** Loads one file after the other. What a file throws is one failed test; the others still run. */
async function load(files: readonly string[]): Promise<void> {
  for (const file of files) {
    try {
      await import(pathToFileURL(file).href)
    } catch (error) {
      test(`${file} loads`, () => {
        throw error
      })
    }
  }
}

// Once all tests that it knows of are over, node:test runs every `after`, whether files are left to
// load or not. So the first of them begins when nothing is left.
const loading = load(process.argv.slice(2))
before(() => loading)
