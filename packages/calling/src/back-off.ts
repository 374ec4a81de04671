/** Why an agent is over for good: an app shows it, signs in again, or makes another agent. */
export type AgentEndReason =
  /** The token was revoked, or its identity deleted: calls were cut off. */
  | 'tokenRevoked'
  /** The token lives and opens no calls: ask for one with `voip` or `voip.join`. */
  | 'scopeForbidden'
  /** The token ran out, and the credential gave no other in time. */
  | 'tokenExpired'
  /** The service did not understand this client: their versions differ. */
  | 'protocolError'
  /** The device came again elsewhere. */
  | 'replaced'
  /** The app's credential gave no token to begin with. */
  | 'noToken'
  /** The service was not reached in time to begin with. */
  | 'unreachable'
  /** The app has disposed of it. */
  | 'disposed'

const finalCodes: Readonly<Record<number, AgentEndReason>> = {
  4400: 'protocolError',
  4401: 'tokenRevoked',
  4403: 'scopeForbidden',
  4408: 'tokenExpired',
  4409: 'replaced',
}

/** The reason to give up that a close code is; `undefined` means to come again. */
export function finalReasonFor(code: number): AgentEndReason | undefined {
  return finalCodes[code]
}

const firstDelayMs = 250
const longestDelayMs = 8000

/**
 * How long to wait before the next attempt, milliseconds.
 *
 * It doubles, up to 8 s, and at least half of it is chance: a server that restarts is not met by
 * all of its clients in one moment. A leg outlives its socket by 10 s, so the first four attempts
 * fall into that time.
 *
 * @param attempt - 0 for the first after a connection that had stood.
 * @param code - with which the server closed; where it asked for time it gets a second and more.
 * @param random - in [0, 1).
 */
export function delayBefore(attempt: number, code: number, random: number): number {
  const leastMs = code === 4429 || code === 4503 ? 1000 : 0
  const doubledMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(attempt, 10))
  return leastMs + doubledMs * (0.5 + random / 2)
}

const longestLeadMs = 600_000
const shortestWaitMs = 5000

/**
 * When to put another token in the place of the one in use, milliseconds from now: in the last
 * quarter of what is left of it and no earlier than ten minutes before its end, at a moment drawn
 * by chance. A clock that is wrong makes it ask too often, but never more than each 5 s.
 */
export function renewalDelay(leftMs: number, random: number): number {
  const leadMs = Math.min(longestLeadMs, leftMs / 4)
  return Math.max(shortestWaitMs, leftMs - leadMs * (1 - random / 4))
}
