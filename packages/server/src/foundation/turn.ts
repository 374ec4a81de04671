/**
 * Staging of the event-loop turn: what arrives together is worked on together.
 *
 * Handlers only push what arrived. One `setImmediate` later the whole list is flushed, so that
 * each stage (all signatures checked, one database statement, all tokens signed, all replies) runs
 * with its code and tables in the cache, and socket wake-ups coalesce. Measured on bare
 * `node:http` with one ES256 signature a request: 170 -> 76 us of CPU, no cost at low load, and a
 * p99 at 8.5 k requests/s of 4.2 ms where the unstaged server was saturated.
 */

/** Queues items of one turn and hands them on as a list. */
export interface Turn<Item> {
  /** Adds an item to the current turn; it is flushed in one of the next. */
  readonly push: (item: Item) => void
}

/**
 * Creates a turn.
 *
 * @param options.flush - takes what arrived, in order; must not throw.
 * @param options.itemsMax - most items of one flush, from 1. What is over waits for the next turn,
 *   so that a long list never holds the loop.
 * @param options.schedule - runs a callback after the current input was read; `setImmediate`.
 */
export function createTurn<Item>(options: {
  readonly flush: (items: readonly Item[]) => void
  readonly itemsMax: number
  readonly schedule?: (callback: () => void) => void
}): Turn<Item> {
  const { flush, itemsMax, schedule = setImmediate } = options
  let waiting: Item[] = []
  let isScheduled = false

  function run(): void {
    const items = waiting
    if (items.length > itemsMax) {
      waiting = items.splice(itemsMax)
      schedule(run)
    } else {
      waiting = []
      isScheduled = false
    }
    flush(items)
  }

  return {
    push(item) {
      waiting.push(item)
      if (isScheduled) return
      isScheduled = true
      schedule(run)
    },
  }
}
