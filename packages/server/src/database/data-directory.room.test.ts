import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { claimDataDirectory } from './data-directory.ts'

describe('a claim on a data directory', () => {
  let root = ''
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'parley-claim-'))
  })
  after(() => rm(root, { recursive: true, force: true }))

  const claimModule = new URL('./data-directory.js', import.meta.url).href

  /** Claims `directory` in a process of its own, which then lives until it is killed. */
  async function claimElsewhere(directory: string) {
    const program = `
      const { claimDataDirectory } = await import(${JSON.stringify(claimModule)})
      const outcome = await claimDataDirectory(process.argv[1], process.platform)
      console.log(outcome.ok)
      setInterval(() => {}, 1e6)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [said] = await once(child.stdout, 'data')
    assert.equal(String(said).trim(), 'true')
    return child
  }

  test('creates the directory for its owner alone', async () => {
    const directory = join(root, 'deep', 'new')
    const claim = await claimDataDirectory(directory, process.platform)
    assert.equal(claim.ok, true)
    assert.equal((await stat(directory)).mode & 0o777, 0o700)
  })

  test('is refused while another process holds one, and names that process', async () => {
    const directory = join(root, 'held')
    const holder = await claimElsewhere(directory)
    try {
      const claim = await claimDataDirectory(directory, process.platform)
      assert.ok(!claim.ok)
      assert.equal(claim.fault.kind, 'data-directory-in-use')
      assert.ok('pid' in claim.fault)
      assert.equal(claim.fault.pid, holder.pid)
      assert.match(claim.fault.message, new RegExp(`process ${holder.pid}\\b`))
    } finally {
      holder.kill('SIGKILL')
    }
  })

  test('is refused while this process holds one itself', async () => {
    const directory = join(root, 'twice')
    assert.equal((await claimDataDirectory(directory, process.platform)).ok, true)
    assert.equal((await claimDataDirectory(directory, process.platform)).ok, false)
  })

  test('is given after a kill -9 of its holder', async () => {
    const directory = join(root, 'killed')
    const holder = await claimElsewhere(directory)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    assert.equal((await claimDataDirectory(directory, process.platform)).ok, true)
    assert.deepEqual(await readdir(directory), ['parley.lock'])
  })

  const staleLocks = [
    [
      'the number belongs to another process now',
      `{"pid":${process.pid},"start":"once","claim":"0"}\n`,
    ],
    ['no process has that number', '{"pid":999999999,"start":"once","claim":"0"}\n'],
    ['a power loss tore the file', '{"pid":12'],
    ['something else is in the file', 'null'],
    ['a power loss emptied the file', ''],
  ] as const
  for (const [why, text] of staleLocks) {
    test(`is given over a stale lock: ${why}`, async () => {
      const directory = await mkdtemp(join(root, 'stale-'))
      await writeFile(join(directory, 'parley.lock'), text)
      assert.equal((await claimDataDirectory(directory, process.platform)).ok, true)
      assert.equal((await claimDataDirectory(directory, process.platform)).ok, false)
    })
  }

  test('goes to one only of many that find the same stale lock', async () => {
    const directory = await mkdtemp(join(root, 'race-'))
    await writeFile(
      join(directory, 'parley.lock'),
      '{"pid":999999999,"start":"once","claim":"0"}\n',
    )
    const claims = await Promise.all(
      Array.from({ length: 2 }, () => claimDataDirectory(directory, process.platform)),
    )
    assert.equal(claims.filter((claim) => claim.ok).length, 1)
  })

  test('can be made anew after its release, and releasing twice is harmless', async () => {
    const directory = join(root, 'released')
    const first = await claimDataDirectory(directory, process.platform)
    assert.ok(first.ok)
    await first.value.release()
    const second = await claimDataDirectory(directory, process.platform)
    assert.ok(second.ok)
    await first.value.release()
    assert.equal((await claimDataDirectory(directory, process.platform)).ok, false)
    await second.value.release()
    assert.deepEqual(await readdir(directory), [])
  })

  test('is refused with a reason where no directory can be', async () => {
    const file = join(root, 'file')
    await writeFile(file, '')
    const claim = await claimDataDirectory(join(file, 'below'), process.platform)
    assert.ok(!claim.ok)
    assert.equal(claim.fault.kind, 'data-directory-unusable')
  })
})
