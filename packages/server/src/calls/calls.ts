/** The calls of a node, put together. */
import type { Server } from 'node:http'
import type { SyncVerifier } from '@parley/verifier/node'
import { serverLimits } from '../contract/limits.ts'
import type { Operation } from '../contract/operation.ts'
import type { Database, DatabaseAddress } from '../database/connect.ts'
import { startHearing } from '../database/hearing.ts'
import type { Openings } from '../events/openings.ts'
import type { Log } from '../foundation/log.ts'
import type { WatchedNumber } from '../foundation/metrics.ts'
import type { Platform } from '../foundation/platform.ts'
import type { Settings } from '../foundation/settings.ts'
import type { Node } from '../nodes/node.ts'
import type { Relays } from '../relays/relays.ts'
import type { ResourceDirectory } from '../resources/directory.ts'
import { followEngines } from './engine-events.ts'
import { openEngines } from './engines.ts'
import { callChannel } from './frame-store.ts'
import { createCallHub } from './hub.ts'
import { parseNotices } from './notification-text.ts'
import { callOperations } from './operations.ts'
import { openPhones } from './phone/phones.ts'
import { createReconciling } from './reconciling.ts'
import { endStrays, startCallWork } from './recurring.ts'
import { takeCallSockets } from './websocket.ts'

/** The calls of a node. */
export interface Calls {
  readonly operations: readonly Operation[]
  readonly numbers: readonly WatchedNumber[]
  /**
   * Hears what devices are told from now on, and takes the sockets that are opened on these
   * listeners.
   *
   * @returns `close`.
   */
  readonly start: (
    listeners: readonly ({ readonly server: Server } | undefined)[],
  ) => Promise<() => Promise<void>>
  /** Closes all sockets; their clients may come back elsewhere. */
  readonly close: () => Promise<void>
}

/** What calls need. */
export interface CallsWorld {
  readonly settings: Settings
  readonly address: DatabaseAddress
  readonly db: Database
  readonly platform: Platform
  readonly log: Log
  readonly openings: Openings
  readonly verifier: Pick<SyncVerifier, 'verify'>
  readonly resources: Pick<ResourceDirectory, 'find'>
  readonly node: Pick<Node, 'isCurrent' | 'whenCurrent'>
  readonly relays: Relays
  /** The endpoint that clients of a resource use, by its name. */
  readonly endpointFor: (name: string) => string
}

/** Creates the calls of a node; nobody hears of anything before they were started. */
export function createCalls(given: CallsWorld): Calls {
  const { log, node, address, resources } = given
  const { isCurrent } = node
  const whenCurrent = async () =>
    isCurrent() || (await node.whenCurrent(serverLimits.currentWaitMs))
  const phones = openPhones(given)
  const engines = openEngines(given, phones === undefined ? [] : [phones.engine])
  const world = { ...given, engines, isCurrent, whenCurrent }
  const reconciling = createReconciling()
  const hub = createCallHub(world)
  const closers: (() => Promise<void>)[] = []
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= closeAll()
    return closed
  }
  const closeAll = async () => {
    // Who hears goes last: what is told at the end is told to nobody here.
    for (const end of [hub.close, ...closers]) await end()
  }
  return {
    operations: callOperations({ ...world, findResource: resources.find }),
    numbers: [
      {
        name: 'parley_call_sockets',
        help: 'Clients of calls at the sockets of this node, or away from them for seconds.',
        type: 'gauge',
        read: hub.count,
      },
      ...reconciling.numbers,
    ],
    async start(listeners) {
      const complain = (error: unknown) =>
        log.error({ err: error }, 'calls that have changed outside of them were not followed')
      const hearing = await startHearing({
        ...{ address, log, channel: callChannel, applicationName: 'parley calls' },
        hear(text) {
          const { resourceId = '', notices = [] } = parseNotices(text) ?? {}
          for (const notice of notices) {
            if (notice.kind === 'changed') void endStrays(world, resourceId).catch(complain)
            else hub.deliver(resourceId, notice)
          }
        },
        onBroken: () => undefined,
        onOpened: hub.readAll,
      })
      const settleEvents = followEngines(world)
      const reconcile = () => reconciling.run({ ...world, hub })
      const stopWork = await startCallWork({ ...world, hub, reconcile })
      if (phones !== undefined) closers.push(phones.answer(world))
      closers.push(stopWork, engines.stop, settleEvents, hearing.close)
      for (const one of listeners) {
        if (one !== undefined) takeCallSockets(one.server, { ...world, hub })
      }
      return close
    },
    close,
  }
}

/** The operations without a world, for who reads them and calls nothing: their handlers throw. */
export function describeCallOperations(): readonly Operation[] {
  return callOperations({} as unknown as Parameters<typeof callOperations>[0])
}
