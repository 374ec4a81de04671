/**
 * Data directories of servers that are killed, and the processes behind them.
 */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectDatabase, type Database } from '@parley/server/database/connect'
import { database, username } from '@parley/server/database/embedded/settings'
import type { Launched, ProcessEnd } from '../server-process.ts'

/** A folder that does not exist yet, removed after the tier. */
export function newDataDir(): string {
  const { PARLEY_TEST_FOLDER } = process.env
  assert.ok(PARLEY_TEST_FOLDER !== undefined, 'run by tests/dist/run.js')
  return join(mkdtempUnder(PARLEY_TEST_FOLDER), 'data')
}

/** The database of a server started as root runs under another account, which gets through. */
function mkdtempUnder(folder: string): string {
  const made = mkdtempSync(join(folder, 'world-'))
  chmodSync(made, 0o711)
  return made
}

/** What PostgreSQL says of itself while it runs. */
interface Postmaster {
  readonly pid: number
  readonly port: number
  readonly socketDirectory: string
}

function readPostmaster(dataDir: string): Postmaster | undefined {
  const file = join(dataDir, 'postgres', 'postmaster.pid')
  if (!existsSync(file)) return undefined
  const [pid, , , port, socketDirectory = ''] = readFileSync(file, 'utf8').split('\n')
  return { pid: Number(pid), port: Number(port), socketDirectory }
}

/** The process id of the embedded PostgreSQL of a server that runs. */
export function postmasterOf(dataDir: string): number {
  const postmaster = readPostmaster(dataDir)
  assert.ok(postmaster !== undefined, 'PostgreSQL runs')
  return postmaster.pid
}

/** Connects to the embedded PostgreSQL of a server that runs. */
export async function openDatabaseOf(dataDir: string): Promise<Database> {
  const postmaster = readPostmaster(dataDir)
  assert.ok(postmaster !== undefined, 'PostgreSQL runs')
  const { socketDirectory: host, port } = postmaster
  const connection = { host, port, username, database }
  const connected = await connectDatabase({ address: { kind: 'embedded', connection } })
  assert.ok(connected.ok, JSON.stringify(connected))
  return connected.value
}

/** What a server leaves behind when it ends as it ought to: no lock, no database. */
export function assertNothingIsLeft(dataDir: string): void {
  assert.equal(existsSync(join(dataDir, 'parley.lock')), false, 'the lock is gone')
  assert.equal(existsSync(join(dataDir, 'postgres', 'postmaster.pid')), false, 'PostgreSQL ended')
  assert.deepEqual(processesOn(dataDir), [], 'no process is left')
}

/** Command lines of the processes that name a data directory; none where /proc is missing. */
function processesOn(dataDir: string): readonly string[] {
  if (!existsSync('/proc/self/cmdline')) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(commandLineOf)
    .filter((line) => line.includes(dataDir))
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(join('/proc', pid, 'cmdline'), 'utf8').replaceAll('\0', ' ')
  } catch {
    // It ended meanwhile.
    return ''
  }
}

const goneTimeoutMs = 20_000
const lookEveryMs = 20

/** Waits until no process is left on a data directory: what was killed takes others with it. */
export async function untilNobodyIsLeft(dataDir: string): Promise<void> {
  const deadlineMs = performance.now() + goneTimeoutMs
  for (;;) {
    const left = processesOn(dataDir)
    if (left.length === 0) return
    assert.ok(performance.now() < deadlineMs, left.join('\n'))
    await delay(lookEveryMs)
  }
}

/** Kills a process that a test started and waits for its end. */
export function killed({ child, ended }: Launched): Promise<ProcessEnd> {
  child.kill('SIGKILL')
  return ended
}
