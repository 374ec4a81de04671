import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connectDatabase } from '../connect.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts'
import { factsHere, silentLog } from './temporary-postgres.ts'

describe('the embedded PostgreSQL', () => {
  let root = ''
  /** A cluster that is made once and used by several tests, one after the other. */
  let clusterDirectory = ''
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'parley-embedded-'))
    clusterDirectory = join(root, 'postgres')
  })
  after(() => rm(root, { recursive: true, force: true }))

  function start(directory = clusterDirectory) {
    return startEmbeddedPostgres({
      clusterDirectory: directory,
      log: silentLog,
      facts: factsHere,
    })
  }

  async function withPostgres(
    directory: string,
    act: (postgres: EmbeddedPostgres) => Promise<void>,
  ) {
    const started = await start(directory)
    assert.ok(started.ok, JSON.stringify(started))
    try {
      await act(started.value)
    } finally {
      await started.value.stop()
    }
  }

  async function query(postgres: EmbeddedPostgres, text: string) {
    const address = { kind: 'embedded', connection: postgres.connection } as const
    const connected = await connectDatabase({ address })
    assert.ok(connected.ok, JSON.stringify(connected))
    try {
      return [...(await connected.value.unsafe(text))]
    } finally {
      await connected.value.end()
    }
  }

  test('keeps what one start wrote for the next', async () => {
    await withPostgres(clusterDirectory, async (postgres) => {
      await query(postgres, "create table kept (word text); insert into kept values ('here')")
    })
    await withPostgres(clusterDirectory, async (postgres) => {
      assert.deepEqual(await query(postgres, 'select word from kept'), [{ word: 'here' }])
    })
  })

  test('is found through its socket alone, whose directory only its owner may enter', async () => {
    await withPostgres(clusterDirectory, async (postgres) => {
      assert.equal(postgres.connection.host, join(root, 'run'))
      assert.equal((await stat(postgres.connection.host)).mode & 0o777, 0o700)
      const asked = "select setting from pg_settings where name = 'listen_addresses'"
      assert.deepEqual(await query(postgres, asked), [{ setting: '' }])
    })
  })

  test('sorts text by code point and keeps it as UTF-8, whatever the locale', async () => {
    await withPostgres(clusterDirectory, async (postgres) => {
      const asked = `
        select string_agg(word, '' order by word) as sorted
        from unnest('{b,A,a,B,é}'::text[]) as word`
      assert.deepEqual(await query(postgres, asked), [{ sorted: 'ABabé' }])
    })
  })

  test('says with which status it ended, and stopping twice is harmless', async () => {
    const started = await start()
    assert.ok(started.ok)
    await started.value.stop()
    await started.value.stop()
    assert.deepEqual(await started.value.exited, { status: 0 })
    assert.deepEqual(await readdir(join(root, 'run')), [])
  })

  test('stops while a client sits in an open transaction', async () => {
    const started = await start()
    assert.ok(started.ok)
    const address = { kind: 'embedded', connection: started.value.connection } as const
    const connected = await connectDatabase({ address })
    assert.ok(connected.ok)
    const open = connected.value.begin(async (sql) => {
      await sql`select 1`
      await started.value.stop()
      await sql`select 2`
    })
    await assert.rejects(open)
    await connected.value.end({ timeout: 0 })
  })

  test('refuses a second start on the same files, and names the first', async () => {
    await withPostgres(clusterDirectory, async (postgres) => {
      const second = await start()
      assert.ok(!second.ok)
      assert.equal(second.fault.kind, 'data-directory-in-use')
      assert.ok('pid' in second.fault)
      assert.equal(second.fault.pid, postgres.pid)
      assert.deepEqual(await query(postgres, 'select word from kept'), [{ word: 'here' }])
    })
  })

  test('refuses a start while one runs in another container, out of sight', async () => {
    await withPostgres(clusterDirectory, async (postgres) => {
      const file = join(clusterDirectory, 'postmaster.pid')
      const text = await readFile(file, 'utf8')
      await writeFile(file, text.replace(/^\d+/, '999999999'))
      const second = await start()
      await writeFile(file, text)
      assert.ok(!second.ok)
      assert.equal(second.fault.kind, 'data-directory-in-use')
      assert.ok('pid' in second.fault)
      assert.equal(second.fault.pid, undefined)
      assert.deepEqual(await query(postgres, 'select word from kept'), [{ word: 'here' }])
    })
  })

  test('runs where paths hold spaces, commas, quotes and umlauts', async () => {
    const directory = join(root, `a "b", 'ü' $HOME`)
    await mkdir(directory, { mode: 0o700 })
    await withPostgres(join(directory, 'postgres'), async (postgres) => {
      assert.equal(postgres.connection.host, join(directory, 'run'))
      assert.deepEqual(await query(postgres, 'select 1 as one'), [{ one: 1 }])
    })
  })

  test('keeps its socket elsewhere when the path is too long for one, and tidies up', async () => {
    const directory = join(root, 'long'.repeat(25))
    await mkdir(directory, { mode: 0o700 })
    let place = ''
    await withPostgres(join(directory, 'postgres'), async (postgres) => {
      place = postgres.connection.host
      assert.match(place, /^\/tmp\/parley-/)
      assert.equal((await stat(place)).mode & 0o777, 0o700)
      assert.deepEqual(await query(postgres, 'select 1 as one'), [{ one: 1 }])
    })
    await assert.rejects(stat(place), { code: 'ENOENT' })
  })

  test('makes a whole cluster where a killed start left a half-made one', async () => {
    const directory = await mkdtemp(join(root, 'half-'))
    await mkdir(join(directory, 'postgres.making-a1b2c3', 'base'), { recursive: true })
    await writeFile(join(directory, 'postgres.making-a1b2c3', 'PG_VERSION'), '18\n')
    await withPostgres(join(directory, 'postgres'), async (postgres) => {
      assert.deepEqual(await query(postgres, 'select 1 as one'), [{ one: 1 }])
    })
    assert.deepEqual((await readdir(directory)).sort(), ['postgres', 'run'])
  })

  test('does not touch files that are no database', async () => {
    const directory = await mkdtemp(join(root, 'foreign-'))
    await mkdir(join(directory, 'postgres'))
    await writeFile(join(directory, 'postgres', 'letter.txt'), 'Dear all')
    const started = await start(join(directory, 'postgres'))
    assert.ok(!started.ok)
    assert.equal(started.fault.kind, 'cluster-unusable')
    assert.equal(await readFile(join(directory, 'postgres', 'letter.txt'), 'utf8'), 'Dear all')
  })

  test('does not open the files of another major version', async () => {
    const directory = await mkdtemp(join(root, 'older-'))
    await mkdir(join(directory, 'postgres'))
    await writeFile(join(directory, 'postgres', 'PG_VERSION'), '14\n')
    const started = await start(join(directory, 'postgres'))
    assert.ok(!started.ok)
    assert.equal(started.fault.kind, 'cluster-unusable')
    assert.match(started.fault.message, /PostgreSQL 14/)
  })

  test('repeats the words of PostgreSQL when it refuses to start', async () => {
    const directory = await mkdtemp(join(root, 'torn-'))
    await mkdir(join(directory, 'postgres'), { mode: 0o700 })
    await writeFile(join(directory, 'postgres', 'PG_VERSION'), '18\n')
    const started = await start(join(directory, 'postgres'))
    assert.ok(!started.ok)
    assert.equal(started.fault.kind, 'embedded-postgres-failed')
    assert.match(started.fault.message, /postgresql\.conf/)
  })

  test('says that the binaries do not run, and the way out', async () => {
    const packageRoot = await mkdtemp(join(root, 'package-'))
    await mkdir(join(packageRoot, 'native', 'bin'), { recursive: true })
    const program = join(packageRoot, 'native', 'bin', 'postgres')
    await writeFile(program, '#!/bin/sh\necho "libc.so.6: not found" >&2\nexit 127\n', {
      mode: 0o755,
    })
    const options = { clusterDirectory: join(packageRoot, 'postgres'), log: silentLog }
    const started = await startEmbeddedPostgres({ ...options, facts: factsHere, packageRoot })
    assert.ok(!started.ok)
    assert.equal(started.fault.kind, 'embedded-postgres-unusable')
    assert.match(started.fault.message, /libc\.so\.6: not found.*PARLEY_DATABASE_URL/)
  })

  test('leaves no process behind', () => {
    const processes = execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' })
    assert.ok(!processes.includes(root), processes)
  })
})
