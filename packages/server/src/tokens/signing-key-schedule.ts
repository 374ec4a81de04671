/**
 * Signing keys come and go without anybody noticing. The life of one:
 *
 *     announced ----> signing ----> former ----> retired
 *      (24 h)        (90 days)      (25 h)
 *
 * A key is published from its creation to its retirement. It is announced a day before it signs:
 * verifiers that keep a key set for as long as they are told to (`max-age`, five minutes) have met
 * it long before, and so have those that look every 12 or 24 hours, as some libraries do whatever
 * they are told. It stays published after another took over until the last token that it
 * signed has expired, one hour more for clocks that differ, and then its private half is destroyed.
 * So no token ever meets a verifier that does not know its key.
 *
 * In an emergency, when a private half may be known to others, none of that counts: a new key signs
 * at once and every other, announced or former, is retired in the same transaction. Whoever holds
 * one could sign with it, so a key that is spared would be a hole; the price is that every token
 * issued so far is void.
 *
 * The row of a key says all of this by instants, so any state survives a restart, and one that was
 * made by the version before, which knows none of them, has signed since it was made. Rejected:
 * a state column, which must be changed at the right moment by somebody who may not be running.
 */
import { limits } from '@parley/protocol'
import type { SigningAlgorithm } from '../foundation/settings.ts'

/** What the schedule needs to know of a key. */
export interface ScheduledKey {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  /** Milliseconds since the Unix epoch, as are the others. */
  readonly createdAtMs: number
  readonly signsFromMs: number
  /** When another key took over; absent: none has. */
  readonly replacedAtMs: number | undefined
  readonly retiredAtMs: number | undefined
}

/** Where a key is in its life. */
export type SigningKeyState = 'announced' | 'signing' | 'former' | 'retired'

/** What has to be done now. */
export interface ScheduleSteps {
  /** The key that signs; absent: a new one has to, at once. */
  readonly signer: ScheduledKey | undefined
  /** When a key that is to be made starts to sign; absent: none is to be made. */
  readonly announceForMs: number | undefined
  /** Keys that sign no more from now on. */
  readonly replaced: readonly string[]
  /** Keys that no live token was signed with. */
  readonly retired: readonly string[]
}

/** By what the steps are decided. */
export interface ScheduleTerms {
  readonly algorithm: SigningAlgorithm
  readonly nowMs: number
  /** How long a key signs; absent: until somebody rotates it. */
  readonly signsForMs: number | undefined
  /** Whether somebody wishes for a new key before it is time. */
  readonly isWished?: boolean
}

const hourMs = 60 * 60 * 1000

/** How long a key is published before it signs. */
export const announcedForMs = 24 * hourMs

/** How long a key is published after another took over. */
export const formerForMs = limits.lifetimeMinutesMax * 60_000 + hourMs

/**
 * The state of a key.
 *
 * @param signerKid - the key that signs: one whose time has come takes over in the next round.
 */
export function stateOf(key: ScheduledKey, signerKid: string): SigningKeyState {
  if (key.retiredAtMs !== undefined) return 'retired'
  if (key.kid === signerKid) return 'signing'
  return key.replacedAtMs === undefined ? 'announced' : 'former'
}

/**
 * Decides what is due. Asked again after the steps were taken, it finds nothing more to do.
 *
 * The signer is the key of the algorithm whose time came last, even one that was replaced: whoever
 * sets another algorithm and then the former one again goes on with the former key.
 */
export function stepsDue(keys: readonly ScheduledKey[], terms: ScheduleTerms): ScheduleSteps {
  const { algorithm, nowMs, signsForMs, isWished = false } = terms
  const published = keys.filter((key) => key.retiredAtMs === undefined)
  const own = published.filter((key) => key.algorithm === algorithm)
  const signer = own.filter((key) => hasBegun(key, nowMs)).reduce(laterOf, undefined)
  const isAnnounced = own.some((key) => !hasBegun(key, nowMs))
  const others = published.filter(
    (key) => key !== signer && (key.algorithm !== algorithm || hasBegun(key, nowMs)),
  )
  const isOver = (key: ScheduledKey) => (key.replacedAtMs ?? nowMs) + formerForMs <= nowMs
  return {
    signer,
    announceForMs:
      signer === undefined || isAnnounced
        ? undefined
        : announcementFor(signer, { nowMs, signsForMs: isWished ? 0 : signsForMs }),
    replaced: others.filter((key) => key.replacedAtMs === undefined).map(({ kid }) => kid),
    retired: others.filter(isOver).map(({ kid }) => kid),
  }
}

/**
 * Whether the time of a key has come. One that was made to sign at once does so everywhere: after
 * an emergency it is the only one, and the clock of another node may be behind that of its maker.
 */
function hasBegun({ createdAtMs, signsFromMs }: ScheduledKey, nowMs: number): boolean {
  return signsFromMs <= createdAtMs || signsFromMs <= nowMs
}

function laterOf(one: ScheduledKey | undefined, other: ScheduledKey): ScheduledKey {
  return one === undefined || other.signsFromMs > one.signsFromMs ? other : one
}

/** The successor takes over when its time has come and it was published for long enough. */
function announcementFor(
  signer: ScheduledKey,
  terms: { readonly nowMs: number; readonly signsForMs: number | undefined },
): number | undefined {
  const { nowMs, signsForMs } = terms
  if (signsForMs === undefined) return undefined
  const endsAtMs = signer.signsFromMs + signsForMs
  const earliestMs = nowMs + announcedForMs
  return endsAtMs <= earliestMs ? earliestMs : undefined
}
