/** What clients of a call say to each other through the server. */
import {
  type CallErrorCode,
  type CallEvent,
  ok,
  type Result,
  type SignalPayload,
} from '@parley/protocol'
import type { Transaction } from '../database/connect.ts'
import { tell } from './frame-store.ts'
import type { AtCall } from './going.ts'
import { type CallFault, refuse } from './model.ts'
import type { CallWorld } from './steps.ts'

type Relayed = Promise<Result<undefined, CallFault>>

interface Ends {
  readonly ownLegId: string
  readonly engine: string
  readonly others: readonly { readonly legId: string; readonly deviceId: string }[]
}

interface EndRow {
  readonly leg_id: string
  readonly device_id: string
  readonly engine: string
}

/**
 * Passes an SDP or a candidate on to another leg of the call, or to the engine.
 *
 * @faults `LegNotFound` - one of the two is none of the call, or has ended.
 */
export async function relaySignal(
  world: CallWorld,
  at: AtCall & { readonly to: string | undefined; readonly signal: SignalPayload },
): Relayed {
  const { resourceId, callId, to, signal } = at
  if (to === undefined) {
    const own = (await world.db.begin((db) => endsOf(db, at))) as Ends | undefined
    if (own === undefined) return refuse('LegNotFound')
    const engine = world.engines.of(own)
    const taken = await engine.signal({ resourceId, callId, legId: own.ownLegId }, signal)
    return taken.ok ? taken : refuse('EngineFailed', taken.fault.kind)
  }
  return relay(world, at, (from) => ({ type: 'signal', callId, from, ...signal }))
}

/** Passes digits on to a leg, or to all; to a phone as tones on its line. */
export async function relayDigits(
  world: CallWorld,
  at: AtCall & { readonly to: string | undefined; readonly digits: string },
): Relayed {
  const { callId, digits } = at
  const relayed = await relay(world, at, (from) => ({ type: 'dtmf', callId, from, digits }))
  return relayed.ok ? sendDigits(world, at) : relayed
}

async function sendDigits(world: CallWorld, at: AtCall & { readonly digits: string }): Relayed {
  const own = (await world.db.begin((db) => endsOf(db, at))) as Ends | undefined
  const { resourceId, callId, digits } = at
  if (own === undefined) return refuse('LegNotFound')
  const { sendDigits: send } = world.engines.of(own)
  if (send === undefined) return ok(undefined)
  const sent = await send({ resourceId, callId, legId: own.ownLegId }, digits)
  return sent.ok ? sent : refuse('EngineFailed', sent.fault.kind)
}

async function relay(
  world: CallWorld,
  at: AtCall & { readonly to: string | undefined },
  eventFrom: (legId: string) => CallEvent,
): Relayed {
  const missing: CallErrorCode = 'LegNotFound'
  return (await world.db.begin(async (db) => {
    const ends = await endsOf(db, at)
    if (ends === undefined) return refuse(missing)
    const meant = ends.others.filter(({ legId }) => at.to === undefined || legId === at.to)
    if (at.to !== undefined && meant.length === 0) return refuse(missing)
    const devices = meant.map(({ deviceId }) => deviceId)
    const event = eventFrom(ends.ownLegId)
    const tellings = [{ devices, about: at.identityId, event }]
    await tell(db, at.resourceId, { tellings, atMs: world.platform.now() })
    return ok(undefined)
  })) as Result<undefined, CallFault>
}

/** Both ends, held: whoever ends one of them comes before or after. */
async function endsOf(db: Transaction, at: AtCall): Promise<Ends | undefined> {
  const rows = await db<EndRow[]>`
    select leg_id, device_id, engine
    from call_leg
    join call using (resource_id, call_id)
    where call_leg.resource_id = ${at.resourceId}
    and call_leg.call_id = ${at.callId}
    and call_leg.ended_at is null
    order by joined_at, leg_id
    for share of call_leg
  `
  const own = rows.find((row) => row.device_id === at.deviceId)
  if (own === undefined) return undefined
  const others = rows.filter((row) => row !== own)
  return {
    ownLegId: own.leg_id,
    engine: own.engine,
    others: others.map((row) => ({ legId: row.leg_id, deviceId: row.device_id })),
  }
}
