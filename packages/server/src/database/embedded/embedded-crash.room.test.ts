import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, watch, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { connectDatabase } from '../connect.ts'
import { isSystemError } from '../system-errors.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { factsHere, silentLog } from './temporary-postgres.ts'

/**
 * A server reduced to its database: writes numbers and notes each when it is acknowledged, in a
 * file. That is done when the call is, while a line that it prints may wait for room in the pipe.
 */
const writerProgram = `
const { openSync, writeSync } = await import('node:fs')
const notes = openSync(process.argv[3], 'a')
const [embedded, temporary, connect] = await Promise.all(
  ['embedded-postgres.js', 'temporary-postgres.js', '../connect.js'].map(
    (name) => import(new URL(name, process.argv[2]).href)))
const { factsHere: facts, silentLog: log } = temporary
const clusterDirectory = process.argv[1]
const started = await embedded.startEmbeddedPostgres({ clusterDirectory, log, facts })
if (!started.ok) throw new Error(started.fault.message)
const address = { kind: 'embedded', connection: started.value.connection }
const sql = (await connect.connectDatabase({ address })).value
await sql\`create table if not exists written (number integer primary key)\`
const [{ next }] = await sql\`select coalesce(max(number), 0) + 1 as next from written\`
let isWriting = true
process.on('SIGINT', async () => {
  isWriting = false
  const [{ count }] = await sql\`select count(*) as count from written\`
  console.log('counted', count)
  await sql.end()
  await started.value.stop()
  process.exit(0)
})
console.log('postmaster', started.value.pid)
for (let number = next; isWriting; number++) {
  await sql\`insert into written values (\${number})\`
  writeSync(notes, '.')
  console.log('acknowledged', number)
}`

describe('the embedded PostgreSQL, when its server dies', () => {
  let root = ''
  let writerCount = 0
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'parley-crash-'))
  })
  after(() => rm(root, { recursive: true, force: true }))

  /** Starts a writer in a process group of its own and listens to what it says. */
  function startWriter(clusterDirectory: string) {
    writerCount += 1
    const notes = join(root, `acknowledged-${writerCount}`)
    const words = [clusterDirectory, import.meta.url, notes]
    const args = ['--input-type=module', '-e', writerProgram, ...words]
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    assert.ok(child.pid !== undefined)
    const said: string[] = []
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => said.push(line))
    const ended = once(lines, 'close').then(() => 'ended' as const)
    const heard = async (sign: string): Promise<string> => {
      for (;;) {
        const line = said.find((candidate) => candidate.startsWith(sign))
        if (line !== undefined) return line
        const next = await Promise.race([once(lines, 'line'), ended])
        assert.notEqual(next, 'ended', `the writer ended without having said ${sign}`)
      }
    }
    const acknowledged = async () => (await readFile(notes)).length
    return { pid: child.pid, child, ended, heard, acknowledged }
  }

  /** Starts on the files of a dead server and counts what it finds. */
  async function countWritten(clusterDirectory: string) {
    const started = await startEmbeddedPostgres({
      clusterDirectory,
      log: silentLog,
      facts: factsHere,
    })
    assert.ok(started.ok, JSON.stringify(started))
    const address = { kind: 'embedded', connection: started.value.connection } as const
    const connected = await connectDatabase({ address })
    assert.ok(connected.ok)
    const rows = await connected.value<{ count: number }[]>`select count(*) as count from written`
    await connected.value.end()
    await started.value.stop()
    return rows[0]?.count ?? 0
  }

  test('stops by itself after a kill -9 of the server, and loses no acknowledged row', async () => {
    const clusterDirectory = join(root, 'postgres')
    let written = 0
    for (let round = 1; round <= 3; round++) {
      const writer = startWriter(clusterDirectory)
      await writer.heard(`acknowledged ${written + 100 * round}`)
      process.kill(writer.pid, 'SIGKILL')
      await writer.ended
      written += await writer.acknowledged()
      const found = await countWritten(clusterDirectory)
      // One row may have been written of which the writer did not hear any more.
      assert.ok(found === written || found === written + 1, `${found} of ${written}`)
      written = found
    }
  })

  test('recovers by itself after a kill -9 of all its processes', async () => {
    const clusterDirectory = join(root, 'postgres')
    const before = await countWritten(clusterDirectory)
    const writer = startWriter(clusterDirectory)
    await writer.heard(`acknowledged ${before + 300}`)
    killWithDescendants(writer.pid)
    await writer.ended
    const found = await countWritten(clusterDirectory)
    const expected = before + (await writer.acknowledged())
    assert.ok(found === expected || found === expected + 1, `${found} of ${expected}`)
  })

  test('starts although its old process number belongs to another program by now', async () => {
    const clusterDirectory = join(root, 'postgres')
    const writer = startWriter(clusterDirectory)
    const [, postmaster] = (await writer.heard('postmaster')).split(' ')
    killWithDescendants(writer.pid)
    await writer.ended
    const left = join(clusterDirectory, 'postmaster.pid')
    const text = await readFile(left, 'utf8')
    assert.ok(text.startsWith(`${postmaster}\n`))
    // PostgreSQL only respects processes of its own account, so the stranger must be one.
    const stranger = spawn('sleep', ['60'], factsHere.uid === 0 ? { uid: 65534 } : {})
    try {
      await writeFile(left, text.replace(/^\d+/, String(stranger.pid)))
      assert.ok((await countWritten(clusterDirectory)) > 0)
    } finally {
      stranger.kill()
    }
  })

  test('outlasts a Ctrl-C that the server still wants to answer', async () => {
    const writer = startWriter(join(root, 'postgres'))
    await writer.heard('postmaster')
    process.kill(-writer.pid, 'SIGINT')
    await writer.heard('counted')
    const [status] = await once(writer.child, 'exit')
    assert.equal(status, 0)
  })

  test('is made anew after a kill -9 while its cluster was being made', async () => {
    const directory = await mkdtemp(join(root, 'half-'))
    const seen = watch(directory)
    const writer = startWriter(join(directory, 'postgres'))
    for await (const { filename } of seen) {
      if (filename?.startsWith('postgres.making-')) break
    }
    process.kill(writer.pid, 'SIGKILL')
    await writer.ended
    assert.ok(!(await readdir(directory)).includes('postgres'))
    const again = startWriter(join(directory, 'postgres'))
    await again.heard('acknowledged 1')
    process.kill(again.pid, 'SIGKILL')
    await again.ended
    assert.ok((await countWritten(join(directory, 'postgres'))) > 0)
    assert.deepEqual((await readdir(directory)).sort(), ['postgres', 'run'])
  })

  test('says so when it is killed itself', async () => {
    const clusterDirectory = join(root, 'postgres')
    const options = { clusterDirectory, log: silentLog, facts: factsHere }
    const started = await startEmbeddedPostgres(options)
    assert.ok(started.ok)
    // The database alone does not keep a process alive.
    const alive = setInterval(() => undefined, 1000)
    process.kill(started.value.pid, 'SIGKILL')
    assert.deepEqual(await started.value.exited, { status: 137 })
    clearInterval(alive)
    await started.value.stop()
    assert.ok((await countWritten(clusterDirectory)) > 0)
  })
})

/** Kills a server and everything below it, the lowest first, so that nothing can still tidy up. */
function killWithDescendants(pid: number): void {
  process.kill(pid, 'SIGSTOP')
  for (const victim of [...descendantsOf(pid).reverse(), pid]) {
    try {
      process.kill(victim, 'SIGKILL')
    } catch (error) {
      // A child of PostgreSQL may have ended in between.
      if (!isSystemError(error, 'ESRCH')) throw error
    }
  }
}

/** Every process below another one. */
function descendantsOf(pid: number): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  const pairs = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  const below = (parent: number): number[] =>
    pairs.flatMap(([child = 0, above]) => (above === parent ? [child, ...below(child)] : []))
  return below(pid)
}
