import type { KeyObject } from 'node:crypto'
import type { IceServer } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import type { Operation } from '../contract/operation.ts'
import type { Database } from '../database/connect.ts'
import type { LogEvent } from '../events/model.ts'
import type { Follower } from '../events/tail.ts'
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
    ? { ...unrelayed, operations }
    : { operations, ...relayed({ ...room, turn }) }
}

const unrelayed: Omit<Relays, 'operations'> = {
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
  /** What is under way. */
  readonly pending: Set<Promise<unknown>>
}

function relayed(room: Omit<Life, 'ending' | 'pending'>): Omit<Relays, 'operations'> {
  const ending = createEnding(room)
  const life: Life = { ...room, ending, pending: new Set() }
  return {
    isConfigured: true,
    numbers: ending.numbers,
    follower: {
      apply(event) {
        if (mayVoid(event))
          follow(
            life,
            withdraw(life, () => endAfter(life, event)),
          )
        return undefined
      },
      async reload() {
        follow(
          life,
          withdraw(life, () => withdrawOfDeniedTokens(life.db, life.platform.now())),
        )
      },
    },
    iceFor: (leg) => iceFor(life, leg),
    letGo: (legs) => letGo(life, legs),
    start: () => start(life),
  }
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

function endAfter({ db, platform }: Life, event: LogEvent): Promise<readonly WithdrawnUser[]> {
  return withdrawAfter(db, event, platform.now())
}

async function withdraw(
  { ending }: Life,
  take: () => Promise<readonly WithdrawnUser[]>,
): Promise<void> {
  await ending.end(await take(), false)
}

/** What fails here is healed by the recurring work. */
function follow({ pending, log }: Life, work: Promise<unknown>): void {
  const followed = work
    .catch((error: unknown) => log.error({ err: error }, 'relay users were not withdrawn'))
    .finally(() => pending.delete(followed))
  pending.add(followed)
}

async function start(life: Life): Promise<() => Promise<void>> {
  const { db, platform, log, turn, ending, pending } = life
  if (turn.commandLines.length === 0) {
    log.warn({}, 'PARLEY_TURN_CLI is not set: who is cut off stays at the relay until it leaves')
  }
  const endOfDenied = async () => ending.end(await withdrawOfDeniedTokens(db, platform.now()), true)
  await endOfDenied()
  const { relayReconcileMs: intervalMs, relayUsersAtOnceMax: usersMax } = serverLimits
  const work = await startRecurringWork({
    tasks: [
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

/** The operations without a world, for who reads them and calls nothing: their handlers throw. */
export function describeRelayOperations(): readonly Operation[] {
  return relayOperations({} as unknown as RelaysRoom)
}
