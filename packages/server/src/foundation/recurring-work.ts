import type { Log } from './log.ts'

/** Work that is repeated while the server runs. */
export interface RecurringWork {
  /** Does a round now, after the one that may be under way; its failures are logged. */
  readonly round: () => Promise<void>
  /** Ends the repetition and waits for a round that is under way. */
  readonly stop: () => Promise<void>
}

/** What is repeated. */
export interface RecurringWorkOptions {
  /** Done one after the other in each round; each must be harmless to repeat. */
  readonly tasks: readonly Task[]
  readonly intervalMs: number
  readonly log: Log
}

/** One piece of recurring work. */
export interface Task {
  /** For the log. */
  readonly name: string
  readonly run: () => Promise<unknown>
}

/**
 * Does a first round, whose failure is the caller's, and then one each interval. A later failure is
 * logged and ends neither the round nor the repetition.
 */
export async function startRecurringWork(options: RecurringWorkOptions): Promise<RecurringWork> {
  const { tasks, intervalMs, log } = options
  for (const task of tasks) await task.run()
  let round: Promise<void> = Promise.resolve()
  const work = async () => {
    for (const { name, run } of tasks) {
      try {
        await run()
      } catch (error) {
        log.error({ err: error, task: name }, 'recurring work failed; its next round tries again')
      }
    }
  }
  const nextRound = () => {
    round = round.then(work)
    return round
  }
  const timer = setInterval(nextRound, intervalMs)
  timer.unref()
  return {
    round: nextRound,
    async stop() {
      clearInterval(timer)
      await round
    },
  }
}
