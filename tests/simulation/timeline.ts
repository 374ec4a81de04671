/**
 * The only time there is: a queue of what is to happen, in the order in which it happens.
 *
 * After each happening everything that it set off is brought to its end, before time goes on. A
 * promise that was settled is followed by whoever waits for it, and by whoever waits for those;
 * Node calls what `process.nextTick` was given only when no such step is left. Nothing in a
 * simulation touches a socket, a thread or a timer of Node, so there is nothing else to wait for.
 */

/** Time, as it truly passes. Clocks of machines are read off it, each in its own way. */
export interface Timeline {
  /** Milliseconds since the beginning. */
  readonly now: () => number
  /** Lets something happen after so many milliseconds; gives what takes it back. */
  readonly after: (delayMs: number, call: () => void) => () => void
  /** Lets everything happen up to an instant. */
  readonly runUntil: (untilMs: number) => Promise<void>
}

interface Happening {
  readonly atMs: number
  readonly order: number
  /** `undefined` once it was taken back. */
  call: (() => void) | undefined
}

/** Creates a time in which nothing happens yet. */
export function createTimeline(): Timeline {
  const queue: Happening[] = []
  let nowMs = 0
  let order = 0
  return {
    now: () => nowMs,
    after(delayMs, call) {
      order += 1
      const happening: Happening = { atMs: nowMs + Math.max(0, delayMs), order, call }
      push(queue, happening)
      return () => {
        happening.call = undefined
      }
    },
    async runUntil(untilMs) {
      for (let next = queue[0]; next !== undefined && next.atMs <= untilMs; next = queue[0]) {
        pop(queue)
        if (next.call === undefined) continue
        nowMs = next.atMs
        next.call()
        await new Promise<void>((resolve) => process.nextTick(resolve))
      }
      nowMs = untilMs
    },
  }
}

function isBefore(one: Happening, other: Happening): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
}

/** Puts something into the heap, whose first is always the earliest. */
function push(heap: Happening[], added: Happening): void {
  let at = heap.length
  heap.push(added)
  while (at > 0) {
    const above = (at - 1) >> 1
    const parent = heap[above] as Happening
    if (!isBefore(added, parent)) break
    heap[at] = parent
    at = above
  }
  heap[at] = added
}

function pop(heap: Happening[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    let below = 2 * at + 1
    if (below >= heap.length) break
    const right = heap[below + 1]
    if (right !== undefined && isBefore(right, heap[below] as Happening)) below += 1
    const child = heap[below] as Happening
    if (!isBefore(child, last)) break
    heap[at] = child
    at = below
  }
  heap[at] = last
}
