/**
 * The bill of a server that is killed while people chat.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isDatabaseUnavailable } from '@parley/server/database/availability'
import type { Database } from '@parley/server/database/connect'
import { differencesOf } from '@parley/server/usage/comparison'
import { foldAll } from '@parley/server/usage/recurring'
import { listUsage } from '@parley/server/usage/store'
import { usageSources } from '@parley/server/usage-sources'
import { type ServerProcess, startServer } from '../server-process.ts'
import { send } from '../world.ts'
import { newDataDir, openDatabaseOf, postmasterOf } from './place.ts'

const roundCount = 3
const sendersCount = 16
const acknowledgedInRound = 100
const settings = { PARLEY_ISSUER: 'https://parley.test' }
const version = 'api-version=2025-03-15'

/** What was answered before the server was gone. */
interface Journal {
  sent: number
  acknowledged: number
}

async function newUser(server: ServerProcess) {
  const path = '/identities?api-version=2023-10-01'
  const body = { createTokenWithScopes: ['chat'] }
  const { body: created } = await server.call({ method: 'POST', path, body })
  const { identity, accessToken } = created
  return { id: identity.id, token: accessToken.token }
}

/** Sends messages until the server is gone, and deletes a thread now and then, or oneself. */
async function chatUntilGone(server: ServerProcess, journal: Journal): Promise<void> {
  const origin = server.banner.httpOrigin
  try {
    for (;;) {
      const { id, token } = await newUser(server)
      const call = (method: string, path: string, body?: object) =>
        send(origin, {
          method,
          path: `/chat/threads${path}?${version}`,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          ...(body === undefined ? {} : { body }),
        })
      const { body } = await call('POST', '', { topic: 'Lunch' })
      const thread = `/${encodeURIComponent((body as unknown as CreatedThread).chatThread.id)}`
      for (let count = 0; count < 5; count++) {
        journal.sent += 1
        const { status } = await call('POST', `${thread}/messages`, { content: 'Hello' })
        assert.equal(status, 201)
        journal.acknowledged += 1
      }
      if (journal.sent % 3 === 0) await call('DELETE', thread)
      if (journal.sent % 3 === 1) {
        await server.call({ method: 'DELETE', path: `/identities/${id}?api-version=2023-10-01` })
      }
    }
  } catch (error) {
    // Else the server is gone, which is what this waits for.
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (!/^(ECONN|EPIPE)/.test(code)) throw error
  }
}

interface CreatedThread {
  readonly chatThread: { readonly id: string }
}

async function resourceOf(db: Database): Promise<string> {
  const [row] = await db<{ readonly resource_id: string }[]>`select resource_id from resource`
  return row?.resource_id ?? ''
}

async function usedIn(db: Database, resourceId: string): Promise<number> {
  const asked = { resourceId, meter: undefined, fromMs: 0, toMs: 8_640_000_000_000 }
  const hours = await listUsage(db, { ...asked, after: undefined, hoursMax: 1000 })
  return hours.reduce((sum, { quantity }) => sum + quantity, 0)
}

const strikes: readonly (readonly [string, (server: ServerProcess, dataDir: string) => void])[] = [
  ['the server', (server) => void server.child.kill('SIGKILL')],
  [
    'the server and its database',
    (server, dataDir) => {
      process.kill(postmasterOf(dataDir), 'SIGKILL')
      server.child.kill('SIGKILL')
    },
  ],
]

describe('kill -9 while people chat', () => {
  for (const [name, strike] of strikes) {
    test(`of ${name} leaves a bill that is equal to what is stored`, async (context) => {
      const dataDir = newDataDir()
      const journal: Journal = { sent: 0, acknowledged: 0 }
      for (let round = 0; round <= roundCount; round++) {
        const server = await startServer({ dataDir, settings })
        const db = await openDatabaseOf(dataDir)
        const resourceId = await resourceOf(db)
        const used = await usedIn(db, resourceId)
        assert.deepEqual(await differencesOf(db, resourceId, usageSources), [])
        assert.ok(used >= journal.acknowledged && used <= journal.sent, `${used} are charged`)
        if (round === roundCount) {
          context.diagnostic(`charged ${used} of ${journal.sent} that were sent`)
          await db.end()
          await server.stop()
          break
        }
        const chatting = Array.from({ length: sendersCount }, () => chatUntilGone(server, journal))
        const stopping = new AbortController()
        const folding = foldUntil(db, stopping.signal)
        while (journal.acknowledged < acknowledgedInRound * (round + 1)) await delay(1)
        strike(server, dataDir)
        await server.ended
        await Promise.all(chatting)
        stopping.abort()
        await folding
        await db.end({ timeout: 1 }).catch(() => undefined)
      }
    })
  }
})

/** Folds all the time, so that the kill meets it in the middle. */
async function foldUntil(db: Database, signal: AbortSignal): Promise<void> {
  try {
    while (!signal.aborted) await foldAll(db)
  } catch (error) {
    assert.ok(error instanceof Error && isDatabaseUnavailable(error), String(error))
  }
}
