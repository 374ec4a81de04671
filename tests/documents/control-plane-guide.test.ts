/**
 * The guide to the control plane, run from its first line to its last.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { parseEnvironmentFile } from '@parley/server/admin/environment-file'
import {
  inheritedEnvironment,
  repositoryRoot,
  type ServerProcess,
  startServer,
} from '../server-process.ts'
import { fencesOf, readPages } from './markdown.ts'

const run = promisify(execFile)
const limitMs = 30_000
const page = readPages().find(({ path }) => path === 'docs/guides/control-plane.md')

describe('the guide to the control plane', () => {
  let folder = ''
  let server: ServerProcess
  let env: NodeJS.ProcessEnv
  before(async () => {
    const { PARLEY_TEST_FOLDER } = process.env
    assert.ok(PARLEY_TEST_FOLDER !== undefined, 'run by tests/dist/run.js')
    folder = mkdtempSync(join(PARLEY_TEST_FOLDER, 'control-plane-'))
    chmodSync(folder, 0o711)
    server = await startServer({ dataDir: join(folder, 'data') })
    const variables = parseEnvironmentFile(readFileSync(server.banner.environmentFile, 'utf8'))
    env = { ...inheritedEnvironment(), ...variables }
  })
  after(async () => {
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
  })

  function codeIn(language: string): readonly string[] {
    assert.ok(page !== undefined)
    return fencesOf(page)
      .filter((fence) => fence.language === language)
      .map(({ code }) => code)
  }

  test('has commands that make a resource, show its keys and regenerate one', async (context) => {
    try {
      await run('curl', ['--version'])
    } catch {
      context.skip('curl is not installed')
      return
    }
    const { stdout } = await run('bash', ['-ec', codeIn('sh').join('\n')], {
      env,
      timeout: limitMs,
    })
    const answers = stdout.replaceAll('}{', '}\n{').split('\n')
    const [made, listed, regenerated] = answers.map((text) => JSON.parse(text))
    assert.deepEqual([made.name, made.properties.provisioningState], ['shop', 'Succeeded'])
    assert.notEqual(regenerated.primaryKey, listed.primaryKey)
    assert.match(listed.secondaryConnectionString, /^endpoint=https:\/\/\S+;accesskey=\S+$/)
  })

  test('has a program that lists resources with the official client', async () => {
    symlinkSync(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'))
    writeFileSync(join(folder, 'program.mjs'), codeIn('js').join('\n'))
    const { stdout } = await run(process.execPath, ['program.mjs'], {
      cwd: folder,
      env,
      timeout: limitMs,
    })
    assert.match(stdout, /^parley 127\.0\.0\.1:\d+$/m)
  })
})
