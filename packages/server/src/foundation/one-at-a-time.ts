import { createGather } from './gather.ts'

/** Does a piece of work when everything that was asked for before has ended, well or not. */
export type OneAtATime = <Value>(work: () => Promise<Value>) => Promise<Value>

/**
 * Creates a queue of work that must not overlap, such as changes that are made in the database
 * first and in memory after that: in which order two of them commit is then the order in which
 * memory learns of them.
 *
 * @param waitingMax - more is refused with `GatherFull`.
 */
export function createOneAtATime(waitingMax: number): OneAtATime {
  const gather = createGather<() => Promise<unknown>, unknown>({
    keyOf: () => '',
    answerAll: async (_key, works) => {
      const values: unknown[] = []
      for (const work of works) values.push(await work())
      return values
    },
    asksMax: 1,
    waitingMax,
  })
  return async <Value>(work: () => Promise<Value>) => (await gather.ask(work)) as Value
}
