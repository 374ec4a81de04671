/**
 * The process of one tier: imports every test file it was given, so that node:test runs them all
 * in this one process. Starting a process for each file would cost more than the tests do.
 *
 * Consequences for a test file: a `before` or `after` outside any `describe` belongs to the whole
 * tier, and what a file leaves open (a pool, a server, a timer) keeps the tier from ending.
 */
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

/** Time that node:test gets to report what it was running when the process was told to end. */
const reportMs = 1000

process.once('SIGTERM', () => {
  // node:test names the test that was running; this names what else kept the process alive.
  const open = new Set(process.getActiveResourcesInfo())
  console.log(`# open when the tier was ended: ${[...open].join(', ')}`)
  setTimeout(() => process.exit(1), reportMs)
})

for (const file of process.argv.slice(2)) {
  try {
    await import(pathToFileURL(file).href)
  } catch (error) {
    // Whatever a file throws while it loads is one failed test, and the other files still run.
    test(`${file} loads`, () => {
      throw error
    })
  }
}
