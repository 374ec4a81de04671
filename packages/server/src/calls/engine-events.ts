/**
 * What engines tell of their own, and what becomes of it: a leg is connected or ends, a client is
 * told to come again, what a media server says goes to the client that it is for.
 *
 * Events of one call are worked on one after the other, in the order in which they were told: an
 * answer comes before the candidates that belong to it.
 */
import { ok } from '@parley/protocol'
import { findCall } from './call-store.ts'
import { endLegsOf } from './going.ts'
import { endAll, endLegs } from './legs.ts'
import type { EngineCall, EngineEvent, EngineLeg, MediaEngine } from './media-engine.ts'
import { type Call, liveLegs, refuse, type Step, type Telling } from './model.ts'
import { connect } from './phone-legs.ts'
import { type CallWorld, change } from './steps.ts'

/** Listens to the engines of a node from now on. @returns waits for what was told so far. */
export function followEngines(world: CallWorld): () => Promise<void> {
  const queues = new Map<string, Promise<void>>()
  for (const engine of world.engines.all) {
    engine.follow((event) => {
      const { callId } = event.kind === 'failed' ? event.call : event.leg
      const work = (queues.get(callId) ?? Promise.resolve())
        .then(() => take(world, engine, event))
        .catch((error: unknown) => {
          // What was missed here is found when all is compared.
          world.log.error({ err: error, kind: event.kind }, 'an event of an engine was not taken')
        })
        .finally(() => {
          if (queues.get(callId) === work) queues.delete(callId)
        })
      queues.set(callId, work)
    })
  }
  return async () => {
    while (queues.size > 0) await Promise.all(queues.values())
  }
}

async function take(world: CallWorld, engine: MediaEngine, event: EngineEvent): Promise<void> {
  const atMs = world.platform.now()
  switch (event.kind) {
    case 'connected': {
      const { legId } = event.leg
      await change(world, event.leg, (call) => {
        const step = connect(call, { legId, atMs })
        return step === undefined ? refuse('LegNotFound') : ok(step)
      })
      return
    }
    case 'disconnected': {
      const isMeant = ({ legId }: { readonly legId: string }) => legId === event.leg.legId
      await endLegsOf(world, event.leg, { isMeant, reason: 'disconnected', atMs })
      return
    }
    case 'media-lost':
      return tellLeg(world, event.leg, ({ callId }) => ({ type: 'call.rejoin', callId }))
    case 'signal': {
      const { signal } = event
      return tellLeg(world, event.leg, ({ callId }) => {
        return { type: 'signal', callId, from: 'engine', ...signal }
      })
    }
    case 'failed':
      return failOver(world, engine, event.call)
  }
}

/** Tells the client of a leg, where the leg lives. */
async function tellLeg(
  world: CallWorld,
  leg: EngineLeg,
  eventFor: (leg: EngineLeg) => Telling['event'],
): Promise<void> {
  await change(world, leg, (call) => {
    const own = liveLegs(call).find(({ legId }) => legId === leg.legId)
    if (own === undefined) return refuse('LegNotFound')
    const telling = { devices: [own.deviceId], about: own.identityId, event: eventFor(leg) }
    return ok({ call, tellings: [telling] })
  })
}

/**
 * Opens a call again whose media are gone: where its engine can, there; otherwise by another engine
 * with room for all. Its clients join again; where none can carry it, the call has failed.
 */
async function failOver(world: CallWorld, failed: MediaEngine, named: EngineCall): Promise<void> {
  const { engines, db, log, platform } = world
  const found = await findCall(db, named.resourceId, named.callId)
  // By the time that this is done, another node may have seen the same and opened it elsewhere.
  if (found === undefined || found.end !== undefined || found.engine !== failed.name) return
  const candidates = [failed, engines.instead(found, liveLegs(found).length)]
  let opened: MediaEngine | undefined
  for (const engine of candidates) {
    const isOpen = engine !== undefined && (await engine.open(found)).ok
    if (isOpen) {
      opened = engine
      break
    }
  }
  log.warn({ ...named, from: failed.name, to: opened?.name }, 'the media of a call were lost')
  const name = opened?.name
  const atMs = platform.now()
  await change(world, named, (call) => {
    if (call.engine !== failed.name) return refuse('Unavailable')
    if (name === undefined)
      return ok(endAll(call, { atMs, reason: 'failed', ringReason: 'caller' }))
    return ok(moved(call, { engine: name, atMs }))
  })
}

/**
 * Has another engine carry a call; all who are in it are told to join again. The lines of phones
 * were the former engine's, and are gone with it.
 */
export function moved(
  call: Call,
  { engine, atMs }: { readonly engine: string; readonly atMs: number },
): Step {
  const isMeant = ({ phone }: { readonly phone?: string | undefined }) => phone !== undefined
  const step = endLegs(call, { isMeant, reason: 'failed', atMs }) ?? { call, tellings: [] }
  if (step.call.end !== undefined) return step
  return { call: { ...step.call, engine }, tellings: [...step.tellings, rejoin(step.call)] }
}

function rejoin(call: Call): Telling {
  const devices = liveLegs(call).map(({ deviceId }) => deviceId)
  const event = { type: 'call.rejoin', callId: call.callId } as const
  return { devices, about: undefined, event }
}
