/**
 * What a person meets who starts a server: what it prints, what it writes, and how it declines.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  launchServer,
  type ProcessEnd,
  type ServerProcess,
  startServer,
} from '../server-process.ts'
import { assertNothingIsLeft, newDataDir } from './place.ts'

const variableNames = [
  'COMMUNICATION_SERVICES_CONNECTION_STRING',
  'COMMUNICATION_SERVICES_SECONDARY_CONNECTION_STRING',
  'NODE_EXTRA_CA_CERTS',
  'PARLEY_ADMIN_ENDPOINT',
  'PARLEY_ADMIN_TOKEN',
  'PARLEY_SUBSCRIPTION_ID',
  'PARLEY_RESOURCE_GROUP',
  'PARLEY_RESOURCE_NAME',
  'PARLEY_JWKS_URL',
  'PARLEY_HTTP_ENDPOINT',
]

describe('a server that was started', () => {
  const dataDir = newDataDir()
  let server: ServerProcess
  before(async () => {
    server = await startServer({ dataDir })
  })
  after(async () => {
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    assertNothingIsLeft(dataDir)
  })

  test('prints the connection string, the CA line and a program of at most eight lines', () => {
    const { connectionString, caLine, caFile, program } = server.banner
    assert.match(connectionString, /^endpoint=https:\/\/127\.0\.0\.1:\d+\/;accesskey=[\w+/=]{88}$/)
    assert.equal(caLine, `export NODE_EXTRA_CA_CERTS=${join(dataDir, 'tls', 'ca.pem')}`)
    assert.match(readFileSync(caFile, 'utf8'), /^-----BEGIN CERTIFICATE-----/)
    const lines = program.trimEnd().split('\n')
    assert.ok(lines.length <= 8, program)
    assert.ok(program.includes(`'${connectionString}'`))
    assert.equal(server.stderr(), '')
  })

  test('writes parley.env for its owner alone', () => {
    const { environmentFile } = server.banner
    assert.equal(environmentFile, join(dataDir, 'parley.env'))
    assert.equal(statSync(environmentFile).mode & 0o777, 0o600)
  })

  test('writes variables that a shell reads', () => {
    const script = 'set -a; . "$1"; exec "$2" -p "JSON.stringify(process.env)"'
    const words = ['-c', script, 'sh', server.banner.environmentFile, process.execPath]
    const read = JSON.parse(execFileSync('/bin/sh', words, { env: {}, encoding: 'utf8' }))
    // A shell adds some of its own.
    const names = Object.keys(read).filter(
      (name) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(name),
    )
    assert.deepEqual(names.sort(), variableNames.toSorted())
    assert.equal(read['COMMUNICATION_SERVICES_CONNECTION_STRING'], server.banner.connectionString)
    assert.equal(read['NODE_EXTRA_CA_CERTS'], server.banner.caFile)
    assert.equal(read['PARLEY_HTTP_ENDPOINT'], `${server.banner.httpOrigin}/`)
    assert.equal(read['PARLEY_JWKS_URL'], `${server.endpoint}.well-known/jwks.json`)
  })

  test('keeps its data directory from a second server', async () => {
    const { stderr, end } = await refused({ dataDir })
    assert.deepEqual(end, { code: 1, signal: null })
    assert.match(stderr, /^Parley cannot start: The data directory \S+ is in use by process \d+\. /)
    assert.ok(stderr.includes(`${dataDir} is in use by process ${server.pid}`))
    const path = '/identities?api-version=2023-10-01'
    assert.equal((await server.call({ method: 'POST', path })).status, 201)
  })

  const settingOfPort = ['PARLEY_HTTPS_PORT', 'PARLEY_HTTP_PORT', 'PARLEY_MANAGEMENT_PORT']
  for (const name of settingOfPort) {
    test(`leaves nothing behind when its port is taken (${name})`, async () => {
      const other = newDataDir()
      const taken = createServer().listen(0, '127.0.0.1')
      await new Promise((resolve) => taken.once('listening', resolve))
      const address = taken.address()
      const port = typeof address === 'object' ? String(address?.port) : ''
      const { stderr, end } = await refused({ dataDir: other, settings: { [name]: port } })
      taken.close()
      assert.deepEqual(end, { code: 1, signal: null })
      assert.match(
        stderr,
        new RegExp(`^Parley cannot start: Port ${port} of 127\\.0\\.0\\.1 .+\n$`),
      )
      assertNothingIsLeft(other)
    })
  }
})

/** Starts what is expected to decline; a message is one line, never a stack. */
async function refused(options: Parameters<typeof launchServer>[0]): Promise<{
  readonly stderr: string
  readonly end: ProcessEnd
}> {
  const launched = launchServer(options)
  const end = await launched.ended
  const stderr = launched
    .stderr()
    .split('\n')
    .filter((line) => !line.startsWith('{"level":'))
    .join('\n')
  assert.doesNotMatch(stderr, /^ +at /m)
  assert.equal(launched.stdout(), '')
  return { stderr, end }
}

describe('settings that cannot be taken', () => {
  const cases = [
    ['PARLEY_HTTP_POTR', '4480', 'a setting that exists'],
    ['PARLEY_HTTPS_PORT', '65536', 'a whole number, 0..65535'],
    ['PARLEY_HTTPS_PORT', 'off', 'a whole number, 0..65535'],
    ['PARLEY_LOG_LEVEL', 'loud', 'one of silent, fatal, error, warn, info, debug'],
    ['PARLEY_DATABASE_URL', 'mysql://localhost/x', 'a URL that starts with postgres://'],
    ['PARLEY_TLS_KEY', 'key.pem', 'set exactly when PARLEY_TLS_CERTIFICATE is'],
  ] as const
  for (const [name, value, expected] of cases) {
    test(`end the start in one line: ${name}=${value}`, async () => {
      const { stderr, end } = await refused({ dataDir: newDataDir(), settings: { [name]: value } })
      assert.deepEqual(end, { code: 2, signal: null })
      assert.equal(stderr, `Parley cannot start: ${name} must be ${expected}.\n`)
    })
  }
})

describe('a start that cannot succeed', () => {
  const wrongKey = Buffer.alloc(32, 1).toString('base64')

  test('tells that the master key is another one', async () => {
    const dataDir = newDataDir()
    const server = await startServer({ dataDir })
    await server.stop()
    const settings = { PARLEY_MASTER_KEY: wrongKey }
    const { stderr, end } = await refused({ dataDir, settings })
    assert.deepEqual(end, { code: 1, signal: null })
    assert.match(stderr, /^Parley cannot start: .*master key.*\n$/i)
    assert.ok(!stderr.includes(wrongKey))
    assertNothingIsLeft(dataDir)
  })

  test('tells that the master key is none', async () => {
    const settings = { PARLEY_MASTER_KEY: 'short' }
    const { stderr, end } = await refused({ dataDir: newDataDir(), settings })
    assert.deepEqual(end, { code: 1, signal: null })
    const message = 'PARLEY_MASTER_KEY must hold base64 of exactly 32 bytes.'
    assert.equal(stderr, `Parley cannot start: ${message}\n`)
  })

  test('tells that the certificate cannot be read', async () => {
    const absent = join(newDataDir(), 'absent.pem')
    const settings = { PARLEY_TLS_CERTIFICATE: absent, PARLEY_TLS_KEY: absent }
    const { stderr, end } = await refused({ dataDir: newDataDir(), settings })
    assert.deepEqual(end, { code: 1, signal: null })
    assert.match(stderr, /^Parley cannot start: PARLEY_TLS_CERTIFICATE or PARLEY_TLS_KEY cannot be/)
  })

  test('tells that the certificate is none', async () => {
    const dataDir = newDataDir()
    mkdirSync(dataDir, { mode: 0o711 })
    const file = join(dataDir, 'none.pem')
    writeFileSync(file, 'none')
    const settings = { PARLEY_TLS_CERTIFICATE: file, PARLEY_TLS_KEY: file }
    const { stderr, end } = await refused({ dataDir, settings })
    assert.deepEqual(end, { code: 1, signal: null })
    assert.match(stderr, /^Parley cannot start: PARLEY_TLS_CERTIFICATE .+\n$/)
  })

  test('tells that the data directory is a file', async () => {
    const folder = newDataDir()
    mkdirSync(folder)
    const dataDir = join(folder, 'file')
    writeFileSync(dataDir, '')
    const { stderr, end } = await refused({ dataDir })
    assert.deepEqual(end, { code: 1, signal: null })
    assert.match(stderr, /^Parley cannot start: The data directory \S+ cannot be used: .+\n$/)
    assert.deepEqual(readdirSync(folder), ['file'])
  })
})
