/**
 * The program that a newcomer pastes: the banner's, and the one in README.md.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import {
  inheritedEnvironment,
  repositoryRoot,
  type ServerProcess,
  startServer,
} from '../server-process.ts'

const readme = join(repositoryRoot, 'README.md')
const programLimitMs = 30_000

describe('the program to paste', () => {
  let folder = ''
  let server: ServerProcess
  before(async () => {
    const { PARLEY_TEST_FOLDER } = process.env
    assert.ok(PARLEY_TEST_FOLDER !== undefined, 'run by tests/dist/run.js')
    folder = mkdtempSync(join(PARLEY_TEST_FOLDER, 'program-'))
    chmodSync(folder, 0o711)
    server = await startServer({ dataDir: join(folder, 'data') })
  })
  after(async () => {
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
  })

  test('of the banner prints an identity and its token', async () => {
    const { program, caFile } = server.banner
    const place = join(folder, 'app')
    mkdirSync(place)
    symlinkSync(join(repositoryRoot, 'node_modules'), join(place, 'node_modules'))
    await writeFile(join(place, 'program.mjs'), program)
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['program.mjs'], {
      cwd: place,
      env: { ...inheritedEnvironment(), NODE_EXTRA_CA_CERTS: caFile },
      timeout: programLimitMs,
    })
    assert.equal(stderr, '')
    const instant = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
    const jwt = String.raw`[\w-]+\.[\w-]+\.[\w-]+`
    const printed = new RegExp(`^8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}\n${jwt} ${instant}\n$`)
    assert.match(stdout, printed)
  })

  test('is refused where the CA is not trusted', async () => {
    const { program } = server.banner
    const place = join(folder, 'distrusting')
    mkdirSync(place)
    symlinkSync(join(repositoryRoot, 'node_modules'), join(place, 'node_modules'))
    await writeFile(join(place, 'program.mjs'), program)
    const run = promisify(execFile)(process.execPath, ['program.mjs'], {
      cwd: place,
      env: inheritedEnvironment(),
      timeout: programLimitMs,
    })
    await assert.rejects(run, /UNABLE_TO_VERIFY_LEAF_SIGNATURE/)
  })

  const skip = existsSync(readme) ? false : 'README.md is not written yet'
  test('is the same in README.md, but for the connection string', { skip }, () => {
    const blocks = [...readFileSync(readme, 'utf8').matchAll(/^```\w*\n([\s\S]*?)^```$/gm)]
    const programs = blocks.map(([, text = '']) => text).filter((text) => text.includes(opening))
    assert.deepEqual(programs.slice(0, 1).map(generalised), [generalised(server.banner.program)])
  })
})

const opening = 'new CommunicationIdentityClient('

/** The program without what differs from server to server. */
function generalised(program: string): string {
  return program.replace(/'endpoint=[^']*'/, "'...'").trimEnd()
}
