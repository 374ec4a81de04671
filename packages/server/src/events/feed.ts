/**
 * The feed of cut-offs within this process.
 *
 * A cause commits its rows and its event in one transaction, publishes the event here, and only
 * then is it answered. So whoever sees the answer finds every follower of this process informed.
 */
import type { RevocationEvent } from '@parley/protocol'

/** Where causes publish and verifiers listen. */
export interface Feed {
  /** Hands committed events to every follower before it returns. */
  readonly publish: (events: readonly RevocationEvent[]) => void
  /** Adds a follower; it must not throw. */
  readonly follow: (follower: (event: RevocationEvent) => void) => void
}

/** Creates a feed without followers. */
export function createFeed(): Feed {
  const followers: ((event: RevocationEvent) => void)[] = []
  return {
    publish(events) {
      for (const event of events) for (const follower of followers) follower(event)
    },
    follow(follower) {
      followers.push(follower)
    },
  }
}
