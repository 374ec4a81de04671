/**
 * A server of two processes: what one has answered holds on both, and one that dies is replaced.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type ServerProcess, startServer } from '../server-process.ts'
import { type Answer, send } from '../world.ts'
import {
  assertNothingIsLeft,
  killed,
  newDataDir,
  postmasterOf,
  untilNobodyIsLeft,
} from './place.ts'

const version = 'api-version=2025-03-02-preview'
const managementPort = 20_000 + (process.pid % 20_000)
const walkersAtOnce = 8

describe('a server with two workers', () => {
  const dataDir = newDataDir()
  let server: ServerProcess
  before(async () => {
    server = await start()
  })
  after(async () => {
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    assertNothingIsLeft(dataDir)
  })

  function start(): Promise<ServerProcess> {
    const settings = {
      PARLEY_WORKERS: '2',
      PARLEY_CANARY: 'on',
      PARLEY_MANAGEMENT_PORT: String(managementPort),
      // The issuer of tokens, or those of before would be another's.
      PARLEY_ISSUER: 'https://parley.example',
    }
    return startServer({ dataDir, settings })
  }

  function ask(path: string): Promise<Answer> {
    return send(`http://127.0.0.1:${managementPort}`, { method: 'GET', path })
  }

  /** Values of a metric by the label of the worker. */
  async function byWorker(name: string): Promise<ReadonlyMap<string, number>> {
    const { text } = await ask('/metrics')
    const lines = text.matchAll(new RegExp(`^${name}\\{.*worker="(\\d+)".*\\} (\\S+)$`, 'gm'))
    return new Map([...lines].map(([, worker = '', value]) => [worker, Number(value)]))
  }

  test('prints one banner, and is ready', async () => {
    assert.equal(server.stdout().split('Stop with Ctrl+C.').length, 2)
    assert.equal((await ask('/readyz')).status, 200)
    const nodes = await untilSo(async () => {
      const seen = await byWorker('parley_nodes')
      return [...seen.values()].every((count) => count === 2) ? seen : undefined
    })
    assert.deepEqual([...nodes.keys()].sort(), ['1', '2'])
  })

  test('calls no token live on any connection after its revocation was answered', async () => {
    const walk = async () => {
      for (let round = 0; round < 30; round++) {
        const { id, token } = await createWithToken(server)
        assert.deepEqual(await Promise.all(looks(server, token)), [true, true, true, true])
        assert.equal((await revoke(server, id)).status, 204)
        assert.deepEqual(await Promise.all(looks(server, token)), [false, false, false, false])
      }
    }
    await Promise.all(Array.from({ length: walkersAtOnce }, walk))
    const counts = await byWorker('parley_requests_total')
    assert.equal(counts.size, 2, 'both have answered')
  })

  test('replaces one that was killed, and has lost nothing that was acknowledged', async () => {
    const { id, token } = await createWithToken(server)
    const other = await createWithToken(server)
    assert.equal((await revoke(server, id)).status, 204)
    const [dead, left] = workersOf(server.pid)
    assert.ok(dead !== undefined && left !== undefined)
    const postmaster = postmasterOf(dataDir)
    process.kill(dead, 'SIGKILL')
    assert.equal((await ask('/readyz')).status, 503)
    const now = await untilSo(async () => {
      // Nobody is sent to the new one before it can answer.
      await Promise.all(looks(server, other.token).map(unlessReset))
      const workers = workersOf(server.pid)
      const isReady = (await ask('/readyz')).status === 200
      const hasBoth = (await byWorker('parley_nodes')).size === 2
      return isReady && hasBoth && !workers.includes(dead) ? workers : undefined
    })
    assert.equal(now.length, 2)
    assert.ok(now.includes(left))
    assert.deepEqual(await Promise.all(looks(server, token)), [false, false, false, false])
    assert.deepEqual(await Promise.all(looks(server, other.token)), [true, true, true, true])
    assert.equal(postmasterOf(dataDir), postmaster)
  })

  test('answers, and keeps what it has answered, while one after the other is killed', async () => {
    let isOver = false
    const revoked: string[] = []
    const live: string[] = []
    const walk = async () => {
      while (!isOver) {
        const [doomed, kept] = [
          await unlessReset(createWithToken(server)),
          await unlessReset(createWithToken(server)),
        ]
        if (kept !== undefined) live.push(kept.token)
        if (doomed === undefined) continue
        const answer = await unlessReset(revoke(server, doomed.id))
        if (answer === undefined) continue
        assert.equal(answer.status, 204, answer.text)
        revoked.push(doomed.token)
        const seen = await Promise.all(looks(server, doomed.token).map(unlessReset))
        assert.ok(!seen.includes(true), 'no node accepts what was answered')
      }
    }
    const walks = Promise.all(Array.from({ length: walkersAtOnce }, walk))
    for (let round = 0; round < 3; round++) {
      const before = revoked.length
      await untilSo(async () => (revoked.length >= before + 20 ? true : undefined))
      const [dead] = workersOf(server.pid)
      assert.ok(dead !== undefined)
      process.kill(dead, 'SIGKILL')
      const atKill = revoked.length
      await untilSo(async () => (revoked.length > atKill + 5 ? true : undefined))
      await untilSo(async () => ((await ask('/readyz')).status === 200 ? true : undefined))
    }
    isOver = true
    await walks
    for (const token of revoked) assert.deepEqual(await looks(server, token)[0], false)
    for (const token of live) assert.deepEqual(await looks(server, token)[0], true)
  })

  test('ends with its primary', async () => {
    const { token } = await createWithToken(server)
    assert.deepEqual(await killed(server), { code: null, signal: 'SIGKILL' })
    await untilNobodyIsLeft(dataDir)
    server = await start()
    assert.deepEqual(await Promise.all(looks(server, token)), [true, true, true, true])
  })

  test('starts again where it was', async () => {
    const { id, token } = await createWithToken(server)
    const other = await createWithToken(server)
    assert.equal((await revoke(server, id)).status, 204)
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    assertNothingIsLeft(dataDir)
    server = await start()
    assert.deepEqual(await Promise.all(looks(server, token)), [false, false, false, false])
    assert.deepEqual(await Promise.all(looks(server, other.token)), [true, true, true, true])
  })
})

/** `undefined` for what a process was about to answer that was killed. */
async function unlessReset<Value>(asking: Promise<Value>): Promise<Value | undefined> {
  try {
    return await asking
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ECONNRESET' && code !== 'EPIPE') throw error
    return undefined
  }
}

/** Processes whose parent is another one, that are Node and not the database. */
function workersOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => {
      try {
        const [, parent] =
          /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${one}/status`, 'utf8')) ?? []
        return (
          Number(parent) === pid && readFileSync(`/proc/${one}/cmdline`, 'utf8').includes('main.js')
        )
      } catch {
        // It ended meanwhile.
        return false
      }
    })
}

async function untilSo<Value>(look: () => Promise<Value | undefined>): Promise<Value> {
  const deadlineAt = performance.now() + 20_000
  for (;;) {
    const seen = await look()
    if (seen !== undefined) return seen
    assert.ok(performance.now() < deadlineAt, 'it becomes so')
    await delay(20)
  }
}

async function createWithToken(server: ServerProcess) {
  const body = { createTokenWithScopes: ['chat'] }
  const answer = await server.call({ method: 'POST', path: `/identities?${version}`, body })
  assert.equal(answer.status, 201, answer.text)
  return { id: answer.body.identity.id, token: answer.body.accessToken.token }
}

function revoke(server: ServerProcess, id: string): Promise<Answer> {
  const path = `/identities/${encodeURIComponent(id)}/:revokeAccessTokens?${version}`
  return server.call({ method: 'POST', path })
}

/** Four connections at once, which the primary deals out in turn. */
function looks(server: ServerProcess, token: string): readonly Promise<boolean>[] {
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    connection: 'close',
  }
  return Array.from({ length: 4 }, async () => {
    const request = { method: 'POST', path: '/introspect', headers, body: `token=${token}` }
    const { status, body, text } = await server.call(request)
    assert.equal(status, 200, text)
    return body.active
  })
}
