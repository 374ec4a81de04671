import type { KeyObject } from 'node:crypto'
import type { IceServer } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import type { Operation } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import type { LogEvent } from '../events/model.ts'
import type { Follower } from '../events/tail.ts'
import { createGather, type Gather } from '../foundation/gather.ts'
import type { Log } from '../foundation/log.ts'
import type { WatchedNumber } from '../foundation/metrics.ts'
import type { Platform } from '../foundation/platform.ts'
import { startRecurringWork } from '../foundation/recurring-work.ts'
import type { TurnPlace } from '../foundation/turn-place.ts'
import { createEnding, type Ending } from './ending.ts'
import { credentialOf, iceServerOf, relayKeyOf, userNameOfLeg } from './model.ts'
import { type RelaysRoom, relayOperations } from './operations.ts'
import { findHidesAddresses, insertLegUser } from './store.ts'
import {
  type WithdrawnUser,
  withdrawAfter,
  withdrawDue,
  withdrawOfDeniedTokens,
  withdrawOfLegs,
} from './withdrawal-store.ts'

/** A leg of a call that may send over a relay. */
export interface RelayedLeg {
  readonly resourceId: string
  readonly callId: string
  readonly legId: string
}

/** How a client finds its way through the net. */
export interface RelayTerms {
  readonly iceServers: readonly IceServer[]
  readonly iceTransportPolicy: 'all' | 'relay'
}

/** The relays of a node. */
export interface Relays {
  readonly isConfigured: boolean
  readonly operations: readonly Operation[]
  readonly numbers: readonly WatchedNumber[]
  /** Ends what an event of the log has voided. It holds nothing back. */
  readonly follower: Follower
  /** Gives a leg a user of its own; asked again, the same one. */
  readonly iceFor: (leg: RelayedLeg & { readonly identityId: string }) => Promise<RelayTerms>
  /**
   * Takes back what legs were given that have ended, and ends their sessions.
   *
   * @param hasLeft - whether they went by themselves, and so perhaps their sessions.
   */
  readonly letGo: (legs: readonly (RelayedLeg & { readonly hasLeft: boolean })[]) => Promise<void>
  /** Starts what it does by itself. @returns what ends that. */
  readonly start: () => Promise<() => Promise<void>>
}

/** What relays need. */
export interface RelaysWorld {
  readonly db: Database
  readonly platform: Platform
  readonly log: Log
  readonly turn: TurnPlace | undefined
  /** The key of the installation from which passwords are derived. */
  readonly installationKey: KeyObject
  readonly findResource: RelaysRoom['findResource']
}

/** Creates the relays of a node. */
export function createRelays(world: RelaysWorld): Relays {
  const { turn, installationKey } = world
  const room = { ...world, relayKey: relayKeyOf(installationKey) }
  const operations = relayOperations(room)
  return turn === undefined
    ? { ...noRelays, operations }
    : { operations, ...relayed({ ...room, turn }) }
}

/** Where there are none: legs find each other without. */
export const noRelays: Omit<Relays, 'operations'> = {
  isConfigured: false,
  numbers: [],
  follower: { apply: () => undefined },
  iceFor: async () => ({ iceServers: [], iceTransportPolicy: 'all' }),
  letGo: async () => undefined,
  start: async () => async () => undefined,
}

interface Life extends RelaysWorld {
  readonly turn: TurnPlace
  readonly relayKey: Buffer
  readonly ending: Ending
  /** Withdraws after events: what is heard while a statement is under way shares the next one. */
  readonly events: Gather<LogEvent, readonly WithdrawnUser[]>
  /** What is under way. */
  readonly pending: Set<Promise<unknown>>
  /** Whether something may have happened that nobody acted upon. */
  hasMissed: boolean
}

type Room = Omit<Life, 'ending' | 'events' | 'pending' | 'hasMissed'>

function relayed(room: Room): Omit<Relays, 'operations'> {
  const ending = createEnding(room)
  const events = gatherEvents(room)
  const life: Life = { ...room, ending, events, pending: new Set(), hasMissed: true }
  return {
    isConfigured: true,
    numbers: ending.numbers,
    follower: {
      apply(event) {
        if (mayVoid(event)) follow(life, endAfter(life, event))
        return undefined
      },
      async reload() {
        life.hasMissed = true
      },
    },
    iceFor: (leg) => iceFor(life, leg),
    letGo: (legs) => letGo(life, legs),
    start: () => start(life),
  }
}

function gatherEvents({ db, platform }: Room): Life['events'] {
  return createGather({
    keyOf: ({ resourceId }) => resourceId,
    async answerAll(resourceId, events) {
      const users = await withdrawAfter(db, resourceId, { events, nowMs: platform.now() })
      return events.map((_, place) => (place === 0 ? users : []))
    },
    asksMax: serverLimits.asksInStatementMax,
    waitingMax: serverLimits.asksWaitingMax,
  })
}

function mayVoid(event: LogEvent): boolean {
  if (event.kind === 'signing-keys-changed') return false
  return event.kind !== 'resource-changed' || event.part === undefined
}

async function iceFor(
  { turn, relayKey, db, platform }: Life,
  leg: RelayedLeg & { readonly identityId: string },
): Promise<RelayTerms> {
  const { resourceId, callId, legId, identityId } = leg
  const { realm } = turn
  const userName = userNameOfLeg(relayKey, leg)
  const credential = credentialOf(relayKey, { userName, realm })
  const isForced = await findHidesAddresses(db, resourceId)
  const { hmacKey } = credential
  const of = { resourceId, callId, legId, identityId }
  const createdAtMs = platform.now()
  await insertLegUser(db, { ...of, userName, realm, hmacKey, isForced, createdAtMs })
  return {
    iceServers: [iceServerOf(turn, credential)],
    iceTransportPolicy: isForced ? 'relay' : 'all',
  }
}

async function letGo(
  life: Life,
  legs: readonly (RelayedLeg & { readonly hasLeft: boolean })[],
): Promise<void> {
  for (const hasLeft of [false, true]) {
    const meant = legs.filter((leg) => leg.hasLeft === hasLeft)
    const resourceId = meant[0]?.resourceId
    if (resourceId === undefined) continue
    const legIds = meant.map(({ legId }) => legId)
    const nowMs = life.platform.now()
    const users = await withdrawOfLegs(life.db, resourceId, { legIds, nowMs })
    // Nobody waits for the relays: the rows are what counts.
    follow(life, life.ending.end(users, hasLeft))
  }
}

async function endAfter({ events, ending }: Life, event: LogEvent): Promise<void> {
  await ending.end(await events.ask(event), false)
}

/** What fails here is healed by the recurring work. */
function follow(life: Life, work: Promise<unknown>): void {
  const { pending, log } = life
  const followed = work
    .catch((error: unknown) => {
      life.hasMissed = true
      log.error({ err: error }, 'relay users were not withdrawn; tried again soon')
    })
    .finally(() => pending.delete(followed))
  pending.add(followed)
}

async function start(life: Life): Promise<() => Promise<void>> {
  const { db, platform, log, turn, ending, pending } = life
  if (turn.commandLines.length === 0) {
    log.warn({}, 'PARLEY_TURN_CLI is not set: who is cut off stays at the relay until it leaves')
  }
  const { relayReconcileMs: intervalMs, relayUsersAtOnceMax: usersMax } = serverLimits
  const work = await startRecurringWork({
    tasks: [
      { name: 'withdraw relay users of denied tokens', run: () => endOfDenied(life) },
      {
        name: 'withdraw relay users that are over',
        async run() {
          const due = { nowMs: platform.now(), leftMs: intervalMs, newMs: 60_000, usersMax }
          await ending.end(await withdrawDue(db, due), true)
        },
      },
      { name: 'compare the relays with their users', run: ending.compare },
    ],
    intervalMs,
    log,
  })
  return async () => {
    await work.stop()
    while (pending.size > 0) await Promise.all(pending)
  }
}

/** A denied token is acted upon when it is heard of, so only what was missed is looked for. */
async function endOfDenied(life: Life): Promise<void> {
  if (!life.hasMissed) return
  life.hasMissed = false
  try {
    await life.ending.end(await withdrawOfDeniedTokens(life.db, life.platform.now()), true)
  } catch (error) {
    life.hasMissed = true
    throw error
  }
}

/** The operations without a world, for who reads them and calls nothing: their handlers throw. */
export function describeRelayOperations(): readonly Operation[] {
  return relayOperations({} as unknown as RelaysRoom)
}
