/**
 * The audit log of a server as a process: what is left of it after kill -9, and the command that
 * verifies it.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  inheritedEnvironment,
  repositoryRoot,
  type ServerProcess,
  startServer,
} from '../server-process.ts'
import { killed, newDataDir, openDatabaseOf } from './place.ts'

const settings = { PARLEY_ISSUER: 'https://parley.test' }
const version = 'api-version=2023-10-01'

/** Runs the command beside a server: it finds its way by the data directory. */
async function verifyAudit(dataDir: string, ...words: readonly string[]) {
  const command = join(repositoryRoot, 'packages', 'server', 'dist', 'verify-audit.js')
  const env = { ...inheritedEnvironment(), PARLEY_DATA_DIR: dataDir }
  const child = spawn(process.execPath, [command, ...words], { env })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
    })
  }
  const [code] = await once(child, 'close')
  return { code, output }
}

async function createIdentity(server: ServerProcess): Promise<string> {
  const { status, body } = await server.call({ method: 'POST', path: `/identities?${version}` })
  assert.equal(status, 201)
  return body.identity.id
}

function revoke(server: ServerProcess, id: string) {
  const path = `/identities/${id}/:revokeAccessTokens?${version}`
  return server.call({ method: 'POST', path })
}

describe('kill -9 while tokens are revoked', () => {
  test('leaves a chain that is whole and has every act that was answered', async () => {
    const dataDir = newDataDir()
    const answered: string[] = []
    let server = await startServer({ dataDir, settings })
    for (let round = 0; round < 3; round++) {
      const id = await createIdentity(server)
      const until = answered.length + 150
      const callers = Array.from({ length: 16 }, async () => {
        try {
          for (;;) {
            const { status, headers } = await revoke(server, id)
            if (status === 204) answered.push(String(headers['x-ms-request-id']))
            if (answered.length >= until) server.child.kill('SIGKILL')
          }
        } catch {
          // The server is gone; what it had answered is noted.
        }
      })
      await Promise.all(callers)
      await killed(server)
      server = await startServer({ dataDir, settings })
    }
    assert.ok(answered.length >= 450)
    const { code, output } = await verifyAudit(dataDir)
    assert.deepEqual([code, /^The audit log is whole: \d+ entries/.test(output)], [0, true], output)
    const db = await openDatabaseOf(dataDir)
    const rows = await db<{ requestId: string }[]>`
      select request_id as "requestId"
      from audit_entry`
    const logged = new Set(rows.map(({ requestId }) => requestId))
    assert.deepEqual(
      answered.filter((requestId) => !logged.has(requestId)),
      [],
    )
    // Act and entry are one: the revocations that happened are the entries that there are.
    const [sums] = await db`
      select
        (select count(*) from revocation_event) <= (select count(*) from audit_entry) as events,
        (select last_seq from audit_head) = (select count(*) from audit_entry) as entries`
    assert.deepEqual(sums, { events: true, entries: true })
    await db.end()
    await server.stop()
  })
})

describe('npm run verify-audit', () => {
  const dataDir = newDataDir()
  let server: ServerProcess
  before(async () => {
    server = await startServer({ dataDir, settings })
    const id = await createIdentity(server)
    for (let count = 0; count < 5; count++) assert.equal((await revoke(server, id)).status, 204)
  })
  after(() => server.stop())

  test('says how many entries there are and where they end, and takes that back', async () => {
    const { code, output } = await verifyAudit(dataDir)
    const head = /^The audit log is whole: 6 entries, head (6:[0-9a-f]{64})\n$/.exec(output)?.[1]
    assert.ok(code === 0 && head !== undefined, output)
    assert.deepEqual(await verifyAudit(dataDir, '--expect', head), { code, output })
    const other = await verifyAudit(dataDir, '--expect', `9:${'0'.repeat(64)}`)
    assert.deepEqual([other.code, /entry 7 .* missing/.test(other.output)], [1, true], other.output)
  })

  test('ends with 1 and names the first entry that was tampered with', async () => {
    const db = await openDatabaseOf(dataDir)
    await db`alter table audit_entry disable trigger audit_entry_append_only`
    await db`update audit_entry set actor = 'admin-token' where seq = 3`
    const { code, output } = await verifyAudit(dataDir)
    const said = 'The audit log is broken: entry 3 does not follow from the one before it'
    assert.deepEqual([code, output.startsWith(said)], [1, true], output)
    await db`update audit_entry set actor = 'access-key/primary.1' where seq = 3`
    await db`alter table audit_entry enable trigger audit_entry_append_only`
    await db.end()
    assert.equal((await verifyAudit(dataDir)).code, 0)
  })

  test('ends with 2 where it cannot find out', async () => {
    const nowhere = await verifyAudit(join(dataDir, 'nowhere'))
    assert.equal(nowhere.code, 2)
    assert.match(nowhere.output, /^The audit log was not verified: PARLEY_ADMIN_ENDPOINT and/)
    assert.equal((await verifyAudit(dataDir, '--expect', '5')).code, 2)
    assert.equal((await verifyAudit(dataDir, '--expected', '5')).code, 2)
  })
})
