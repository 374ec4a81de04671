/**
 * A load that remembers what was acknowledged, and asks a restarted server for all of it.
 */
import assert from 'node:assert/strict'
import { decodeJwt } from 'jose'
import type { ServerProcess } from '../server-process.ts'
import type { Answer } from '../world.ts'
import { openDatabaseOf } from './place.ts'

const version = 'api-version=2025-03-02-preview'
const walkersAtOnce = 24
const tokensInQuestionMax = 1000

/** What the server has acknowledged, over all its lives. */
export interface Journal {
  readonly identities: Set<string>
  readonly deleted: Set<string>
  readonly live: Set<string>
  readonly voided: Set<string>
  acknowledgedCount: number
}

/** A journal of nothing. */
export function emptyJournal(): Journal {
  const parts = { identities: new Set<string>(), deleted: new Set<string>() }
  return { ...parts, live: new Set(), voided: new Set(), acknowledgedCount: 0 }
}

/** Puts load on a server until it is gone; whatever was not acknowledged counts for nothing. */
export async function loadUntilGone(server: ServerProcess, journal: Journal): Promise<void> {
  const walkers = Array.from({ length: walkersAtOnce }, (_, index) =>
    walkUntilGone(server, journal, index),
  )
  await Promise.all(walkers)
}

async function walkUntilGone(server: ServerProcess, journal: Journal, index: number) {
  for (let round = index; ; round++) {
    try {
      await walk(server, journal, round)
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
      // The connection broke: the server is gone.
      return
    }
  }
}

/** The life of one identity; every fourth is deleted at its end. */
async function walk(server: ServerProcess, journal: Journal, round: number): Promise<void> {
  const acknowledge = async (method: string, path: string, body?: object): Promise<Answer> => {
    const answer = await server.call({ method, path, ...(body === undefined ? {} : { body }) })
    // A stop was not asked for, but PostgreSQL may be gone before the server is.
    if (answer.status === 503) throw new Error('the server is about to go')
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`)
    journal.acknowledgedCount += 1
    return answer
  }
  const asked = { createTokenWithScopes: ['chat'] }
  const { body } = await acknowledge('POST', `/identities?${version}`, asked)
  const path = `/identities/${encodeURIComponent(body.identity.id)}`
  const tokens: string[] = [body.accessToken.token]
  journal.identities.add(body.identity.id)
  journal.live.add(body.accessToken.token)
  const issue = async () => {
    const scopes = { scopes: ['chat', 'voip'] }
    const issued = await acknowledge('POST', `${path}/:issueAccessToken?${version}`, scopes)
    tokens.push(issued.body.token)
    journal.live.add(issued.body.token)
  }
  // Between the request and its answer nobody can say what holds.
  const voidTokens = async (act: () => Promise<unknown>) => {
    for (const token of tokens) journal.live.delete(token)
    await act()
    for (const token of tokens) journal.voided.add(token)
  }
  await Promise.all([issue(), issue()])
  await voidTokens(() => acknowledge('POST', `${path}/:revokeAccessTokens?${version}`))
  await issue()
  if (round % 4 !== 0) return
  journal.identities.delete(body.identity.id)
  await voidTokens(() => acknowledge('DELETE', `${path}?${version}`))
  journal.deleted.add(body.identity.id)
}

/** Asks a server for everything that was acknowledged. */
export async function assertNothingIsLost(
  server: ServerProcess,
  journal: Journal,
  dataDir: string,
): Promise<void> {
  const identities = [...journal.identities]
  const deleted = [...journal.deleted]
  const { identities: found, tokens: ledger } = await readStored(dataDir, journal)
  assert.deepEqual(missing(identities, found), [], 'identities')
  assert.deepEqual(
    deleted.filter((id) => found.has(id)),
    [],
    'deleted identities',
  )
  assert.deepEqual(missing([...journal.live].map(jtiOf), ledger), [], 'rows of the ledger')
  // The wire says the same; a sample keeps the tier short.
  for (const id of identities.slice(-20)) assert.equal(await statusOf(server, id), 200)
  for (const id of deleted.slice(-20)) assert.equal(await statusOf(server, id), 401)
  assert.deepEqual(await countActive(server, journal.live), journal.live.size, 'live tokens')
  assert.deepEqual(await countActive(server, journal.voided), 0, 'voided tokens')
}

function missing(expected: readonly string[], found: ReadonlySet<string>): readonly string[] {
  return expected.filter((one) => !found.has(one))
}

function jtiOf(token: string): string {
  return decodeJwt(token).jti ?? ''
}

async function readStored(dataDir: string, journal: Journal) {
  const db = await openDatabaseOf(dataDir)
  const names = [...journal.identities, ...journal.deleted]
  const ids = names.map((name) => name.slice(-36))
  const rows = await db<{ resource_id: string; identity_id: string }[]>`
    select resource_id, identity_id from identity where identity_id = any(${ids}::uuid[])
  `
  const jtis = [...journal.live].map(jtiOf)
  const tokens = await db<{ jti: string }[]>`
    select jti from access_token where jti = any(${jtis}::uuid[])
  `
  await db.end()
  return {
    identities: new Set(rows.map((row) => `8:acs:${row.resource_id}_${row.identity_id}`)),
    tokens: new Set(tokens.map((row) => row.jti)),
  }
}

async function statusOf(server: ServerProcess, id: string): Promise<number> {
  const path = `/identities/${encodeURIComponent(id)}?${version}`
  return (await server.call({ method: 'GET', path })).status
}

async function countActive(server: ServerProcess, asked: ReadonlySet<string>): Promise<number> {
  let activeCount = 0
  const all = [...asked]
  for (let start = 0; start < all.length; start += tokensInQuestionMax) {
    const tokens = all.slice(start, start + tokensInQuestionMax)
    const { body } = await server.call({ method: 'POST', path: '/introspect', body: { tokens } })
    for (const { active } of body.value) if (active) activeCount += 1
  }
  return activeCount
}
