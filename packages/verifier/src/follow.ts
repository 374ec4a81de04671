/**
 * Following: a verifier elsewhere learns of revocations as a node of the server does.
 *
 *     snapshot, page by page -> stream from its number on -> the same stream again, where it broke
 *
 * The snapshot is complete up to a number, the stream has everything after a number, cut-offs only
 * rise: whatever is heard twice does no harm, and what is missing is noticed, since every cut-off
 * says after which number nothing else came.
 *
 * What is known grows old. A heartbeat says that its server knew everything that had been answered
 * at an instant of its own clock, and that all of it was sent before. No two clocks are compared:
 * the server stamps the opening of the stream too, which it cannot have done before the request
 * left here, so the heartbeat is at least as old as the difference of the stamps counted from that
 * moment. So a proxy that holds the stream back makes the follower stale; it cannot deceive it.
 *
 * Rejected: reckoning from when a heartbeat came, which a buffer on the way makes meaningless; and
 * polling, which asks a thousand times for one answer.
 */
import { createLease, leave } from './acknowledge.ts'
import { closeCarried, createCarried, forgetCarried, listenOrRide } from './carried.ts'
import { checkFollowOptions, type FollowOptions, pauseMsAfter } from './follow-options.ts'
import {
  answerTimeoutMs,
  awaitAnswer,
  type FollowFault,
  growStale,
  isFresh,
  type Way,
} from './follow-way.ts'
import { listen } from './listen.ts'
import { takeSnapshot } from './take-snapshot.ts'

/** A verifier's way along the feed of a server. */
export interface Following {
  /** Settles when the verifier is up to date for the first time, or when following is over. */
  readonly ready: Promise<void>
  /** Whether what is known counts at this moment. */
  readonly isFresh: () => boolean
  /** The number up to which everything is known; `undefined` before the first snapshot. */
  readonly position: () => number | undefined
  /** Whether a carrier is heard, and does, rather than the server itself. */
  readonly isCarried: () => boolean
  /** Why the last connection ended or none came about; `undefined` while one stands. */
  readonly fault: () => FollowFault | undefined
  /** Ends following. A verifier that refuses when stale accepts nothing from then on. */
  readonly close: () => void
}

/**
 * Cut-offs heard after which the next connection begins with a snapshot, which leaves behind what
 * is over; a server ends its streams each hour.
 */
const heardCountMax = 100_000

/**
 * Keeps a verifier informed of what the server revokes, until it is closed. From the call on, the
 * verifier refuses as `stale` what it would accept, until it is up to date.
 *
 * @throws TypeError for options that no correct program passes.
 */
export function followRevocations(options: FollowOptions): Following {
  const settings = checkFollowOptions(options)
  const { signal } = options
  let settleReady = () => {}
  const ready = new Promise<void>((resolve) => {
    settleReady = resolve
  })
  const way: Way = {
    ...settings,
    position: undefined,
    resourceId: undefined,
    carried: createCarried(),
    isCarried: false,
    heardCount: 0,
    heardUntilMs: Number.NEGATIVE_INFINITY,
    freshUntilMs: Number.NEGATIVE_INFINITY,
    lease: options.acknowledge === true ? createLease(settings.maxStalenessMs) : undefined,
    failures: 0,
    fault: undefined,
    isClosed: false,
    attempt: new AbortController(),
    deadline: undefined,
    ageing: undefined,
    settleReady,
  }
  growStale(way)
  const close = () => {
    way.isClosed = true
    signal?.removeEventListener('abort', close)
    clearTimeout(way.deadline)
    way.attempt.abort()
    closeCarried(way.carried)
    growStale(way)
    leave(way)
    way.settleReady()
  }
  signal?.addEventListener('abort', close)
  if (signal?.aborted === true) close()
  else void goOn(way)
  return {
    ready,
    isFresh: () => isFresh(way),
    position: () => way.position,
    isCarried: () => way.isCarried,
    fault: () => way.fault ?? way.lease?.fault,
    close,
  }
}

async function goOn(way: Way): Promise<void> {
  while (!way.isClosed) {
    way.attempt = new AbortController()
    const { signal } = way.attempt
    const over = new Promise<FollowFault>((resolve) => {
      signal.addEventListener('abort', () => resolve({ kind: 'silent' }), { once: true })
    })
    awaitAnswer(way, answerTimeoutMs)
    // The race is for a `fetch` that takes no notice of its signal.
    const fault = await Promise.race([attempt(way, signal), over])
    clearTimeout(way.deadline)
    way.attempt.abort()
    if (way.isClosed) return
    way.fault = fault
    way.failures += 1
    const isForgotten = fault.kind === 'wrong-status' && fault.status === 410
    if (isForgotten || way.heardCount > heardCountMax) way.position = undefined
    await pause(way, pauseMsAfter(way.failures, way.random))
  }
}

function pause(way: Way, pauseMs: number): Promise<void> {
  return new Promise((resolve) => {
    way.attempt = new AbortController()
    const settle = () => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(settle, pauseMs)
    way.attempt.signal.addEventListener('abort', settle, { once: true })
  })
}

/** One connection, from the request to its end. Nothing that goes wrong on it is thrown. */
async function attempt(way: Way, signal: AbortSignal): Promise<FollowFault> {
  try {
    if (way.position === undefined) forgetCarried(way.carried)
    const fault = await takeSnapshot(way, signal)
    if (fault !== undefined) return fault
    return way.carrier === undefined ? await listen(way, signal) : await listenOrRide(way, signal)
  } catch (cause) {
    // Whatever a `fetch` or `authorize` throws: each platform has other errors for the same.
    return { kind: 'unreachable', cause }
  }
}
