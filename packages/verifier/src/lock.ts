/**
 * The lock: what both verifiers do around the one step in which they differ, the signature.
 *
 *     token -> recall -------------------------------------------> verdict   (seen before)
 *           -> openToken -> [platform verifies signature] -> judge -> verdict
 *
 * All state is in memory and every decision is made of it at one moment: `judge` runs after the
 * signature and without a break, so that a key removed or a cut-off applied while a signature was
 * being verified still counts.
 *
 * Two clocks differ, so what they can be blamed for is forgiven. `exp` and `nbf` bind to the
 * tolerance that was configured, 0 by default. `iat` is no promise of anything, only a note of
 * when; with no tolerance a verifier one second behind would refuse every new token, so `iat` may
 * lie five minutes ahead whatever the tolerance. Beyond that the token is refused: as its
 * lifetime is limited from `iat` on, it would otherwise outlive the cut-offs of its day.
 */
import {
  type CheckedClaims,
  type CutOff,
  checkClaims,
  subjectsOf,
  voidedBy,
} from '@parley/protocol'
import type { OpenedToken } from './compact.ts'
import {
  type CutOffs,
  createCutOffs,
  lowestLive,
  type PlacedSubject,
  placeSubject,
} from './cut-offs.ts'
import { type JsonObject, parseJsonObject } from './json.ts'
import {
  createKeyRing,
  isInRing,
  type KeyRing,
  rememberHeader,
  replaceRingKeys,
} from './key-ring.ts'
import type { Jwks, VerificationKey } from './keys.ts'
import { narrowed, placeScopes } from './narrowing.ts'
import { checkKeys, checkOptions, type Settings, type VerifierOptions } from './options.ts'
import {
  createSeenTokens,
  findSeen,
  forgetSeen,
  hashOf,
  keepSeenOf,
  ownCopy,
  rememberSeen,
  type SeenToken,
  type SeenTokens,
} from './seen-tokens.ts'
import { type CutOffSnapshot, raise, snapshotOf } from './snapshot.ts'
import { accept, type Refused, refuse, type Verdict } from './verdicts.ts'

/** Everything that a verifier knows. */
export interface Lock<Imported> {
  readonly settings: Settings
  readonly ring: KeyRing<Imported>
  readonly cutOffs: CutOffs
  readonly seen: SeenTokens
  /** First millisecond in which the cut-offs are too old to accept anything by them. */
  freshUntilMs: number
  /** The same by the clock that never goes back. */
  freshUntilMonotonicMs: number
}

/** How far `iat` may lie ahead of this clock, in milliseconds. */
const issuedAheadMsMax = 5 * 60 * 1000

/** A lock for options, with keys as `importKey` makes them. */
export function createLock<Imported>(
  options: VerifierOptions,
  importKey: (key: VerificationKey) => Imported,
): Lock<Imported> {
  const settings = checkOptions(options)
  return {
    settings,
    ring: createKeyRing(settings.keys, importKey),
    cutOffs: createCutOffs(),
    seen: createSeenTokens(settings.seenTokensMax),
    freshUntilMs: Number.POSITIVE_INFINITY,
    freshUntilMonotonicMs: Number.POSITIVE_INFINITY,
  }
}

/**
 * The verdict on a token that was found good before, `undefined` for any other.
 *
 * Time is looked at again every time, cut-offs when any of them has changed since.
 */
export function recall<Imported>(lock: Lock<Imported>, token: string): Verdict | undefined {
  if (typeof token !== 'string') throw new TypeError('token: expected a string')
  const { seen, cutOffs, settings } = lock
  const entry = findSeen(seen, token)
  if (entry === undefined) return undefined
  // Asked this way round, a clock that gives no number accepts nothing.
  const nowMs = settings.now()
  if (!(nowMs < entry.endsAtMs)) {
    forgetSeen(seen, entry)
    return expired(entry.verdict.expiresAtMs)
  }
  if (entry.judgedVersion !== cutOffs.version) {
    const refusal = refuseVoid(entry.subjects) ?? narrowSeen(cutOffs, entry)
    if (refusal !== undefined) {
      forgetSeen(seen, entry)
      return refusal
    }
    entry.judgedVersion = cutOffs.version
  }
  // Nothing is forgotten for being stale: the token counts again when the feed is heard again.
  return isFresh(lock, nowMs) ? entry.verdict : refuse('stale')
}

/**
 * Decides about a token once its signature was verified.
 *
 * @param isGenuine - whether the signature holds under the key that the token was opened with.
 */
export function judge<Imported>(
  lock: Lock<Imported>,
  opened: OpenedToken<Imported>,
  isGenuine: boolean,
): Verdict {
  const { settings, ring, cutOffs } = lock
  if (!isInRing(ring, opened.ringKey)) return refuse('unknown-key')
  if (!isGenuine) return refuse('bad-signature')
  rememberHeader(ring, opened.ringKey, opened.header)
  const payload = parseJsonObject(opened.payload)
  if (payload === undefined) return refuse('malformed')
  const checked = checkClaims(payload)
  if (checked === undefined) return refuse('bad-claims')
  const refusal = refuseClaims(settings, checked, payload)
  if (refusal !== undefined) return refusal
  const subjects = subjectsOf(checked).map((subject) => placeSubject(cutOffs, subject))
  const voided = refuseVoid(subjects)
  if (voided !== undefined) return voided
  const whole = accept(checked)
  const scopes = placeScopes(cutOffs, whole)
  const verdict = narrowed(whole, scopes)
  if (!verdict.ok) return verdict
  if (!isFresh(lock, settings.now())) return refuse('stale')
  const token = ownCopy(opened.token)
  rememberSeen(lock.seen, {
    token,
    hash: hashOf(token),
    verdict,
    subjects,
    scopes,
    kid: opened.ringKey.key.kid,
    endsAtMs: verdict.expiresAtMs + settings.toleranceMs,
    judgedVersion: cutOffs.version,
    isFresh: false,
  })
  return verdict
}

/**
 * Puts another key set in the place of the present one. Tokens of keys that are gone are refused
 * from here on, those of keys that stay are not verified again.
 *
 * @throws TypeError for a set that cannot be used; the present one stays then.
 */
export function replaceKeys<Imported>(lock: Lock<Imported>, keys: Jwks): void {
  const stayed = replaceRingKeys(lock.ring, checkKeys(keys))
  keepSeenOf(lock.seen, stayed)
}

/**
 * Takes a cut-off into account, from the next verdict on.
 *
 * @throws TypeError for what no server writes.
 */
export function applyCutOff<Imported>(lock: Lock<Imported>, cutOff: CutOff): void {
  raise(lock.cutOffs, cutOff)
}

/** Begins a snapshot. What is over and forgotten is left behind by it. */
export function beginSnapshot<Imported>(lock: Lock<Imported>): CutOffSnapshot {
  return snapshotOf(lock.cutOffs)
}

/** Asks the second clock only where somebody has said something about it. */
function isFresh<Imported>(lock: Lock<Imported>, nowMs: number): boolean {
  const { freshUntilMonotonicMs: untilMs } = lock
  if (!(nowMs < lock.freshUntilMs)) return false
  return untilMs === Number.POSITIVE_INFINITY || lock.settings.monotonicNow() < untilMs
}

/**
 * Says until when the cut-offs are known well enough to accept tokens by them; from then on every
 * token that would be accepted is `stale`. A verifier that nobody tells is never stale.
 *
 * @param until.monotonicMs - the same by the other clock; whichever comes first counts.
 * @throws TypeError for what is no instant; infinities are.
 */
export function trustUntil<Imported>(
  lock: Lock<Imported>,
  until: { readonly atMs: number; readonly monotonicMs: number | undefined },
): void {
  const { atMs, monotonicMs = Number.POSITIVE_INFINITY } = until
  for (const instant of [atMs, monotonicMs]) {
    if (typeof instant !== 'number' || Number.isNaN(instant)) {
      throw new TypeError('atMs, monotonicMs: expected milliseconds')
    }
  }
  lock.freshUntilMs = atMs
  lock.freshUntilMonotonicMs = monotonicMs
}

function refuseClaims(
  settings: Settings,
  { claims }: CheckedClaims,
  { nbf }: JsonObject,
): Refused | undefined {
  const { issuer, audience, toleranceMs } = settings
  if (nbf !== undefined && !Number.isFinite(nbf)) return refuse('bad-claims')
  if (claims.iss !== issuer) return refuse('wrong-issuer')
  if (audience !== undefined && claims.aud !== audience) return refuse('wrong-audience')
  const nowMs = settings.now()
  const expiresAtMs = claims.exp * 1000
  if (!(nowMs < expiresAtMs + toleranceMs)) return expired(expiresAtMs)
  const startsAtMs = nbf === undefined ? 0 : (nbf as number) * 1000
  if (nowMs < startsAtMs - toleranceMs) return notYetValid(startsAtMs)
  const issuedAtMs = claims.iat * 1000
  if (nowMs < issuedAtMs - issuedAheadMsMax) return notYetValid(issuedAtMs)
  return undefined
}

function refuseVoid(subjects: readonly PlacedSubject[]): Refused | undefined {
  const kind = voidedBy(subjects, lowestLive)
  return kind && Object.freeze({ ok: false, reason: 'void', voidedBy: kind })
}

/** Narrows the verdict on a token that was found good before; the refusal where nothing is left. */
function narrowSeen(cutOffs: CutOffs, entry: SeenToken): Refused | undefined {
  entry.scopes ??= placeScopes(cutOffs, entry.verdict)
  const verdict = narrowed(entry.verdict, entry.scopes)
  if (!verdict.ok) return verdict
  entry.verdict = verdict
  return undefined
}

function expired(expiredAtMs: number): Refused {
  return Object.freeze({ ok: false, reason: 'expired', expiredAtMs })
}

function notYetValid(validFromMs: number): Refused {
  return Object.freeze({ ok: false, reason: 'not-yet-valid', validFromMs })
}
