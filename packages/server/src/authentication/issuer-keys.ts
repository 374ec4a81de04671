/**
 * The keys of one trusted issuer, as they stand in memory.
 *
 * A key that is held is given at once, however old it is: while a fetch is under way, and for a
 * day while the issuer does not answer. Only a key that is not held makes a caller wait, and the
 * fetch for it is one for all that wait. After it none begins for `issuerCooldownMs`, whatever
 * keys bearers name; such bearers are refused without a look at their signature. So whoever makes
 * up a million keys causes one fetch in that time and no cryptography, and an issuer that begins
 * to sign with a new key before it is ten seconds old is the only one whose bearers wait.
 *
 * Rejected: `createRemoteJWKSet` of jose. It has the single flight and the cooldown, but reads the
 * clock itself, has no limit on the size of an answer, and forgets its keys when the issuer is
 * down for longer than they are fresh. Also rejected: remembering the keys that do not exist; a
 * list of what others make up has to be bounded, and then it forgets.
 */
import { fail, ok, type Result } from '@parley/protocol'
import type { JsonObject } from '@parley/verifier/json'
import { serverLimits } from '../contract/limits.ts'
import {
  type BearerAlgorithm,
  type IssuerKey,
  importIssuerKey,
  isKeyFor,
} from './bearer-signature.ts'
import type { IssuerFault } from './issuer-documents.ts'

/** Which key a bearer was signed with, as it says. */
export interface KeyName {
  readonly kid: string | undefined
  readonly alg: BearerAlgorithm
}

/** The keys of an issuer. */
export interface IssuerKeys {
  /**
   * Finds the key of a name; `undefined` when the issuer has none.
   *
   * @faults `unreachable` - it is not known whether the issuer has such a key.
   */
  readonly find: (
    named: KeyName,
    nowMs: number,
  ) => Promise<Result<IssuerKey | undefined, 'unreachable'>>
}

/** What the keys of an issuer are kept with. */
export interface IssuerKeysWorld {
  /** Fetches the keys; never throws. */
  readonly fetchKeys: () => Promise<Result<readonly JsonObject[], IssuerFault>>
  readonly now: () => number
  /** Told of each fetch that failed. */
  readonly onFault: (fault: IssuerFault) => void
}

/** Keys, by what was published of each, and when they were asked for. */
interface HeldKeys {
  readonly byText: ReadonlyMap<string, IssuerKey>
  readonly askedAtMs: number
}

/** Creates the memory of an issuer's keys. Nothing is fetched until a bearer comes. */
export function createIssuerKeys(world: IssuerKeysWorld): IssuerKeys {
  let held: HeldKeys | undefined
  let answeredAtMs = Number.NEGATIVE_INFINITY
  let hasFailed = false
  let inFlight: Promise<void> | undefined

  async function fetchOnce(): Promise<void> {
    const askedAtMs = world.now()
    const fetched = keysFrom(await world.fetchKeys(), held)
    answeredAtMs = world.now()
    hasFailed = !fetched.ok
    if (fetched.ok) held = { byText: fetched.value, askedAtMs }
    else world.onFault(fetched.fault)
    inFlight = undefined
  }

  /** Begins a fetch unless one is under way or was a moment ago. */
  function askAgain(nowMs: number): void {
    const { issuerRetryMs, issuerCooldownMs } = serverLimits
    const waitMs = hasFailed ? issuerRetryMs : issuerCooldownMs
    // A clock that was set back must not make the wait longer.
    if (Math.abs(nowMs - answeredAtMs) >= waitMs) inFlight ??= fetchOnce()
  }

  return {
    async find(named, nowMs) {
      const ageMs = held === undefined ? 0 : Math.abs(nowMs - held.askedAtMs)
      if (ageMs >= serverLimits.issuerKeysStaleMs) held = undefined
      const key = keyNamed(named, held)
      if (key === undefined || ageMs >= serverLimits.issuerKeysFreshMs) askAgain(nowMs)
      if (key !== undefined) return ok(key)
      await inFlight
      const found = keyNamed(named, held)
      return found === undefined && hasFailed ? fail('unreachable') : ok(found)
    },
  }
}

/** The keys that were published; those that were held before stay the same objects. */
function keysFrom(
  fetched: Result<readonly JsonObject[], IssuerFault>,
  held: HeldKeys | undefined,
): Result<ReadonlyMap<string, IssuerKey>, IssuerFault> {
  if (!fetched.ok) return fetched
  const keys = new Map<string, IssuerKey>()
  for (const jwk of fetched.value) {
    const text = JSON.stringify(jwk)
    const key = held?.byText.get(text) ?? importIssuerKey(jwk)
    if (key !== undefined) keys.set(text, key)
  }
  return keys.size === 0 ? fail({ kind: 'no-keys', document: 'keys' }) : ok(keys)
}

/** The key that is meant; where a bearer names none, the only one that it can be. */
function keyNamed({ kid, alg }: KeyName, held: HeldKeys | undefined): IssuerKey | undefined {
  let only: IssuerKey | undefined
  for (const key of held?.byText.values() ?? []) {
    if (!isKeyFor(key, alg)) continue
    if (kid !== undefined && key.kid === kid) return key
    if (kid !== undefined) continue
    if (only !== undefined) return undefined
    only = key
  }
  return only
}
