import type { CutOff } from '@parley/protocol'
import { type OpenedToken, openToken } from './compact.ts'
import type { Jwks, PublicJwk, VerificationKey } from './keys.ts'
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
import { systemCrypto } from './platform.ts'
import type { CutOffSnapshot } from './snapshot.ts'
import type { Verdict } from './verdicts.ts'

/** Decides about tokens; holds keys, cut-offs and the good tokens seen so far. */
export interface Verifier {
  /**
   * Decides about one token. What is decided holds for the moment in which the promise resolves:
   * a key replaced or a cut-off applied before that counts. Never rejects for what a token holds.
   *
   * @throws TypeError (by rejecting) when `token` is no string.
   */
  verify(token: string): Promise<Verdict>
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

type CryptoKey = Awaited<ReturnType<ReturnType<typeof systemCrypto>['importKey']>>

/** A key that WebCrypto has been asked for when a token first needed it. */
interface LazyKey {
  imported: Promise<CryptoKey> | undefined
}

const algorithms = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
} as const

/**
 * Makes a verifier that runs wherever WebCrypto does: Node, browsers, workers, edges.
 *
 * @throws TypeError for options that no correct program passes, or where WebCrypto is missing.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const subtle = systemCrypto()
  const lock = createLock(options, (): LazyKey => ({ imported: undefined }))
  return {
    verify: async (token) => {
      const known = recall(lock, token)
      if (known !== undefined) return known
      const opened = openToken(lock.ring, token)
      if (!opened.ok) return opened
      const holds = await isGenuine(subtle, opened)
      // The same token may have been shown twice at a time and be remembered by now.
      return recall(lock, token) ?? judge(lock, opened, holds)
    },
    replaceKeys: (keys) => replaceKeys(lock, keys),
    apply: (cutOff) => applyCutOff(lock, cutOff),
    trustUntil: (atMs, monotonicMs) => trustUntil(lock, { atMs, monotonicMs }),
    beginSnapshot: () => beginSnapshot(lock),
  }
}

async function isGenuine(
  subtle: ReturnType<typeof systemCrypto>,
  { ringKey, signingInput, signature }: OpenedToken<LazyKey>,
): Promise<boolean> {
  const { key, imported: lazy } = ringKey
  // A copy, since other tokens are opened while this one waits.
  const data = new Uint8Array(signingInput)
  lazy.imported ??= importKey(subtle, key)
  return subtle.verify(algorithms[key.alg], await lazy.imported, signature, data)
}

function importKey(
  subtle: ReturnType<typeof systemCrypto>,
  { alg, jwk }: VerificationKey,
): Promise<CryptoKey> {
  const copy: PublicJwk = { ...jwk }
  return subtle.importKey('jwk', copy, algorithms[alg], false, ['verify'])
}
