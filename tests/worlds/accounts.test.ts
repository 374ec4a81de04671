/**
 * Whoever starts it: root, an ordinary user, a user that the machine has no name for.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { launch, repositoryRoot, whenRunning } from '../server-process.ts'
import { assertNothingIsLeft, newDataDir, postmasterOf } from './place.ts'

const mainFile = join(repositoryRoot, 'packages', 'server', 'dist', 'main.js')
const readsMain = ['-e', 'fs.readFileSync(process.argv[1])', mainFile]

function wordsAs(userId: number): readonly string[] {
  const account = [`--reuid=${userId}`, `--regid=${userId}`, '--clear-groups']
  return ['setpriv', ...account, process.execPath]
}

/** Why a server cannot be started as that user here; `false` when it can. */
function obstacle(userId: number): string | false {
  if (process.getuid?.() !== 0) return 'only root becomes somebody else'
  const [command = '', ...words] = wordsAs(userId)
  const { error, status } = spawnSync(command, [...words, ...readsMain])
  if (error !== undefined) return 'there is no setpriv'
  return status === 0 ? false : `user ${userId} does not reach Node or this repository`
}

const ordinary = 65_534
const nameless = 54_321

describe('a server started by', () => {
  test('an ordinary user runs its database as that user', {
    skip: obstacle(ordinary),
  }, async () => {
    const dataDir = dataDirOf(ordinary)
    const server = await whenRunning(launch([...wordsAs(ordinary), mainFile], { dataDir }))
    const path = '/identities?api-version=2023-10-01'
    assert.equal((await server.call({ method: 'POST', path })).status, 201)
    const words = ['-o', 'uid=', '-p', String(postmasterOf(dataDir))]
    assert.equal(Number(execFileSync('ps', words, { encoding: 'utf8' })), ordinary)
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    assertNothingIsLeft(dataDir)
  })

  // PostgreSQL asks the system for the name of its user; containers may have none.
  test('a user without a name tells what to do', { skip: obstacle(nameless) }, async () => {
    const dataDir = dataDirOf(nameless)
    const launched = launch([...wordsAs(nameless), mainFile], { dataDir })
    assert.deepEqual(await launched.ended, { code: 1, signal: null })
    assert.match(launched.stderr(), /^Parley cannot start: .+ Give that user id a line in .+\n$/m)
    assert.doesNotMatch(launched.stderr(), /^ +at /m)
    assertNothingIsLeft(dataDir)
  })
})

function dataDirOf(userId: number): string {
  const dataDir = newDataDir()
  mkdirSync(dataDir, { mode: 0o700 })
  chownSync(dataDir, userId, userId)
  return dataDir
}
