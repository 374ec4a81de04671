/**
 * The guards in the README of the verifier, each run as it stands there against a real server.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { createIdentity, issueToken, postRevoke } from '../calls.ts'
import { makeCredential } from '../credentials.ts'
import { repositoryRoot } from '../server-process.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'
import { fencesOf, readPage } from './markdown.ts'

const page = readPage('packages/verifier/README.md')
const startLimitMs = 20_000

/** The programs of the page by the names in their first lines. */
const programs = new Map(
  fencesOf(page).flatMap(({ code }) => {
    const name = /^\/\/ ([a-z]+\.mjs)\n/.exec(code)?.[1]
    return name === undefined ? [] : [[name, code]]
  }),
)

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Whether somebody takes connections there. */
function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, 'localhost')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

describe('a guard in the README of the verifier', () => {
  const children: ChildProcess[] = []
  let folder = ''
  let world: World
  let tenant: Tenant
  before(async () => {
    const { PARLEY_TEST_FOLDER } = process.env
    assert.ok(PARLEY_TEST_FOLDER !== undefined, 'run by tests/dist/run.js')
    folder = join(PARLEY_TEST_FOLDER, 'guards')
    mkdirSync(folder)
    symlinkSync(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'))
    for (const [name, code] of programs) writeFileSync(join(folder, name), code)
    world = await startWorld(newDataDir())
    tenant = await world.createTenant()
  })
  after(async () => {
    for (const child of children) {
      child.kill('SIGKILL')
      await new Promise((resolve) => child.once('close', resolve))
    }
  })

  /** Runs a program of the page; gives its origin when it answers. */
  async function run(name: string): Promise<string> {
    const { secret } = await makeCredential(tenant)
    const port = await freePort()
    const child = spawn(process.execPath, [name], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...{ PATH: process.env['PATH'], PORT: String(port), CREDENTIAL: secret },
        ENDPOINT: world.parley.endpoint.slice(0, -1),
        NODE_EXTRA_CA_CERTS: world.reachable.caFile ?? '',
      },
    })
    children.push(child)
    for (const endsAt = performance.now() + startLimitMs; ; await delay(20)) {
      assert.equal(child.exitCode, null, `${name} ended`)
      assert.ok(performance.now() < endsAt, `${name} does not answer`)
      if (await isListening(port)) return `http://localhost:${port}`
    }
  }

  async function holder() {
    const id = await createIdentity(tenant)
    return { id, token: await issueToken(tenant, id) }
  }

  /** Waits for what a revocation brings about somewhere else. */
  async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
    for (const endsAt = performance.now() + 5000; !(await isSo()); await delay(1)) {
      assert.ok(performance.now() < endsAt, 'in vain')
    }
  }

  for (const name of ['express.mjs', 'fastify.mjs']) {
    test(`lets in who has a token, until it is revoked: ${name}`, async () => {
      const origin = await run(name)
      const { id, token } = await holder()
      const ask = (headers: Record<string, string>) => fetch(origin, { headers })
      const welcome = await ask({ authorization: `Bearer ${token}` })
      assert.deepEqual([welcome.status, await welcome.text()], [200, id])
      for (const headers of [{}, { authorization: 'Bearer x' }, { authorization: 'Basic x' }]) {
        const refused = await ask(headers)
        assert.deepEqual([refused.status, refused.headers.get('www-authenticate')], [401, 'Bearer'])
      }
      await postRevoke(tenant, id)
      await until(async () => (await ask({ authorization: `Bearer ${token}` })).status === 401)
    })
  }

  test('closes the socket of a token that is revoked, and no other: ws.mjs', async () => {
    const origin = await run('ws.mjs')
    const [one, other] = [await holder(), await holder()]
    const open = async ({ token }: { token: string }) => {
      const headers = { authorization: `Bearer ${token}` }
      const socket = new WebSocket(origin.replace('http', 'ws'), { headers })
      await new Promise((resolve, reject) => {
        socket.once('open', resolve)
        socket.once('error', reject)
      })
      return socket
    }
    const answerOf = (socket: WebSocket, text: string) =>
      new Promise<string>((resolve) => {
        socket.once('message', (data: unknown) => resolve(String(data)))
        socket.send(text)
      })
    const [first, second] = [await open(one), await open(other)]
    assert.equal(await answerOf(first, 'hello'), `${one.id} says hello`)
    const closed = new Promise((resolve) => first.once('close', resolve))
    await postRevoke(tenant, one.id)
    await closed
    assert.equal(await answerOf(second, 'still here'), `${other.id} says still here`)
    await assert.rejects(open(one), /401/)
    second.terminate()
  })

  test('has a test for every program of the page', () => {
    assert.deepEqual([...programs.keys()], ['parley.mjs', 'express.mjs', 'fastify.mjs', 'ws.mjs'])
  })
})
