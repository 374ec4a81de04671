/**
 * Everything the verifier takes from the place it runs in: the clock, the network, WebCrypto.
 * Nothing else in this package reads a global that differs between Node, browsers and workers.
 */

/** Wall clock, milliseconds since the Unix epoch, UTC. */
export function systemNow(): number {
  return Date.now()
}

/** A clock that never goes back, milliseconds from an origin of its own. */
export function systemMonotonicNow(): number {
  return performance.now()
}

/** Chance, 0..1. */
export function systemRandom(): number {
  return Math.random()
}

/** The platform's `fetch`; looked up at each call, so that instrumentation may replace it. */
export const systemFetch: typeof fetch = (input, init) => fetch(input, init)

/**
 * The platform's WebCrypto.
 *
 * @throws TypeError where there is none: a page that did not come over https or from localhost.
 */
export function systemCrypto(): typeof crypto.subtle {
  const subtle = globalThis.crypto?.subtle
  if (subtle === undefined) {
    throw new TypeError('WebCrypto is missing here; a page has it over https or from localhost')
  }
  return subtle
}
