/**
 * Chat in real time and calls: what clients hold sockets for, created and started together.
 */
import type { Server } from 'node:http'
import { type Calls, type CallsWorld, createCalls } from './calls/calls.ts'
import { createRealtime, type Realtime, type RealtimeWorld } from './chat/realtime/realtime.ts'
import type { OpenLog } from './foundation/log.ts'
import type { Metrics } from './foundation/metrics.ts'

/** What sockets need. */
export type SocketWorld = Omit<RealtimeWorld & CallsWorld, 'log' | 'installationKey'> & {
  readonly log: OpenLog
  readonly installation: { readonly customIdKey: RealtimeWorld['installationKey'] }
  readonly metrics: Metrics
}

/** Those who hold sockets. */
export interface Sockets {
  readonly realtime: Realtime
  readonly calls: Calls
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
  const calls = createCalls(world)
  metrics.watch([...realtime.numbers, ...calls.numbers])
  return {
    realtime,
    calls,
    start: async (listeners) => [await realtime.start(listeners), await calls.start(listeners)],
    async close() {
      await Promise.all([realtime.close(), calls.close()])
    },
  }
}
