import { timingSafeEqual } from 'node:crypto'
import { fail, ok, type Result } from '@parley/protocol'
import type { CallerCredential } from '../contract/caller-credential.ts'
import type { Database } from '../database/connect.ts'
import type { Follower } from '../events/tail.ts'
import { hashCredential, parseCredential } from './credential-model.ts'
import { findCredential, type StoredCredential } from './credential-store.ts'

/** A secret that was found good. */
export interface CheckedCredential extends CallerCredential {
  readonly resourceId: string
}

/** Why a secret is not. */
export type CredentialRefusal = 'credential-unknown' | 'credential-expired'

/** Checks the secret of a verifier. */
export type CheckCredential = (
  text: string,
  nowMs: number,
) => Promise<Result<CheckedCredential, CredentialRefusal>>

/** Resources of which credentials are kept in memory; beyond it all of them are read again. */
const resourcesKeptMax = 10_000

/**
 * Creates the check of verifiers' secrets. It reads the database once for each credential, and
 * again when the log tells of a change of its resource.
 *
 * What was read while such a change came in is used once and not kept: it may be what was before.
 */
export function createCredentialCheck(world: {
  readonly db: Database
  readonly feed: { readonly follow: (follower: Follower) => void }
  readonly key: Buffer
}): CheckCredential {
  const { db, feed, key } = world
  const kept = new Map<string, Map<string, StoredCredential>>()
  let version = 0
  feed.follow({
    apply(event) {
      if (event.kind !== 'resource-changed' && event.kind !== 'resource') return undefined
      version += 1
      kept.delete(event.resourceId)
      return undefined
    },
    reload: async () => {
      version += 1
      kept.clear()
    },
  })
  const find = async (resourceId: string, credentialId: string) => {
    const known = kept.get(resourceId)?.get(credentialId)
    if (known !== undefined) return known
    const readAt = version
    const found = await findCredential(db, resourceId, credentialId)
    if (found === undefined || readAt !== version) return found
    if (kept.size >= resourcesKeptMax) kept.clear()
    kept.set(resourceId, (kept.get(resourceId) ?? new Map()).set(credentialId, found))
    return found
  }
  return async (text, nowMs) => {
    const name = parseCredential(text)
    if (name === undefined) return fail('credential-unknown')
    const { resourceId, credentialId } = name
    const found = await find(resourceId, credentialId)
    const hash = hashCredential(key, text)
    if (found === undefined || !timingSafeEqual(found.secretHash, hash)) {
      return fail('credential-unknown')
    }
    const { expiresAtMs, mayBeWaitedFor } = found
    if (expiresAtMs !== undefined && nowMs >= expiresAtMs) return fail('credential-expired')
    return ok({ resourceId, credentialId, expiresAtMs, mayBeWaitedFor, secretHash: hash })
  }
}
