/**
 * Chat in real time and calls: what clients hold sockets for, created and started together, with
 * the relays that media of calls may go over.
 */
import type { Server } from 'node:http'
import { type Calls, type CallsWorld, createCalls } from './calls/calls.ts'
import { createRealtime, type Realtime, type RealtimeWorld } from './chat/realtime/realtime.ts'
import type { Feed } from './events/feed.ts'
import type { OpenLog } from './foundation/log.ts'
import type { Metrics } from './foundation/metrics.ts'
import { turnPlaceOf } from './foundation/turn-place.ts'
import { createRelays, type Relays } from './relays/relays.ts'

/** What sockets need. */
export type SocketWorld = Omit<RealtimeWorld & CallsWorld, 'log' | 'installationKey' | 'relays'> & {
  readonly feed: Feed
  readonly log: OpenLog
  readonly installation: { readonly customIdKey: RealtimeWorld['installationKey'] }
  readonly metrics: Metrics
}

/** Those who hold sockets. */
export interface Sockets {
  readonly realtime: Realtime
  readonly calls: Calls
  readonly relays: Relays
  /** Takes the sockets that are opened on listeners. @returns what ends it, the last first. */
  readonly start: (
    listeners: readonly ({ readonly server: Server } | undefined)[],
  ) => Promise<readonly (() => Promise<void>)[]>
  /** Closes all sockets; their clients may come back elsewhere. */
  readonly close: () => Promise<void>
}

/** Creates them; nobody hears of anything before they were started. */
export function createSockets(given: SocketWorld): Sockets {
  const { metrics, installation } = given
  const world = { ...given, log: given.log.log, installationKey: installation.customIdKey }
  const realtime = createRealtime(world)
  const { settings, resources } = given
  const turn = turnPlaceOf(settings)
  const relays = createRelays({ ...world, turn, findResource: resources.find })
  given.feed.follow(relays.follower)
  const calls = createCalls({ ...world, relays })
  metrics.watch([...realtime.numbers, ...relays.numbers, ...calls.numbers])
  return {
    realtime,
    calls,
    relays,
    start: async (listeners) => [
      await relays.start(),
      await realtime.start(listeners),
      await calls.start(listeners),
    ],
    async close() {
      await Promise.all([realtime.close(), calls.close()])
    },
  }
}
