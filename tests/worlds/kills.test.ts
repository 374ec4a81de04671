/**
 * What is left of a server that was given no chance to stop.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { launchServer, type ServerProcess, startServer } from '../server-process.ts'
import { assertNothingIsLost, emptyJournal, type Journal, loadUntilGone } from './load.ts'
import { assertNothingIsLeft, killed, newDataDir, postmasterOf } from './place.ts'

/** Tokens name their issuer, and the port in it changes with every start of these. */
const settings = { PARLEY_ISSUER: 'https://parley.test' }
const clean = { code: 0, signal: null }
const roundCount = 5

/** Acknowledged requests between two kills. */
const acknowledgedInRound = 400

const faults: readonly (readonly [string, (server: ServerProcess, dataDir: string) => void])[] = [
  ['the server', (server) => void server.child.kill('SIGKILL')],
  [
    'the server and its database',
    (server, dataDir) => {
      process.kill(postmasterOf(dataDir), 'SIGKILL')
      server.child.kill('SIGKILL')
    },
  ],
]

describe('kill -9 under load', () => {
  for (const [name, strike] of faults) {
    test(`of ${name} loses nothing that was acknowledged`, async (context) => {
      const dataDir = newDataDir()
      const journal = emptyJournal()
      const startedInMs: number[] = []
      for (let round = 0; round < roundCount; round++) {
        const server = await startServer({ dataDir, settings })
        startedInMs.push(Math.round(server.startedInMs))
        await assertNothingIsLost(server, journal, dataDir)
        const gone = loadUntilGone(server, journal)
        await acknowledged(journal, acknowledgedInRound * (round + 1))
        strike(server, dataDir)
        assert.deepEqual(await server.ended, { code: null, signal: 'SIGKILL' })
        await gone
      }
      const server = await startServer({ dataDir, settings })
      await assertNothingIsLost(server, journal, dataDir)
      const { identities, live, voided } = journal
      const tokens = `${live.size} live and ${voided.size} void tokens`
      context.diagnostic(
        `kept ${identities.size} identities, ${tokens}; starts took ${startedInMs.join(', ')} ms`,
      )
      assert.deepEqual(await server.stop(), clean)
      assertNothingIsLeft(dataDir)
    })
  }
})

async function acknowledged(journal: Journal, count: number): Promise<void> {
  while (journal.acknowledgedCount < count) await delay(1)
}

describe('kill -9 of the database alone', () => {
  test('ends the server, which says why, and a restart has everything', async () => {
    const dataDir = newDataDir()
    const journal = emptyJournal()
    const server = await startServer({ dataDir, settings })
    const gone = loadUntilGone(server, journal)
    await acknowledged(journal, acknowledgedInRound)
    process.kill(postmasterOf(dataDir), 'SIGKILL')
    assert.deepEqual(await server.ended, { code: 1, signal: null })
    await gone
    const fatal = server
      .stderr()
      .split('\n')
      .filter((line) => line.startsWith('{"level":"fatal"'))
    assert.equal(fatal.length, 1, server.stderr())
    assert.match(fatal[0] ?? '', /"msg":"the server cannot go on"/)
    const next = await startServer({ dataDir, settings })
    await assertNothingIsLost(next, journal, dataDir)
    assert.deepEqual(await next.stop(), clean)
    assertNothingIsLeft(dataDir)
  })
})

describe('kill -9 during the first start', () => {
  /** Milliseconds after the start of the process: a first start takes about a second. */
  const moments = [80, 200, 350, 500, 700, 950]
  for (const moment of moments) {
    test(`after ${moment} ms leaves what a second start completes`, async () => {
      const dataDir = newDataDir()
      const launched = launchServer({ dataDir })
      await delay(moment)
      await killed(launched)
      const server = await startServer({ dataDir })
      const path = '/identities?api-version=2023-10-01'
      assert.equal((await server.call({ method: 'POST', path })).status, 201)
      assert.deepEqual(await server.stop(), clean)
      assertNothingIsLeft(dataDir)
    })
  }
})
