import type { ResourceCaller } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import type { Openings } from '../events/openings.ts'
import type { Follower } from '../events/tail.ts'
import type { SigningKeyRing } from '../tokens/signing-key-ring.ts'
import { findCredential } from './credential-store.ts'

/** What streams are made of. */
export interface StreamWorld {
  readonly db: Database
  readonly feed: { readonly follow: (follower: Follower) => void }
  readonly openings: Openings
  readonly ring: Pick<SigningKeyRing, 'published' | 'follow'>
  /** Whether this node may promise anything at this moment. */
  readonly isCurrent: () => boolean
  /** The node's own clock, milliseconds. */
  readonly monotonicNow: () => number
  /** The wall clock, milliseconds; credentials end by it. */
  readonly now: () => number
}

/**
 * Whether a caller may still have the stream that it has been given.
 *
 * Asked when the stream is held: a credential that is deleted after this closes it, and one that
 * was deleted before is seen here.
 */
export async function isStillWelcome(db: Database, caller: ResourceCaller): Promise<boolean> {
  const { resourceId, credential } = caller
  if (credential === undefined) return true
  const stored = await findCredential(db, resourceId, credential.credentialId)
  return stored?.secretHash.equals(credential.secretHash) === true
}
