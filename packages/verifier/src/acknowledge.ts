/**
 * Acknowledging: a follower that voidings wait for, by the rules that hold for nodes of the server.
 *
 * It tells how far it has applied the cut-offs, at once after it applied one and several times in
 * each lease. Every such request renews its lease: counted from before it was sent, by both
 * clocks, and only once all that the answer tells of has been applied. So whoever holds a lease a
 * wait after a revocation asked for it after that, and knows of it. Silent, it is waited for once,
 * and its own clocks have made it refuse by then.
 */
import type { FollowAnswer } from './follow-fetch.ts'
import { ask, type FollowFault, isFresh, refreshTrust, type Way } from './follow-way.ts'

/** What a follower that is waited for knows of its lease. */
export interface Lease {
  readonly leaseMs: number
  /** Its name; `undefined` before it was entered, or when it was taken out. */
  followerId: string | undefined
  /** When it is over. */
  until: Instant
  /** Leases that begin when a number is reached, in the order in which they were asked for. */
  promised: Promised[]
  /** The last number that the server was told of. */
  toldSeq: number
  isWorking: boolean
  /** Ends the rest between two requests. */
  wake: () => void
  /** Why there is no lease; `undefined` where all is well. */
  fault: FollowFault | undefined
}

/** One instant on both clocks, milliseconds. */
export interface Instant {
  readonly wallMs: number
  /** Never goes back; from an origin of its own. */
  readonly monotonicMs: number
}

interface Promised {
  readonly seq: number
  readonly until: Instant
}

/** Longest lease that a server gives, in milliseconds. */
const leaseMsMax = 2000

const never: Instant = {
  wallMs: Number.NEGATIVE_INFINITY,
  monotonicMs: Number.NEGATIVE_INFINITY,
}

/** A lease that was not asked for yet; no longer than what is known may be old. */
export function createLease(maxStalenessMs: number): Lease {
  return {
    leaseMs: Math.min(Math.floor(maxStalenessMs), leaseMsMax),
    followerId: undefined,
    until: never,
    promised: [],
    toldSeq: -1,
    isWorking: false,
    wake: () => undefined,
    fault: undefined,
  }
}

/** Says how far the follower is, now and from now on while the server is heard. */
export function acknowledge(way: Way): void {
  const { lease } = way
  if (lease === undefined) return
  takeUp(way, lease)
  if (!lease.isWorking) void keepTelling(way, lease)
  else if ((way.position ?? 0) > lease.toldSeq) lease.wake()
}

async function keepTelling(way: Way, lease: Lease): Promise<void> {
  lease.isWorking = true
  // What is not heard is not renewed either, so that nobody waits for it in vain for long.
  while (!way.isClosed && way.position !== undefined && way.now() < way.heardUntilMs) {
    lease.fault = await tell(way, lease, way.position)
    const isBehind = (way.position ?? 0) > lease.toldSeq
    if (lease.fault !== undefined || !isBehind) await rest(lease, lease.leaseMs / 4)
  }
  lease.isWorking = false
}

function rest(lease: Lease, restMs: number): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(settle, restMs)
    // After a fault it rests to the end, or two that are wrong about each other ask all the time.
    lease.wake = lease.fault === undefined ? settle : () => undefined
  })
}

/** One request; nothing that goes wrong with it is thrown. */
async function tell(way: Way, lease: Lease, seq: number): Promise<FollowFault | undefined> {
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), lease.leaseMs)
  const send = (path: string, method: 'POST' | 'DELETE') =>
    ask(way, { path, method, signal: timeout.signal })
  try {
    if (lease.followerId === undefined) {
      const entered = await send(`followers?leaseMs=${lease.leaseMs}&seq=${seq}`, 'POST')
      const { id } = await bodyOf(entered)
      if (entered.status !== 201) return { kind: 'wrong-status', status: entered.status }
      if (typeof id !== 'string') return { kind: 'not-understood' }
      lease.followerId = id
    }
    const wallMs = way.now() + lease.leaseMs
    const monotonicMs = way.monotonicNow() + lease.leaseMs
    const answer = await send(`followers/${lease.followerId}/:acknowledge?seq=${seq}`, 'POST')
    const { seq: last } = await bodyOf(answer)
    if (answer.status === 404) lease.followerId = undefined
    if (answer.status !== 200) return { kind: 'wrong-status', status: answer.status }
    if (!Number.isSafeInteger(last)) return { kind: 'not-understood' }
    lease.toldSeq = seq
    lease.promised.push({ seq: Number(last), until: { wallMs, monotonicMs } })
    takeUp(way, lease)
    return undefined
  } catch (cause) {
    // Whatever a `fetch` or `authorize` throws, and what is no JSON.
    return { kind: 'unreachable', cause }
  } finally {
    clearTimeout(timer)
  }
}

async function bodyOf(answer: FollowAnswer): Promise<Readonly<Record<string, unknown>>> {
  const text = await answer.text()
  const value: unknown = text === '' ? {} : JSON.parse(text)
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** Lets the leases begin whose number has been reached. */
function takeUp(way: Way, lease: Lease): void {
  const { position } = way
  if (position === undefined) return
  const reached = lease.promised.filter(({ seq }) => seq <= position).at(-1)
  if (reached === undefined) return
  lease.promised = lease.promised.slice(lease.promised.indexOf(reached) + 1)
  lease.until = reached.until
  refreshTrust(way)
  if (isFresh(way)) way.settleReady()
}

/** Tells the server that nobody need wait any more. The verifier must refuse by now. */
export function leave(way: Way): void {
  const { lease } = way
  if (lease === undefined) return
  lease.until = never
  lease.promised = []
  lease.wake()
  const { followerId } = lease
  if (followerId === undefined) return
  lease.followerId = undefined
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), lease.leaseMs)
  const asked = {
    path: `followers/${followerId}`,
    method: 'DELETE',
    signal: timeout.signal,
  } as const
  void ask(way, asked)
    .catch(() => undefined)
    .finally(() => clearTimeout(timer))
}
