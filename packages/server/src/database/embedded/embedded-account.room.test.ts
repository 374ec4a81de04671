import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { findPostgresPackage } from './postgres-package.ts'
import { factsHere, silentLog } from './temporary-postgres.ts'

const isRoot = factsHere.uid === 0
const rootOnly = isRoot ? {} : { skip: 'only root drops to another account' }

describe('the account of the embedded PostgreSQL', () => {
  let root = ''
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'parley-account-'))
    await chmod(root, 0o755)
  })
  after(() => rm(root, { recursive: true, force: true }))

  function start(directory: string, packageRoot?: string) {
    const clusterDirectory = join(directory, 'postgres')
    const options = { clusterDirectory, log: silentLog, facts: factsHere, packageRoot }
    return startEmbeddedPostgres(options)
  }

  /** Copies the binaries, without the links that an earlier start may have made. */
  async function copyPackage(target: string) {
    const found = findPostgresPackage(factsHere.platform, factsHere.arch)
    assert.ok(found.ok)
    const source = found.value.root
    const links: { target: string }[] = JSON.parse(
      await readFile(join(source, 'native', 'pg-symlinks.json'), 'utf8'),
    )
    const isLink = new Set(links.map((link) => join(source, link.target)))
    const filter = (path: string) => !isLink.has(path)
    await cp(join(source, 'native'), join(target, 'native'), { recursive: true, filter })
  }

  /** Binaries that everybody reaches, also where the tests lie below a directory of root's own. */
  async function reachablePackage(): Promise<string> {
    const target = join(root, 'package')
    if (!existsSync(target)) await copyPackage(target)
    return target
  }

  async function privilegesOf(pid: number) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    return {
      uid: Number(/^Uid:\t(\d+)/m.exec(status)?.[1]),
      groups: /^Groups:\t(.*)$/m.exec(status)?.[1]?.trim(),
      effective: /^CapEff:\t(\w+)/m.exec(status)?.[1],
    }
  }

  test('is nobody, without any privilege, when the server is root', rootOnly, async () => {
    const directory = join(root, 'plain')
    await mkdir(directory, { mode: 0o700 })
    const started = await start(directory, await reachablePackage())
    assert.ok(started.ok, JSON.stringify(started))
    const privileges = await privilegesOf(started.value.pid)
    await started.value.stop()
    assert.deepEqual(privileges, { uid: 65534, groups: '', effective: '0000000000000000' })
    const { uid, gid, mode } = await stat(directory)
    assert.deepEqual({ uid, gid, mode: mode & 0o777 }, { uid: 0, gid: 65534, mode: 0o710 })
  })

  test(
    'may search directories and no more when only root reaches data and binaries',
    rootOnly,
    async () => {
      const locked = await mkdtemp(join(root, 'locked-'))
      await mkdir(join(locked, 'data'), { mode: 0o700 })
      await copyPackage(join(locked, 'package'))
      const started = await start(join(locked, 'data'), join(locked, 'package'))
      assert.ok(started.ok, JSON.stringify(started))
      const privileges = await privilegesOf(started.value.pid)
      await started.value.stop()
      assert.deepEqual(privileges, { uid: 65534, groups: '', effective: '0000000000000004' })
      assert.equal((await stat(locked)).mode & 0o777, 0o700)
      const again = await start(join(locked, 'data'), join(locked, 'package'))
      assert.ok(again.ok, JSON.stringify(again))
      await again.value.stop()
    },
  )

  test('is that of the owner of an existing cluster', rootOnly, async () => {
    const directory = join(root, 'owned')
    await mkdir(directory)
    const first = await start(directory)
    assert.ok(first.ok)
    await first.value.stop()
    execFileSync('chown', ['-R', '12345:12345', join(directory, 'postgres')])
    const second = await start(directory)
    assert.ok(second.ok, JSON.stringify(second))
    const { uid } = await privilegesOf(second.value.pid)
    await second.value.stop()
    assert.equal(uid, 12345)
  })

  test('is that of the owner of an empty directory made for it', rootOnly, async () => {
    const directory = join(root, 'prepared')
    await mkdir(join(directory, 'postgres'), { recursive: true })
    await chmod(directory, 0o700)
    // User 1 has a name on every system, and initdb asks for one.
    await chown(join(directory, 'postgres'), 1, 1)
    const started = await start(directory, await reachablePackage())
    assert.ok(started.ok, JSON.stringify(started))
    const privileges = await privilegesOf(started.value.pid)
    await started.value.stop()
    assert.deepEqual(privileges, { uid: 1, groups: '', effective: '0000000000000000' })
  })

  test('is given a cluster that root has copied back from a backup', rootOnly, async () => {
    const directory = join(root, 'owned')
    execFileSync('chown', ['-R', '0:0', join(directory, 'postgres')])
    await chmod(join(directory, 'postgres'), 0o755)
    const started = await start(directory)
    assert.ok(started.ok, JSON.stringify(started))
    const { uid } = await privilegesOf(started.value.pid)
    await started.value.stop()
    assert.equal(uid, 65534)
  })

  test(
    'cannot be found where neither modes nor capabilities let one through',
    rootOnly,
    async () => {
      const locked = await mkdtemp(join(root, 'locked-'))
      await mkdir(join(locked, 'data'), { mode: 0o700 })
      // Without `setpriv` there is no way to hand a capability on.
      const facts = { ...factsHere, env: { PATH: '/nonexistent' } }
      const clusterDirectory = join(locked, 'data', 'postgres')
      const started = await startEmbeddedPostgres({ clusterDirectory, log: silentLog, facts })
      assert.ok(!started.ok)
      assert.equal(started.fault.kind, 'unprivileged-account-unusable')
      assert.match(started.fault.message, /ordinary user.*PARLEY_DATABASE_URL/)
    },
  )

  test('is not changed by an ordinary user who finds the files of another', async () => {
    const directory = await mkdtemp(join(root, 'theirs-'))
    await mkdir(join(directory, 'postgres'))
    const facts = { ...factsHere, uid: 4242 }
    const clusterDirectory = join(directory, 'postgres')
    const started = await startEmbeddedPostgres({ clusterDirectory, log: silentLog, facts })
    assert.ok(!started.ok)
    assert.equal(started.fault.kind, 'cluster-unusable')
    assert.match(started.fault.message, new RegExp(`user id ${process.getuid?.()}\\b`))
  })

  test('needs a name where a cluster has to be made, and says so', rootOnly, async (context) => {
    if (!(await isReadableByAll(launcher.pathname))) return context.skip(unreadable)
    const directory = join(root, 'nameless')
    await mkdir(directory, { mode: 0o700 })
    await chown(directory, 4242, 4242)
    const said = await startAs({ uid: 4242, gid: 4242 }, directory)
    assert.equal(said.kind, 'embedded-postgres-failed')
    assert.match(said.message ?? '', /4242.*\/etc\/passwd.*PARLEY_DATABASE_URL/)
  })

  test('an ordinary user runs it from an install that cannot be written', async (context) => {
    if (isRoot && !(await isReadableByAll(launcher.pathname))) return context.skip(unreadable)
    const packageRoot = join(root, 'read-only')
    await copyPackage(packageRoot)
    const directory = join(root, 'ordinary')
    await mkdir(directory, { mode: 0o700 })
    await chmod(join(packageRoot, 'native', 'lib'), 0o555)
    if (isRoot) await chown(directory, 65534, 65534)
    const identity = isRoot ? { uid: 65534, gid: 65534 } : {}
    assert.deepEqual(await startAs(identity, directory, packageRoot), { kind: 'started' })
    assert.ok((await readdir(join(directory, 'postgres-libraries'))).includes('libicuuc.so.60'))
    await chmod(join(packageRoot, 'native', 'lib'), 0o755)
  })

  /** Starts and stops the database in a process of another user; tells what came of it. */
  async function startAs(
    identity: { uid?: number; gid?: number },
    directory: string,
    packageRoot = '',
  ): Promise<{ kind: string; message?: string }> {
    const args = ['--input-type=module', '-e', ordinaryProgram, launcher.href, directory]
    const child = spawn(process.execPath, [...args, packageRoot], {
      ...identity,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [said] = await once(child.stdout, 'data')
    return JSON.parse(String(said))
  }
})

const launcher = new URL('./embedded-postgres.js', import.meta.url)
const unreadable = 'the build lies where only root may read'

async function isReadableByAll(path: string): Promise<boolean> {
  for (let at = path; at !== '/'; at = dirname(at)) {
    const { mode } = await stat(at)
    if ((mode & 0o005) !== 0o005 && at !== path) return false
  }
  return true
}

const ordinaryProgram = `
const { startEmbeddedPostgres } = await import(process.argv[1])
const say = () => undefined
const started = await startEmbeddedPostgres({
  clusterDirectory: process.argv[2] + '/postgres',
  packageRoot: process.argv[3] || undefined,
  log: { info: say, warn: say, error: say },
  facts: { platform: process.platform, arch: process.arch, uid: process.getuid(), env: {} },
})
if (started.ok) await started.value.stop()
console.log(JSON.stringify(started.ok ? { kind: 'started' } : started.fault))`
