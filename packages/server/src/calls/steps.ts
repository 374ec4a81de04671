/** How a step of a call is taken: its row held, decided, stored, told; then the engine follows. */
import {
  type CallMedia,
  type CallPeer,
  type IceServer,
  type JoinedCall,
  ok,
  printIdentityName,
  type Result,
} from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import type { Database, Transaction } from '../database/connect.ts'
import type { Log } from '../foundation/log.ts'
import type { Platform } from '../foundation/platform.ts'
import { lockCall, saveCall } from './call-store.ts'
import type { Engines } from './engines.ts'
import { tell } from './frame-store.ts'
import {
  type Call,
  type CallFault,
  type Leg,
  legOf,
  type Party,
  peerOf,
  presentLegs,
  refuse,
  type Step,
} from './model.ts'
import { permissionsFor } from './permissions.ts'

/** What a client is given to find its way through the net. */
export interface IceTerms {
  readonly iceServers: readonly IceServer[]
  readonly iceTransportPolicy: 'all' | 'relay'
}

/** What the steps of calls need. */
export interface CallWorld {
  readonly db: Database
  readonly platform: Pick<Platform, 'now' | 'newGuid' | 'randomBytes'>
  readonly engines: Engines
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
  /** Relays for a leg that comes in; called once for each coming. */
  readonly iceFor: (leg: {
    readonly resourceId: string
    readonly callId: string
    readonly legId: string
    readonly identityId: string
    readonly expiresAtMs: number
  }) => Promise<IceTerms>
}

/** A call, by name. */
export interface CallName {
  readonly resourceId: string
  readonly callId: string
}

/** Decides a step of a call that is held. */
export type Decide = (
  call: Call,
  db: Transaction,
) => Result<Step, CallFault> | Promise<Result<Step, CallFault>>

/**
 * Takes a step of a call.
 *
 * @param others - identities that are about to come in.
 * @faults `CallNotFound` - there is none, or it has ended; those of `decide`.
 */
export async function change(
  world: CallWorld,
  named: CallName & { readonly others?: readonly string[] },
  decide: Decide,
): Promise<Result<Call, CallFault>> {
  const taken = (await world.db.begin(async (db) => {
    const call = await lockCall(db, named, named.others)
    if (call === undefined || call.end !== undefined) return refuse('CallNotFound')
    return takeStep(world, db, { call, decide })
  })) as Result<Call, CallFault>
  if (taken.ok) await followStep(world, taken.value)
  return taken
}

/** The same within a transaction that holds the call; then `followStep` is due after the commit. */
export async function takeStep(
  world: CallWorld,
  db: Transaction,
  { call, decide }: { readonly call: Call; readonly decide: Decide },
): Promise<Result<Call, CallFault>> {
  const decided = await decide(call, db)
  if (!decided.ok) return decided
  const { call: next, tellings } = decided.value
  await saveCall(db, call, next)
  await tell(db, call.resourceId, { tellings, atMs: world.platform.now() })
  return ok(next)
}

/** Lets the engine know who is out. What it misses, it is told when all is compared. */
export async function followStep({ engines }: CallWorld, call: Call): Promise<void> {
  const { resourceId, callId, legs } = call
  const engine = engines.of(call)
  const over = legs.filter(({ end }) => end !== undefined)
  await Promise.all(over.map(({ legId }) => engine.remove({ resourceId, callId, legId })))
  if (call.end !== undefined) await engine.close({ resourceId, callId })
}

/** Most legs of a call of some media. */
export function legsMaxOf(
  { engines }: CallWorld,
  call: { readonly engine: string; readonly media: CallMedia },
): number {
  return engines.of(call).legsMax(call.media)
}

/** Tells a device of its place in a call, after the engine has let it in. */
export async function seat(
  world: CallWorld,
  call: Call,
  party: Party & { readonly expiresAtMs: number },
): Promise<Result<JoinedCall, CallFault>> {
  const own = legOf(call, party.deviceId)
  if (own === undefined) return refuse('LegNotFound')
  const { resourceId, callId, media, roomId } = call
  const { legId, role, isMuted, deviceId } = own
  const { identityId, expiresAtMs } = party
  const leg = { resourceId, callId, legId }
  const identity = printIdentityName({ resourceId, identityId })
  const engine = world.engines.of(call)
  // A call that has moved from another engine leaves nothing there.
  const others = world.engines.all.filter((other) => other !== engine)
  await Promise.all(others.map((other) => other.release(leg)))
  const opened = await engine.open({ resourceId, callId, media })
  const admit = () => engine.admit({ ...leg, identity, deviceId }, permissionsFor(role))
  const way = opened.ok ? await admit() : opened
  if (!way.ok) {
    world.log.warn({ ...leg, fault: way.fault }, 'the engine of calls did not let a leg in')
    return refuse('EngineFailed')
  }
  const ice = await world.iceFor({ ...leg, identityId, expiresAtMs })
  return ok({
    ...{ callId, legId, media, role, isMuted, engine: call.engine, way: way.value, ...ice },
    ...(roomId === undefined ? {} : { roomId }),
    peers: peersOf(call, own),
  })
}

function peersOf(call: Call, own: Leg): readonly CallPeer[] {
  const others = presentLegs(call).filter((leg) => leg !== own)
  return others.map((leg) => peerOf(call.resourceId, leg))
}

/** When a call that rings from now on stops to. */
export function ringUntilMs({ platform }: CallWorld): number {
  return platform.now() + serverLimits.callRingMs
}
