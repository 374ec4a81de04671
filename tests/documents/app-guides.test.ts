/**
 * The guides for the app's side: every program and command on them runs, against a server and an
 * app's database that are real.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { parseEnvironmentFile } from '@parley/server/admin/environment-file'
import {
  startTemporaryPostgres,
  type TemporaryPostgres,
} from '@parley/server/database/embedded/temporary-postgres'
import {
  inheritedEnvironment,
  repositoryRoot,
  type ServerProcess,
  startServer,
} from '../server-process.ts'
import { fencesOf, readPage } from './markdown.ts'

const run = promisify(execFile)
const limitMs = 30_000

describe('the guides for the app', () => {
  let folder = ''
  let server: ServerProcess
  let app: TemporaryPostgres
  let env: NodeJS.ProcessEnv
  before(async () => {
    const { PARLEY_TEST_FOLDER } = process.env
    assert.ok(PARLEY_TEST_FOLDER !== undefined, 'run by tests/dist/run.js')
    folder = mkdtempSync(join(PARLEY_TEST_FOLDER, 'app-guides-'))
    chmodSync(folder, 0o711)
    symlinkSync(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'))
    const [started, postgres] = await Promise.all([
      startServer({ dataDir: join(folder, 'data') }),
      startTemporaryPostgres(),
    ])
    server = started
    app = postgres
    const { host, port, username, database } = app.postgres.connection
    const variables = parseEnvironmentFile(readFileSync(server.banner.environmentFile, 'utf8'))
    const query = new URLSearchParams({ host, port: String(port) })
    const DATABASE_URL = `postgresql://${username}@/${database}?${query}`
    env = { ...inheritedEnvironment(), ...variables, DATABASE_URL }
  })
  after(async () => {
    await app.close()
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
  })

  function codeIn(guide: string, language: string): readonly string[] {
    return fencesOf(readPage(`docs/guides/${guide}.md`))
      .filter((fence) => fence.language === language)
      .map(({ code }) => code)
  }

  test('chat with the program of the README, and end it by a revocation', async () => {
    const programs = fencesOf(readPage('README.md')).filter(({ code }) =>
      code.includes('ChatClient'),
    )
    assert.equal(programs.length, 1)
    writeFileSync(join(folder, 'chat.mjs'), programs[0]?.code ?? '')
    const { stdout } = await run(process.execPath, ['chat.mjs'], {
      cwd: folder,
      env,
      timeout: limitMs,
    })
    assert.match(stdout, /^Is anybody here\?$/m)
  })

  /** Runs one program of a guide, as somebody does who pastes it. */
  async function runProgram(guide: string, index = 0): Promise<string> {
    const file = `${guide}-${index}.mjs`
    const code = codeIn(guide, 'js')[index]
    assert.ok(code !== undefined, `${guide} has no program ${index}`)
    writeFileSync(join(folder, file), code)
    const { stdout } = await run(process.execPath, [file], { cwd: folder, env, timeout: limitMs })
    return stdout
  }

  test('make the tables of a mapping, keep two identities of a user apart and forget', async () => {
    await app.database.unsafe(await runProgram('choose-a-mapping', 0))
    const used = await runProgram('choose-a-mapping', 1)
    assert.equal(used, "true\n[ 'patient', 'staff' ]\nann\n")
    assert.equal(await runProgram('delete-a-user'), 'true 1 0\n0\n')
    const rows = await app.database`select user_id from parley_link`
    assert.deepEqual([...new Set(rows.map(({ user_id }) => user_id))], ['ann'])
  })

  test('issue tokens that live for an hour and for a day', async () => {
    assert.equal(await runProgram('token-lifetimes'), '23\n')
  })

  test('sign out everywhere: the tokens that are printed are dead', async () => {
    const tokens = (await runProgram('sign-out-everywhere')).trim().split('\n')
    const answer = await server.call({ method: 'POST', path: '/introspect', body: { tokens } })
    assert.deepEqual(answer.body, { value: [{ active: false }, { active: false }] })
  })

  test('run wherever the connection string leads', async () => {
    assert.equal(await runProgram('move-between-services'), 'true 3\ntrue\n')
  })

  test('regenerate a key beside which the former one goes on', async (context) => {
    try {
      await run('curl', ['--version'])
    } catch {
      context.skip('curl is not installed')
      return
    }
    const script = codeIn('rotate-keys', 'sh').join('\n')
    const { stdout } = await run('bash', ['-ec', script], { env, timeout: limitMs })
    const { primaryConnectionString } = JSON.parse(stdout) as { primaryConnectionString: string }
    assert.notEqual(primaryConnectionString, server.banner.connectionString)
    for (const connectionString of [primaryConnectionString, server.banner.connectionString]) {
      const reached = { ...env, COMMUNICATION_SERVICES_CONNECTION_STRING: connectionString }
      const file = join(folder, 'move-between-services-0.mjs')
      const { stdout: said } = await run(process.execPath, [file], { cwd: folder, env: reached })
      assert.match(said, /^true 3$/m)
    }
  })

  /** Runs the commands of a guide beside the data directory of the server. */
  async function runCommands(guide: string): Promise<string> {
    const script = codeIn(guide, 'sh').join('\n')
    const places = { PARLEY_DATA_DIR: join(folder, 'data'), NODE_EXTRA_CA_CERTS: '' }
    const { stdout } = await run('bash', ['-ec', script], {
      cwd: folder,
      env: { ...inheritedEnvironment(), ...places },
      timeout: limitMs,
    })
    return stdout
  }

  test('use the command line from its first line to its last', async () => {
    const stdout = await runCommands('command-line')
    assert.match(stdout, /^8:acs:/)
    assert.match(stdout, /The token is live\.[\s\S]*and the server refuses it[\s\S]*no longer\n$/)
  })

  test('take calling from a user and leave the chat', async () => {
    const stdout = await runCommands('remove-a-feature')
    assert.match(stdout, /^status: +narrowed$/m)
    assert.match(stdout, /The token is live\./)
    assert.match(stdout, /^scopes: +chat$/m)
    assert.match(stdout, /_[0-9a-f-]{36} {2}chat {2,}\d{4}-/)
  })
})
