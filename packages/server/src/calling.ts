import { type Calls, type CallsWorld, createCalls } from './calls/calls.ts'
import type { Feed } from './events/feed.ts'
import type { OpenLog } from './foundation/log.ts'
import type { Metrics } from './foundation/metrics.ts'
import type { Settings } from './foundation/settings.ts'
import { turnPlaceOf } from './foundation/turn-place.ts'
import { createRelays, type Relays, type RelaysWorld } from './relays/relays.ts'

/** What calls and their relays are opened with. */
export interface CallingWorld
  extends Pick<CallsWorld, 'settings' | 'address' | 'db' | 'platform' | 'node'> {
  readonly settings: Settings
  readonly log: OpenLog
  readonly installation: { readonly customIdKey: RelaysWorld['installationKey'] }
}

/** The calls of a node, and the relays that their media may go over. */
export interface Calling {
  readonly calls: Calls
  readonly relays: Relays
}

/** Opens both; the relays hear from the log what is void. */
export function openCalling(
  world: CallingWorld,
  parts: Pick<CallsWorld, 'openings' | 'verifier' | 'resources' | 'endpointFor'> & {
    readonly feed: Feed
    readonly metrics: Pick<Metrics, 'watch'>
  },
): Calling {
  const { feed, metrics, ...judging } = parts
  const { settings, installation } = world
  const log = world.log.log
  const relays = createRelays({
    ...{ db: world.db, platform: world.platform, log, turn: turnPlaceOf(settings) },
    installationKey: installation.customIdKey,
    findResource: parts.resources.find,
  })
  feed.follow(relays.follower)
  const calls = createCalls({ ...world, ...judging, log, relays })
  metrics.watch([...relays.numbers, ...calls.numbers])
  return { calls, relays }
}
