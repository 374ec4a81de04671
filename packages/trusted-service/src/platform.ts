/** The wall clock, milliseconds since the Unix epoch, UTC. */
export const systemNow: () => number = Date.now

/** A number in [0, 1), for jitter only; nothing secret is made of it. */
export const systemRandom: () => number = Math.random

/** The network, as browsers and Node have it. */
export const systemFetch: typeof globalThis.fetch = (input, init) => fetch(input, init)

/** Resolves after `ms` milliseconds; keeps no process alive that has nothing else to do. */
export function systemSleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
