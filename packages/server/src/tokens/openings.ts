import type { Feed } from '../events/feed.ts'
import { closingAfter, closingWithKeys, createOpenings, type Openings } from '../events/openings.ts'
import type { Follower } from '../events/tail.ts'
import type { SigningKeyRing } from './signing-key-ring.ts'
import { followSigningKeys, type SigningKeyRotation } from './signing-key-rotation.ts'

/**
 * Creates what this node holds open under credentials and tokens, and closes it once the node would
 * refuse them. The verifier follows the ring already.
 *
 * @param informed - what has to know of an event before anything is closed by it.
 */
export function openOpenings(
  by: { readonly feed: Feed; readonly ring: SigningKeyRing; readonly rotation: SigningKeyRotation },
  informed: Follower,
): Openings {
  const { feed, ring, rotation } = by
  const openings = createOpenings()
  feed.follow(closingAfter(informed, openings))
  feed.follow(followSigningKeys(rotation))
  ring.follow(closingWithKeys(openings))
  return openings
}
