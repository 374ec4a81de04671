import { execFile } from 'node:child_process'
import {
  chmod,
  chown,
  lchown,
  lstat,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
} from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { fail, ok, type Result } from '@parley/protocol'
import { isSystemError } from '../system-errors.ts'
import { type ChildAccount, commandAs, type Owner } from './child-account.ts'
import { type ClusterUnusable, type EmbeddedPostgresFailed, wayOut } from './faults.ts'
import type { ChildEnvironment, LauncherLog } from './platform.ts'
import type { PostgresPackage } from './postgres-package.ts'
import { initdbArguments } from './settings.ts'

/** What making or checking a cluster needs. */
export interface ClusterQuestion {
  readonly clusterDirectory: string
  readonly account: ChildAccount
  readonly postgresPackage: PostgresPackage
  readonly environment: ChildEnvironment
  readonly log: LauncherLog
}

const initdbTimeoutMs = 120_000
const runFile = promisify(execFile)

/**
 * Makes sure that there is a whole cluster that this version of PostgreSQL can open.
 *
 * A new one is made beside its place and renamed when it is complete and on the disk, so that what
 * carries the name is never half made, whatever moment a kill -9 or a power loss chooses. What such
 * a moment left behind is removed by the next start. The caller holds the data directory.
 *
 * @faults `cluster-unusable` - made by another major version, or the place holds something else.
 * @faults `embedded-postgres-failed` - `initdb` refused; its words are in the fault.
 */
export async function ensureCluster(
  question: ClusterQuestion,
): Promise<Result<undefined, ClusterUnusable | EmbeddedPostgresFailed>> {
  const { clusterDirectory, account } = question
  await removeHalfMade(question)
  const found = await listDirectory(clusterDirectory)
  if (found.length === 0) return makeCluster(question)
  if (!found.includes('PG_VERSION')) {
    const message = [
      `${clusterDirectory} holds files and no PostgreSQL database.`,
      `Move them away, use another data directory, ${wayOut}.`,
    ].join(' ')
    return fail({ kind: 'cluster-unusable', message })
  }
  const version = (await readFile(join(clusterDirectory, 'PG_VERSION'), 'utf8')).trim()
  if (version !== account.majorVersion) {
    const message = [
      `The database in ${clusterDirectory} was made by PostgreSQL ${version},`,
      `and this Parley brings PostgreSQL ${account.majorVersion}.`,
      `Move it with pg_dump and pg_restore or with pg_upgrade, ${wayOut}.`,
    ].join(' ')
    return fail({ kind: 'cluster-unusable', message })
  }
  if (account.owner !== undefined) await handOver(clusterDirectory, account.owner)
  return ok(undefined)
}

async function makeCluster(
  question: ClusterQuestion,
): Promise<Result<undefined, EmbeddedPostgresFailed>> {
  const { clusterDirectory, account, postgresPackage, environment, log } = question
  log.info({ clusterDirectory }, 'Making a new PostgreSQL database')
  const draft = await mkdtemp(`${clusterDirectory}${halfMadeSuffix}`)
  if (account.owner !== undefined) await chown(draft, account.owner.uid, account.owner.gid)
  const words = [postgresPackage.initdb, ...initdbArguments(draft)]
  const { command, args, identity } = commandAs(account, words)
  try {
    const options = { cwd: '/', env: environment, timeout: initdbTimeoutMs, ...identity }
    await runFile(command, args, options)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    await rm(draft, { recursive: true, force: true })
    const said = 'stderr' in error ? String(error.stderr).trim() : ''
    const lines = (said === '' ? error.message : said).split('\n')
    const isNameless = said.includes('could not look up effective user ID')
    const advice = isNameless ? [`Give that user id a line in /etc/passwd, ${wayOut}.`] : []
    const message = [
      `A PostgreSQL database could not be made in ${clusterDirectory}: ${lines.join(' ')}.`,
      ...advice,
    ].join(' ')
    return fail({ kind: 'embedded-postgres-failed', message, lines })
  }
  await rename(draft, clusterDirectory)
  await syncDirectory(dirname(clusterDirectory))
  return ok(undefined)
}

const halfMadeSuffix = '.making-'

async function removeHalfMade(question: ClusterQuestion): Promise<void> {
  const parent = dirname(question.clusterDirectory)
  const prefix = `${basename(question.clusterDirectory)}${halfMadeSuffix}`
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue
    question.log.warn({ directory: join(parent, name) }, 'Removing a half-made database')
    await rm(join(parent, name), { recursive: true, force: true, maxRetries: 10 })
  }
}

/** Gives a cluster that root owns (a backup copied back) to the account that will open it. */
async function handOver(path: string, owner: Owner): Promise<void> {
  if ((await lstat(path)).uid !== 0) return
  for (const entry of await readdir(path, { recursive: true })) {
    await lchown(join(path, entry), owner.uid, owner.gid)
  }
  await chmod(path, 0o700)
  // The top comes last: as long as it belongs to root, an interrupted walk is walked again.
  await lchown(path, owner.uid, owner.gid)
}

async function listDirectory(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return []
    throw error
  }
}

/** Makes a rename inside `path` survive a power loss. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
