import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { writeEnvironmentFile } from './environment-file.ts'
import type { Reachable } from './reachable.ts'

const reachable: Reachable = {
  connectionString: 'endpoint=https://host:4430/;accesskey=Zmlyc3Q=',
  secondaryConnectionString: 'endpoint=https://host:4430/;accesskey=c2Vjb25k',
  caFile: '/data/tls/ca.pem',
  adminEndpoint: 'https://host:4430/',
  adminToken: 'admin-token',
  subscriptionId: 's1',
  resourceGroup: 'group',
  resourceName: 'name',
  jwksUrl: 'https://host:4430/.well-known/jwks.json',
  httpEndpoint: 'http://127.0.0.1:4480/',
}

const whole = `\
COMMUNICATION_SERVICES_CONNECTION_STRING='endpoint=https://host:4430/;accesskey=Zmlyc3Q='
COMMUNICATION_SERVICES_SECONDARY_CONNECTION_STRING='endpoint=https://host:4430/;accesskey=c2Vjb25k'
NODE_EXTRA_CA_CERTS='/data/tls/ca.pem'
PARLEY_ADMIN_ENDPOINT='https://host:4430/'
PARLEY_ADMIN_TOKEN='admin-token'
PARLEY_SUBSCRIPTION_ID='s1'
PARLEY_RESOURCE_GROUP='group'
PARLEY_RESOURCE_NAME='name'
PARLEY_JWKS_URL='https://host:4430/.well-known/jwks.json'
PARLEY_HTTP_ENDPOINT='http://127.0.0.1:4480/'
`

describe('the file parley.env', () => {
  let dataDir = ''
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'parley-environment-'))
  })
  afterEach(() => rm(dataDir, { recursive: true, force: true }))

  test('has everything that a program needs, for its owner alone', async () => {
    const path = await writeEnvironmentFile(dataDir, reachable)
    assert.equal(path, join(dataDir, 'parley.env'))
    assert.equal(await readFile(path, 'utf8'), whole)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(dataDir), ['parley.env'])
  })

  test('leaves out what the server has not', async () => {
    const bare = { ...reachable, caFile: undefined, httpEndpoint: undefined }
    const text = await readFile(await writeEnvironmentFile(dataDir, bare), 'utf8')
    assert.equal(text, whole.replace(/NODE_EXTRA.*\n/, '').replace(/PARLEY_HTTP.*\n/, ''))
  })

  test('leaves out the resource where there is none', async () => {
    const bare = {
      ...reachable,
      connectionString: undefined,
      secondaryConnectionString: undefined,
      resourceGroup: undefined,
      resourceName: undefined,
    }
    const text = await readFile(await writeEnvironmentFile(dataDir, bare), 'utf8')
    assert.equal(text, whole.replaceAll(/(?:COMMUNICATION_|PARLEY_RESOURCE).*\n/g, ''))
  })

  test('replaces the former one, and one that a crash left half-written', async () => {
    const path = join(dataDir, 'parley.env')
    await writeFile(path, 'former', { mode: 0o644 })
    await writeFile(`${path}.new`, `${whole}half`, { mode: 0o600 })
    await writeEnvironmentFile(dataDir, reachable)
    assert.equal(await readFile(path, 'utf8'), whole)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
  })

  const odd = ["it's", 'a b', '$HOME', '`id`', '\\', '"', ';exit', "'", '#', 'ä']
  for (const resourceName of odd) {
    test(`says ${resourceName} to a shell as it is`, async () => {
      const path = await writeEnvironmentFile(dataDir, { ...reachable, resourceName })
      const script = 'set -a; . "$1"; printf %s "$PARLEY_RESOURCE_NAME"'
      assert.equal(
        execFileSync('sh', ['-c', script, 'sh', path], { encoding: 'utf8' }),
        resourceName,
      )
    })
  }
})
