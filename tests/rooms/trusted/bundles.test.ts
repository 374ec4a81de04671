/**
 * What a bundler for browsers finds under the names of the package. Bundlers read the conditions of
 * `exports` in a package.json, and Node does the same with those that it is told.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'

function load(name: string, conditions: readonly string[]) {
  const program = `console.log(Object.keys(await import(${JSON.stringify(name)})).join(' '))`
  const flags = conditions.map((condition) => `--conditions=${condition}`)
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...flags, '--input-type=module', '--eval', program],
    { cwd: import.meta.dirname, encoding: 'utf8' },
  )
  return { status, names: stdout.trim().split(' '), stderr }
}

describe('the server half', () => {
  for (const conditions of [['browser'], ['react-native'], ['worker', 'browser']]) {
    test(`fails loudly where a bundler is for ${conditions.join(' and ')}`, () => {
      const { status, stderr } = load('@parley/trusted-service', conditions)
      assert.equal(status, 1)
      assert.match(stderr, /@parley\/trusted-service was imported for a browser\. It holds secrets/)
    })
  }

  for (const conditions of [[], ['workerd', 'browser'], ['edge-light', 'browser']]) {
    test(`loads on a server, conditions: ${conditions.join(' and ') || 'none'}`, () => {
      const { names, status } = load('@parley/trusted-service', conditions)
      assert.equal(status, 0)
      assert.ok(names.includes('createMapping') && names.includes('createTokenEndpoint'))
    })
  }
})

describe('the client half', () => {
  for (const conditions of [['browser'], []]) {
    test(`loads with the conditions: ${conditions.join(' and ') || 'none'}`, () => {
      const { names } = load('@parley/trusted-service/client', conditions)
      assert.deepEqual(names.sort(), ['TokenRefreshError', 'createTokenRefresher'])
    })
  }
})
