/**
 * PostgreSQL as an operator has it: a server of Debian's, with the programs that belong to it, on
 * a socket in a folder that is removed after the tier.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const versionsFolder = '/usr/lib/postgresql'
const programs = ['initdb', 'pg_ctl', 'pg_dump']

/** Where the programs of the newest version are. */
function programsFolder(): string | undefined {
  if (!existsSync(versionsFolder)) return undefined
  return readdirSync(versionsFolder)
    .toSorted((one, other) => Number(other) - Number(one))
    .map((version) => join(versionsFolder, version, 'bin'))
    .find((folder) => programs.every((program) => existsSync(join(folder, program))))
}

/** Why tests with a PostgreSQL of Debian's are left out here; `false` where they are not. */
export const lacksDebianPostgres: string | false =
  programsFolder() === undefined ? `no PostgreSQL in ${versionsFolder}` : false

/** A server that runs. */
export interface DebianPostgres {
  /** As `PARLEY_DATABASE_URL` names it. */
  readonly url: string
  /** What `pg_dump` writes with these options: everything there is, by default. */
  readonly dump: (...options: readonly string[]) => Promise<Buffer>
  readonly stop: () => Promise<void>
}

/** PostgreSQL refuses to run as root; this account owns nothing else. */
const nobody = { uid: 65_534, gid: 65_534 }
const username = 'parley'
const dumpBytesMax = 256 * 1024 * 1024

/** Makes a cluster under a folder that others may enter, and starts a server on it. */
export async function startDebianPostgres(under: string): Promise<DebianPostgres> {
  const bin = programsFolder()
  assert.ok(bin !== undefined, String(lacksDebianPostgres))
  const folder = mkdtempSync(join(under, 'debian-'))
  const isRoot = process.getuid?.() === 0
  const account = isRoot ? nobody : {}
  if (isRoot) chownSync(folder, nobody.uid, nobody.gid)
  chmodSync(folder, 0o711)
  const cluster = join(folder, 'cluster')
  const options = { cwd: '/', ...account, encoding: 'buffer', maxBuffer: dumpBytesMax } as const
  const call = (program: string, ...words: readonly string[]) =>
    run(join(bin, program), words, options)
  await call('initdb', '-D', cluster, '-U', username, '-A', 'trust', '-E', 'UTF8', '--locale=C')
  const settings = `-k ${folder} -c listen_addresses= -c max_connections=100`
  const log = join(folder, 'log')
  await call('pg_ctl', '-D', cluster, '-o', settings, '-l', log, '-w', 'start')
  return {
    url: `postgres://${username}@/postgres?host=${folder}&port=5432`,
    dump: async (...words) => {
      const place = ['-h', folder, '-U', username, '-d', 'postgres']
      const { stdout } = await call('pg_dump', ...place, ...words)
      return stdout
    },
    stop: async () => {
      await call('pg_ctl', '-D', cluster, '-m', 'fast', '-w', 'stop')
    },
  }
}
