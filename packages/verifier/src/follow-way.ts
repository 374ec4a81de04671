import type { Lease } from './acknowledge.ts'
import type { Carried } from './carried.ts'
import type { FollowAnswer } from './follow-fetch.ts'
import type { FollowSettings } from './follow-options.ts'

/** Why the server is not heard. Following goes on: it connects again after a pause. */
export type FollowFault =
  | { readonly kind: 'unreachable'; readonly cause: unknown }
  | { readonly kind: 'wrong-status'; readonly status: number }
  | { readonly kind: 'ended' }
  | { readonly kind: 'silent' }
  | { readonly kind: 'event-missed' }
  | { readonly kind: 'not-understood' }

/** Everything that is known on the way along a feed. */
export interface Way extends FollowSettings {
  position: number | undefined
  /** Which resource is followed; `undefined` before the first snapshot. */
  resourceId: string | undefined
  readonly carried: Carried
  /** Whether a carrier is what is followed at the moment. */
  isCarried: boolean
  /** Cut-offs that came since the snapshot. */
  heardCount: number
  /** Until when what was heard is young enough. */
  heardUntilMs: number
  /** The same, and the lease holds. */
  freshUntilMs: number
  /** Of a follower that is waited for; `undefined` for others. */
  readonly lease: Lease | undefined
  failures: number
  fault: FollowFault | undefined
  isClosed: boolean
  /** Ends what is under way. */
  attempt: AbortController
  deadline: ReturnType<typeof setTimeout> | undefined
  /** Makes stale what grows old, also where the clock is set back. */
  ageing: ReturnType<typeof setTimeout> | undefined
  readonly settleReady: () => void
}

/** Longest wait for the first heartbeat, and for each page of a snapshot, in milliseconds. */
export const answerTimeoutMs = 10_000

/** Says that what was heard counts until an instant. */
export function trust(way: Way, untilMs: number): void {
  way.heardUntilMs = untilMs
  refreshTrust(way)
  clearTimeout(way.ageing)
  const leftMs = untilMs - way.now()
  if (leftMs > 0) way.ageing = setTimeout(() => growStale(way), leftMs)
}

/** Tells the verifier what counts now: what was heard lately, and under a lease if it has one. */
export function refreshTrust(way: Way): void {
  const { lease, heardUntilMs } = way
  way.freshUntilMs = Math.min(heardUntilMs, lease?.until.wallMs ?? heardUntilMs)
  if (way.refusesWhenStale) way.verifier.trustUntil(way.freshUntilMs, lease?.until.monotonicMs)
}

/** Whether what is known counts at this moment. */
export function isFresh({ now, freshUntilMs, lease, monotonicNow }: Way): boolean {
  if (!(now() < freshUntilMs)) return false
  return lease === undefined || monotonicNow() < lease.until.monotonicMs
}

/** Says that what is known counts no longer. */
export function growStale(way: Way): void {
  trust(way, Number.NEGATIVE_INFINITY)
}

/** Ends the attempt when nothing is heard for so long. */
export function awaitAnswer(way: Way, timeoutMs: number): void {
  const { attempt } = way
  clearTimeout(way.deadline)
  way.deadline = setTimeout(() => attempt.abort(), timeoutMs)
}

/**
 * Does what a verifier refuses to do with what no server writes.
 *
 * @returns whether it was done; without that there is nothing to go on with.
 */
export function isTaken(take: () => void): boolean {
  try {
    take()
    return true
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}

/** Asks the server for something about the revocations. */
export async function ask(
  way: Way,
  asked: {
    /** With its query. */
    readonly path: string
    readonly method?: 'POST' | 'DELETE'
    readonly signal: AbortSignal
  },
): Promise<FollowAnswer> {
  const { path, method = 'GET', signal } = asked
  const url = new URL(`/parley/revocations/${path}`, way.endpoint)
  const headers = { ...(await way.authorize({ method, url })) }
  const how = { redirect: 'error', credentials: 'omit', cache: 'no-store' } as const
  return way.fetch(url.href, { method, headers, signal, ...how })
}

/** Why an answer is none that was hoped for. */
export function refusalOf(answer: FollowAnswer): FollowFault {
  void answer.body?.cancel().catch(() => undefined)
  return { kind: 'wrong-status', status: answer.status }
}
