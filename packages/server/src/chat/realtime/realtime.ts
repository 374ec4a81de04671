/**
 * Realtime notifications of chat: what is told reaches the sockets of those who take part, on
 * whichever node they are.
 */
import type { KeyObject } from 'node:crypto'
import type { Server } from 'node:http'
import type { SyncVerifier } from '@parley/verifier/node'
import { serverLimits } from '../../contract/limits.ts'
import type { Operation } from '../../contract/operation.ts'
import type { Database, DatabaseAddress } from '../../database/connect.ts'
import type { Openings } from '../../events/openings.ts'
import type { Log } from '../../foundation/log.ts'
import type { WatchedNumber } from '../../foundation/metrics.ts'
import type { Platform } from '../../foundation/platform.ts'
import { type RecurringWork, startRecurringWork } from '../../foundation/recurring-work.ts'
import type { Node } from '../../nodes/node.ts'
import type { ResourceDirectory } from '../../resources/directory.ts'
import { createAdmission } from './admission.ts'
import { createHub } from './hub.ts'
import { type Listening, startListening } from './listening.ts'
import { realtimeOperations } from './operations.ts'
import { createPasses } from './pass.ts'
import { createPolling } from './polling.ts'
import { deleteOldNotices } from './store.ts'
import { takeWebSockets } from './websocket.ts'

/** The realtime notifications of a node. */
export interface Realtime {
  readonly operations: readonly Operation[]
  readonly numbers: readonly WatchedNumber[]
  /**
   * Hears of notices from now on, and takes the sockets that are opened on these listeners.
   *
   * @returns `close`.
   */
  readonly start: (
    listeners: readonly ({ readonly server: Server } | undefined)[],
  ) => Promise<() => Promise<void>>
  /** Closes all sockets, records how far their clients have heard, and hears no more. */
  readonly close: () => Promise<void>
}

/** What realtime notifications need. */
export interface RealtimeWorld {
  readonly address: DatabaseAddress
  readonly db: Database
  readonly platform: Platform
  readonly log: Log
  readonly openings: Openings
  readonly verifier: Pick<SyncVerifier, 'verify'>
  readonly resources: Pick<ResourceDirectory, 'find'>
  readonly node: Pick<Node, 'isCurrent' | 'whenCurrent'>
  /** The same at every node. */
  readonly installationKey: KeyObject
}

/** Time between two deletions of notices that are too old, in milliseconds. */
const forgetEveryMs = 60_000

/** Creates the realtime notifications of a node; they hear of nothing before they were started. */
export function createRealtime(world: RealtimeWorld): Realtime {
  const { db, platform, log, node } = world
  let listening: Listening | undefined
  const heard = {
    floorSeq: () => listening?.heard.floorSeq() ?? 0,
    lastSeq: () => listening?.heard.lastSeq() ?? 0,
  }
  const { isCurrent } = node
  const whenCurrent = async () =>
    isCurrent() || (await node.whenCurrent(serverLimits.currentWaitMs))
  const hub = createHub({ ...world, heard, whenCurrent })
  const passes = createPasses(world.installationKey, platform)
  const judging = { ...world, passes, now: platform.now }
  const polling = createPolling(hub)
  const untilCurrent = async (isClosing: () => boolean) => {
    while (!isClosing() && !(await whenCurrent()));
  }
  let forgetting: RecurringWork | undefined
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= hub
      .close()
      .then(() => forgetting?.stop())
      .then(() => listening?.close())
    return closed
  }
  return {
    operations: realtimeOperations({ ...judging, polling, newGuid: platform.newGuid }),
    numbers: [
      {
        name: 'parley_chat_sockets',
        help: 'Clients of chat that are told of what happens, by WebSocket or long poll.',
        type: 'gauge',
        read: hub.count,
      },
    ],
    async start(listeners) {
      const { monotonicNow } = platform
      const { deliver } = hub
      listening = await startListening({
        ...{ ...world, monotonicNow, deliver, isCurrent, untilCurrent },
      })
      forgetting = await startRecurringWork({
        tasks: [{ name: 'forget notices of chat', run: () => deleteOldNotices(db) }],
        intervalMs: forgetEveryMs,
        log,
      })
      const admit = createAdmission(judging)
      for (const one of listeners) {
        if (one !== undefined) takeWebSockets(one.server, { hub, admit, whenCurrent })
      }
      return close
    },
    close,
  }
}

/** The operations without a world, for who reads them and calls nothing: their handlers throw. */
export function describeRealtimeOperations(): readonly Operation[] {
  return realtimeOperations(undefined as unknown as Parameters<typeof realtimeOperations>[0])
}
