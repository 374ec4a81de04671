import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import { loadMasterKey } from './master-key.ts'
import { createPlatform } from './platform.ts'

const platform = createPlatform({ now: () => 0, monotonicNow: () => 0, randomBytes })

describe('the master key', () => {
  let dataDir = ''
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'parley-master-key-'))
  })
  afterEach(() => rm(dataDir, { recursive: true, force: true }))

  const load = (configured?: string) => loadMasterKey({ configured, dataDir, platform })
  const path = () => join(dataDir, 'master.key')

  test('is made by a first start, for its owner alone, and found by the next', async () => {
    const made = await load()
    assert.ok(made.ok)
    assert.equal(made.value.length, 32)
    assert.equal((await stat(path())).mode & 0o777, 0o600)
    assert.equal(await readFile(path(), 'utf8'), `${made.value.toString('base64')}\n`)
    assert.deepEqual(await load(), made)
  })

  test('is the same for two starts at once', async () => {
    const [one, other] = await Promise.all([load(), load()])
    assert.ok(one.ok)
    assert.deepEqual(one, other)
  })

  test('is the configured one where there is one, and then no file is made', async () => {
    const configured = Buffer.alloc(32, 1)
    assert.deepEqual(await load(configured.toString('base64')), ok(configured))
    assert.deepEqual(await readdir(dataDir), [])
  })

  test('is the configured one even beside a file, which stays as it is', async () => {
    const made = await load()
    const configured = Buffer.alloc(32, 1)
    assert.deepEqual(await load(configured.toString('base64')), ok(configured))
    assert.deepEqual(await load(), made)
  })

  const text = Buffer.alloc(32, 0xfb).toString('base64')
  const malformed = [
    ['nothing', ''],
    ['31 bytes', Buffer.alloc(31).toString('base64')],
    ['33 bytes', Buffer.alloc(33).toString('base64')],
    ['hexadecimal', Buffer.alloc(32).toString('hex')],
    ['base64 without its padding', text.replace('=', '')],
    ['base64url', text.replaceAll('+', '-').replaceAll('/', '_')],
    ['base64 with a blank in it', `${text.slice(0, 10)} ${text.slice(10)}`],
  ] as const
  for (const [what, given] of malformed) {
    test(`is refused as a variable that holds ${what}`, async () => {
      const message = 'PARLEY_MASTER_KEY must hold base64 of exactly 32 bytes.'
      assert.deepEqual(await load(given), fail({ kind: 'master-key-malformed', message }))
    })

    test(`is refused as a file that holds ${what}, and not replaced`, async () => {
      await writeFile(path(), `${given}\n`)
      const message = `${path()} must hold base64 of exactly 32 bytes.`
      assert.deepEqual(await load(), fail({ kind: 'master-key-malformed', message }))
      assert.equal(await readFile(path(), 'utf8'), `${given}\n`)
    })
  }

  test('may stand in its file with blanks around it', async () => {
    await writeFile(path(), `  ${text}\r\n\n`)
    assert.deepEqual(await load(), ok(Buffer.alloc(32, 0xfb)))
  })

  test('is not made up where the data directory is gone', async () => {
    await rm(dataDir, { recursive: true })
    await assert.rejects(load(), { code: 'ENOENT' })
  })
})
