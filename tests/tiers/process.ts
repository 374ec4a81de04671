import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Counts, noCounts, parseClosingLines } from './closing-lines.ts'
import { lackOfNamespace, namespacePrefix } from './namespace.ts'
import type { Tier } from './table.ts'

/** How a tier ended. */
export type TierOutcome =
  | { readonly kind: 'absent' }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'ran'; readonly counts: Counts }
  | { readonly kind: 'failed'; readonly reason: string; readonly counts: Counts }

/** What a tier's process is started with. */
export interface TierRun {
  /** The repository's folder. */
  readonly root: string
  readonly tier: Tier
  /** Compiled test files, relative to `root`. */
  readonly files: readonly string[]
  /** Ends the tier early. */
  readonly stop: AbortSignal
  /** Takes what the tier prints. */
  readonly print: (text: string) => void
}

/** Time between asking a tier's process to end and ending it. */
const graceMs = 5000

/** The closing lines are within this many characters of the end of a run's output. */
const outputTailCharacters = 65_536

/**
 * Runs one tier to its end, printing as it goes.
 *
 * The tier's process finds `PARLEY_TEST_FOLDER` in its environment: an empty folder that is
 * removed afterwards. A file `tests/<tier>/environment.ts` may add what must be known before a
 * process starts, such as `NODE_EXTRA_CA_CERTS`: it exports
 * `environment(folder: string): Promise<Record<string, string>>`, with that same folder.
 */
export async function runTier(run: TierRun): Promise<TierOutcome> {
  const { root, tier, files } = run
  if (files.length === 0) return { kind: 'absent' }
  const missing = files.filter((file) => !existsSync(join(root, file)))
  if (missing.length > 0) return failed(`not built: ${missing.join(', ')}; run npm run build`)
  const { CHROMIUM_PATH = '/usr/bin/chromium' } = process.env
  const lacking = lackOf(tier, CHROMIUM_PATH)
  if (lacking !== undefined) {
    return isCi() ? failed(lacking) : { kind: 'skipped', reason: lacking }
  }
  const folder = mkdtempSync(join(tmpdir(), `parley-${tier.name}-`))
  // A server started as root runs its database under another account, which must get through.
  chmodSync(folder, 0o711)
  try {
    const { FORCE_COLOR = process.stdout.isTTY ? '1' : undefined } = process.env
    return await runProcess(run, {
      ...process.env,
      ...(FORCE_COLOR === undefined ? {} : { FORCE_COLOR }),
      ...(await environmentOf(run, folder)),
      CHROMIUM_PATH,
      PARLEY_TEST_FOLDER: folder,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What a tier needs and this machine lacks, in words. */
function lackOf({ needs }: Tier, browser: string): string | undefined {
  if (needs === 'chromium' && !existsSync(browser)) {
    return `there is no browser at ${browser} (CHROMIUM_PATH)`
  }
  if (needs === 'network') return lackOfNamespace()
  if (needs !== 'spin') return undefined
  // Spin writes a program in C, which is compiled.
  const absent = ['spin', 'gcc'].filter((name) => spawnSync('which', [name]).status !== 0)
  return absent.length === 0 ? undefined : `there is no ${absent.join(' and no ')}`
}

function failed(reason: string, counts: Counts = noCounts): TierOutcome {
  return { kind: 'failed', reason, counts }
}

function isCi(): boolean {
  const { CI = '' } = process.env
  return !['', '0', 'false'].includes(CI)
}

async function environmentOf(run: TierRun, folder: string): Promise<Record<string, string>> {
  const source = join(run.root, 'tests', run.tier.name, 'environment.ts')
  if (!existsSync(source)) return {}
  const compiled = join(run.root, 'tests', 'dist', run.tier.name, 'environment.js')
  const { environment } = await import(pathToFileURL(compiled).href)
  return await environment(folder)
}

async function runProcess(run: TierRun, env: NodeJS.ProcessEnv): Promise<TierOutcome> {
  const reporter = process.stdout.isTTY
    ? 'spec'
    : pathToFileURL(join(import.meta.dirname, 'terse-reporter.js')).href
  const [command = '', ...rest] = [
    ...(run.tier.needs === 'network' ? namespacePrefix() : []),
    process.execPath,
  ]
  const child = spawn(
    command,
    [
      ...rest,
      `--test-reporter=${reporter}`,
      '--test-reporter-destination=stdout',
      join(import.meta.dirname, 'child.js'),
      ...run.files.map((file) => join(run.root, file)),
    ],
    // A process group of its own, so that what a test started ends with the tier.
    { cwd: run.root, env, stdio: ['ignore', 'pipe', 'inherit'], detached: true },
  )
  let tail = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    run.print(chunk)
    tail = (tail + chunk).slice(-outputTailCharacters)
  })
  const { code, signal, isOverLimit } = await ended(child, run)
  const counts = parseClosingLines(tail)
  if (isOverLimit) {
    const advice = 'a test hangs, or something was left open'
    return failed(`not over after ${run.tier.limitSeconds} s: ${advice}`, counts)
  }
  if (run.stop.aborted) return failed('interrupted', counts)
  if (counts === undefined) {
    const guess = 'no test was run, or something ended the process'
    return failed(`ended by ${signal ?? code} without closing lines: ${guess}`)
  }
  if (counts.passed + counts.failed + counts.skipped === 0) return failed('no test was run')
  if (counts.failed > 0) return failed('see above', counts)
  if (code !== 0) return failed(`ended by ${signal ?? code}`, counts)
  return { kind: 'ran', counts }
}

interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly isOverLimit: boolean
}

/** Waits for a tier's process; ends its whole group at the limit, when asked, and afterwards. */
function ended(child: ChildProcess, run: TierRun): Promise<End> {
  let isOverLimit = false
  let killing: NodeJS.Timeout | undefined
  const end = () => {
    clearTimeout(limit)
    signalGroup(child, 'SIGTERM')
    killing ??= setTimeout(() => signalGroup(child, 'SIGKILL'), graceMs)
  }
  const limit = setTimeout(() => {
    isOverLimit = true
    end()
  }, run.tier.limitSeconds * 1000)
  run.stop.addEventListener('abort', end)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      clearTimeout(limit)
      clearTimeout(killing)
      run.stop.removeEventListener('abort', end)
      // What the tests left running goes too. A process that escaped from the group may still
      // hold our end of the pipe: it must not keep us waiting.
      signalGroup(child, 'SIGKILL')
      const patience = setTimeout(() => child.stdout?.destroy(), graceMs)
      child.once('close', () => {
        clearTimeout(patience)
        resolve({ code, signal, isOverLimit })
      })
    })
  })
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    // ESRCH: the group is gone, which is all that was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
