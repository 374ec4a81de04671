/**
 * The verifier for Node: the same verdicts as everywhere, without a promise.
 *
 * `node:crypto` verifies on the calling thread. For ES256 that costs a third less CPU than
 * WebCrypto's detour over the thread pool, and what is ready at once needs no turn of the loop.
 */
import { createPublicKey, type KeyObject, verify as verifySignature } from 'node:crypto'
import type { CutOff } from '@parley/protocol'
import { type OpenedToken, openToken } from './compact.ts'
import { derSignature } from './der.ts'
import type { Jwks, VerificationKey } from './keys.ts'
import {
  applyCutOff,
  beginSnapshot,
  createLock,
  judge,
  recall,
  replaceKeys,
  trustUntil,
} from './lock.ts'
import type { VerifierOptions } from './options.ts'
import type { CutOffSnapshot } from './snapshot.ts'
import type { Verdict } from './verdicts.ts'

/** Decides about tokens at once; holds keys, cut-offs and the good tokens seen so far. */
export interface SyncVerifier {
  /**
   * Decides about one token at this moment. Never throws for what a token may hold.
   *
   * @throws TypeError when `token` is no string.
   */
  verify(token: string): Verdict
  /**
   * Puts another key set in the place of the present one, for the next verdict on.
   *
   * @throws TypeError for a set without a usable key; the present one stays then.
   */
  replaceKeys(keys: Jwks): void
  /**
   * Takes a cut-off into account for the next verdict on; twice, late or out of order does no
   * harm. An event of the feed is a cut-off.
   *
   * @throws TypeError for what no server writes.
   */
  apply(cutOff: CutOff): void
  /**
   * Says until when, by the verifier's clock, its cut-offs are known well enough to accept tokens
   * by them; from then on what would be accepted is refused as `stale`. `followRevocations` calls
   * it. Default: for ever.
   *
   * @param monotonicMs - the same by the clock that never goes back; whichever comes first counts.
   * @throws TypeError for what is no instant; infinities are.
   */
  trustUntil(atMs: number, monotonicMs?: number): void
  /**
   * Begins to read cut-offs that take the place of all that were applied, so that those which void
   * nothing any more are forgotten. `followRevocations` calls it.
   */
  beginSnapshot(): CutOffSnapshot
}

/**
 * Makes a verifier that answers synchronously.
 *
 * @throws TypeError for options that no correct program passes.
 */
export function createVerifier(options: VerifierOptions): SyncVerifier {
  const lock = createLock(options, importKey)
  return {
    verify: (token) => {
      const known = recall(lock, token)
      if (known !== undefined) return known
      const opened = openToken(lock.ring, token)
      return opened.ok ? judge(lock, opened, isGenuine(opened)) : opened
    },
    replaceKeys: (keys) => replaceKeys(lock, keys),
    apply: (cutOff) => applyCutOff(lock, cutOff),
    trustUntil: (atMs, monotonicMs) => trustUntil(lock, { atMs, monotonicMs }),
    beginSnapshot: () => beginSnapshot(lock),
  }
}

function importKey({ jwk }: VerificationKey): KeyObject {
  return createPublicKey({ key: { ...jwk }, format: 'jwk' })
}

// The key goes in bare and the signature as DER. Naming the raw form instead, `{ key,
// dsaEncoding: 'ieee-p1363' }`, makes Node 24 take the key apart each time: 119 us against 75.
function isGenuine({ ringKey, signingInput, signature }: OpenedToken<KeyObject>): boolean {
  const { key, imported } = ringKey
  const encoded = key.alg === 'ES256' ? derSignature(signature) : signature
  return verifySignature('sha256', signingInput, imported, encoded)
}
