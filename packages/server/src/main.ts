#!/usr/bin/env node
/**
 * The process: reads the environment, starts a server, prints the banner, stops on a signal.
 */
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ok, type Result } from '@parley/protocol'
import { bannerText } from './admin/banner.ts'
import { isLateWrite } from './database/late-write.ts'
import { type OpenLog, openLog } from './foundation/log.ts'
import { createPlatform } from './foundation/platform.ts'
import { readSettings } from './foundation/settings.ts'
import { type ParleyOptions, type StartFault, startParley } from './parley.ts'
import { type Primary, startPrimary } from './primary.ts'
import { type FromWorker, work } from './worker.ts'

/** What a primary says to a process of this file that is to work under it. */
const workerWord = 'worker'
const mainFile = fileURLToPath(import.meta.url)

const exitBadSettings = 2
const exitFailed = 1
const secretVariables = ['PARLEY_MASTER_KEY', 'PARLEY_MASTER_KEY_FORMER']

/**
 * Ctrl+C under `npm start` comes twice, from the terminal and from npm, a moment apart. It is one
 * wish; only later signals are a second one.
 */
const sameWishMs = 300

/** Time that a stop waits for whoever reads the log, in milliseconds. */
const settleMs = 1000

/** What nobody caught is a bug, after which nothing is certain; but for one of the driver. */
function judgeUncaught(error: Error, { log, flush }: OpenLog): void {
  if (isLateWrite(error)) {
    log.warn({ err: error }, 'the driver wrote to a connection that had ended')
    return
  }
  log.fatal({ err: error }, 'the server cannot go on')
  flush()
  process.exit(exitFailed)
}

async function main(): Promise<void> {
  const settings = readSettings(process.env)
  if (!settings.ok) {
    const { name, expected } = settings.fault
    console.error(`Parley cannot start: ${name} must be ${expected}.`)
    process.exit(exitBadSettings)
  }
  // Whoever the server starts would inherit them, and every look at the process would show them.
  for (const name of secretVariables) delete process.env[name]
  const openedLog = openLog({ level: settings.value.logLevel, fileDescriptor: 2 })
  const { log, flush } = openedLog
  process.on('uncaughtException', (error) => judgeUncaught(error, openedLog))
  const options = {
    settings: settings.value,
    platform: createPlatform({
      now: Date.now,
      monotonicNow: () => performance.now(),
      randomBytes,
    }),
    log: openedLog,
    fetch,
    host: {
      platform: process.platform,
      arch: process.arch,
      uid: process.getuid?.(),
      env: process.env,
    },
  }
  if (process.argv[2] === workerWord) return serveUnderPrimary(options, flush)
  const started = await startAlone(options)
  if (!started.ok) {
    flush()
    console.error(`Parley cannot start: ${started.fault.message}`)
    process.exit(exitFailed)
  }
  const parley = started.value
  let stoppingSince: number | undefined
  const stop = async (exitCode: number) => {
    const now = performance.now()
    if (stoppingSince !== undefined) {
      // Whoever asks twice does not want to wait.
      if (now - stoppingSince > sameWishMs) process.exit(exitFailed)
      return
    }
    stoppingSince = now
    await parley.stop()
    await Promise.race([openedLog.settle(), delay(settleMs)])
    flush()
    process.exit(exitCode)
  }
  process.on('SIGTERM', () => stop(0))
  process.on('SIGINT', () => stop(0))
  parley.failed.then((why) => {
    log.fatal({ err: why }, 'the server cannot go on')
    return stop(exitFailed)
  })
  // Last: whoever waits for the banner may send a signal the moment it is there.
  console.log(await parley.openBanner())
}

/** Starts a server of one process, or the primary of several. */
async function startAlone(options: ParleyOptions): Promise<Result<Primary, StartFault>> {
  if (options.settings.workersCount > 1) {
    // Settings and addresses with absent members stay as they are on their way.
    const forkWorker = () => fork(mainFile, [workerWord], { serialization: 'advanced' })
    return startPrimary(options, forkWorker)
  }
  const started = await startParley(options)
  if (!started.ok) return started
  const { openReachable, environmentFile } = started.value
  const openBanner = async () => bannerText(await openReachable(), environmentFile)
  return ok({ ...started.value, openBanner })
}

/** The primary alone says when to stop: signals of a terminal come to all processes at once. */
function serveUnderPrimary(options: ParleyOptions, flush: () => void): void {
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => undefined)
  work(options, {
    tell: (message: FromWorker) => void (process.connected && process.send?.(message)),
    onMessage: (listener) => process.on('message', listener as NodeJS.MessageListener),
    onDisconnect: (listener) => process.on('disconnect', listener),
    end: (exitCode) => {
      flush()
      process.exit(exitCode)
    },
  })
}

await main()
