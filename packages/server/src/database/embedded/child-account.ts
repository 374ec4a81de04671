import { execFile } from 'node:child_process'
import { chmod, chown, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { fail, ok, type Result } from '@parley/protocol'
import { isSystemError } from '../system-errors.ts'
import {
  type ClusterUnusable,
  type EmbeddedPostgresUnusable,
  type UnprivilegedAccountUnusable,
  wayOut,
} from './faults.ts'
import type { ChildEnvironment, PlatformFacts } from './platform.ts'
import type { PostgresPackage } from './postgres-package.ts'

/**
 * Under which account PostgreSQL runs. It refuses root, and rightly: whoever can run SQL as its
 * superuser can run programs.
 *
 * - An ordinary user: as that user.
 * - Root: as the owner of the cluster's directory, else as 65534 ("nobody" nearly everywhere). Who
 *   shares that account with other services gives the database one of its own by making the empty
 *   directory beforehand: `install -d -o <account> <data dir>/postgres`.
 *
 * Such an account must be able to walk to the cluster and to the binaries, and often cannot: a
 * clone below `/root`, or in a directory that `mktemp -d` made. Then the children get one
 * capability, to search and read any directory (`cap_dac_read_search`; `cap_dac_override` where the
 * container was not given the first). It must be held in spite of `access()`, with which PostgreSQL
 * looks for its own program and which ignores capabilities of a process that is not root, unless
 * the secure bit `no_setuid_fixup` is set.
 *
 * What is possible is found out by trying, mildest first, not by reading modes: access lists,
 * security modules and user namespaces have their say too.
 *
 * Rejected: copying the binaries (60 MB) to a place that can be walked to; a mount namespace (needs
 * more privilege than containers have); running as root in a user namespace (often forbidden).
 */

/** A numeric user and group. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** How a child of the launcher is started. */
export interface ChildAccount {
  /** The account it runs as; `undefined` means that of the server. */
  readonly owner: Owner | undefined
  /** Words to put before the command; empty unless a capability must be passed on. */
  readonly prefix: readonly string[]
  /** Major version of the binaries, as they say themselves. */
  readonly majorVersion: string
}

/** Everything the choice of an account depends on. */
export interface AccountQuestion {
  readonly facts: PlatformFacts
  /** Absolute path of the data directory, where the cluster lies or will lie. */
  readonly dataDirectory: string
  readonly clusterDirectory: string
  readonly postgresPackage: PostgresPackage
  readonly environment: ChildEnvironment
}

type AccountFault = EmbeddedPostgresUnusable | UnprivilegedAccountUnusable | ClusterUnusable

const nobody: Owner = { uid: 65534, gid: 65534 }
const trialTimeoutMs = 20_000
const runFile = promisify(execFile)

/**
 * Finds the account, and the way of starting a child under it, that can run PostgreSQL here.
 *
 * A data directory that only root may enter is opened to the account's group for walking through
 * (0710), so that the usual case needs no capability.
 *
 * @faults `embedded-postgres-unusable` - the binaries do not run on this machine at all.
 * @faults `unprivileged-account-unusable` - root, and no lesser account can reach everything.
 * @faults `cluster-unusable` - not root, and the database files belong to somebody else.
 */
export async function chooseAccount(
  question: AccountQuestion,
): Promise<Result<ChildAccount, AccountFault>> {
  const { facts, clusterDirectory, postgresPackage } = question
  const here = await tryAccount(question, undefined, [])
  if (!here.ok) {
    const message = [
      `The embedded PostgreSQL at ${postgresPackage.root} does not run on this machine:`,
      `${here.fault}. Use a system with glibc, ${wayOut}.`,
    ].join(' ')
    return fail({ kind: 'embedded-postgres-unusable', message })
  }
  const clusterOwner = await findOwner(clusterDirectory)
  if (facts.uid !== 0) {
    if (clusterOwner === undefined || clusterOwner.uid === facts.uid) return here
    return fail(ownedBySomebodyElse(clusterDirectory, clusterOwner.uid))
  }
  // Files that belong to root were copied back by root; they are handed over with the cluster.
  const owner = clusterOwner === undefined || clusterOwner.uid === 0 ? nobody : clusterOwner
  await letThrough(question.dataDirectory, owner)
  return tryAll(question, owner)
}

async function tryAll(
  question: AccountQuestion,
  owner: Owner,
): Promise<Result<ChildAccount, UnprivilegedAccountUnusable>> {
  let refusal = ''
  for (const prefix of [[], ...capabilities.map((name) => setprivFor(owner, name))]) {
    const tried = await tryAccount(question, owner, prefix)
    if (tried.ok) return tried
    refusal ||= tried.fault
  }
  const message = [
    `PostgreSQL does not run as root, and user id ${owner.uid} cannot be given access to`,
    `${question.dataDirectory} and ${question.postgresPackage.root} (${refusal}).`,
    `Start Parley as an ordinary user, move both to where every user may go, ${wayOut}.`,
  ].join(' ')
  return fail({ kind: 'unprivileged-account-unusable', message })
}

const capabilities = ['dac_read_search', 'dac_override'] as const

function setprivFor(owner: Owner, capability: string): readonly string[] {
  return [
    'setpriv',
    ...['--reuid', String(owner.uid), '--regid', String(owner.gid), '--clear-groups'],
    ...['--securebits', '+no_setuid_fixup,+no_setuid_fixup_locked'],
    ...['--inh-caps', `-all,+${capability}`, '--ambient-caps', `-all,+${capability}`],
    ...['--bounding-set', `-all,+${capability}`, '--no-new-privs'],
  ]
}

const trial = `
cd "$1" || exit
test -r "$2" || { echo "$2 cannot be read" >&2; exit 1; }
exec "$2" -V
`

/** Walks to the data directory and runs `postgres -V` under an account; the fault says why not. */
async function tryAccount(
  question: AccountQuestion,
  owner: Owner | undefined,
  prefix: readonly string[],
): Promise<Result<ChildAccount, string>> {
  const { dataDirectory, postgresPackage, environment } = question
  const words = ['/bin/sh', '-c', trial, 'sh', dataDirectory, postgresPackage.postgres]
  const { command, args, identity } = commandAs({ owner, prefix }, words)
  try {
    const options = { cwd: '/', env: environment, timeout: trialTimeoutMs, ...identity }
    const { stdout } = await runFile(command, args, options)
    const majorVersion = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1]
    if (majorVersion === undefined) return fail(`it said ${JSON.stringify(stdout)}`)
    return ok({ owner, prefix, majorVersion })
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const said = 'stderr' in error ? String(error.stderr).trim() : ''
    return fail(said === '' ? error.message.trim() : said)
  }
}

/** The command, arguments and identity with which `spawn` starts `words` under an account. */
export function commandAs(
  account: Pick<ChildAccount, 'owner' | 'prefix'>,
  words: readonly string[],
): { command: string; args: string[]; identity: { uid?: number; gid?: number } } {
  const [command = '', ...args] = [...account.prefix, ...words]
  const isSetByPrefix = account.prefix.length > 0
  const identity = isSetByPrefix || account.owner === undefined ? {} : { ...account.owner }
  return { command, args, identity }
}

async function findOwner(path: string): Promise<Owner | undefined> {
  try {
    const { uid, gid } = await stat(path)
    return { uid, gid }
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}

async function letThrough(dataDirectory: string, owner: Owner): Promise<void> {
  const { uid, mode } = await stat(dataDirectory)
  if (uid !== 0 || ![0o700, 0o710].includes(mode & 0o777)) return
  await chown(dataDirectory, 0, owner.gid)
  await chmod(dataDirectory, 0o710)
}

function ownedBySomebodyElse(clusterDirectory: string, uid: number): ClusterUnusable {
  const message = [
    `The database files in ${clusterDirectory} belong to user id ${uid}.`,
    `Start Parley as that user or as root, use another data directory, ${wayOut}.`,
  ].join(' ')
  return { kind: 'cluster-unusable', message }
}
