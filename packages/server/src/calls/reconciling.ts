/**
 * Compares what engines have with what is stored, at the start and every ten seconds: an engine
 * loses a leg and does not say so; a removal fails on its way. Each node compares its own engines
 * with the legs of its own clients.
 */
import { serverLimits } from '../contract/limits.ts'
import type { Log } from '../foundation/log.ts'
import type { WatchedNumber } from '../foundation/metrics.ts'
import { endLegsOf } from './going.ts'
import type { CallHub } from './hub.ts'
import type { MediaEngine } from './media-engine.ts'
import type { CallWorld } from './steps.ts'
import { findLegEnds, type LegName, touchPhoneLegs } from './sweep-store.ts'

/** What comparing needs. */
export interface ComparedWorld extends CallWorld {
  readonly hub: Pick<CallHub, 'sessions'>
  readonly log: Log
}

/** Comparing, and how often it found a leg alive that was to be dead. */
export interface Reconciling {
  readonly run: (world: ComparedWorld) => Promise<void>
  readonly numbers: readonly WatchedNumber[]
}

/** Creates the comparison of a node. */
export function createReconciling(): Reconciling {
  const strays = new Map<string, number>()
  return {
    async run(world) {
      for (const engine of world.engines.all) {
        const count = await compare(world, engine)
        strays.set(engine.name, (strays.get(engine.name) ?? 0) + count)
      }
    },
    numbers: [
      {
        name: 'parley_call_stray_legs_total',
        help: 'Legs that an engine still carried well after their end, and that were cut out then.',
        type: 'counter',
        read: () => [...strays].map(([engine, value]) => ({ labels: { engine }, value })),
      },
    ],
  }
}

/** @returns how many legs were alive that were to be dead. */
async function compare(world: ComparedWorld, engine: MediaEngine): Promise<number> {
  const { db, log, platform } = world
  // Whose place is being taken at this moment may be let in by the engine a moment later, so those
  // count that were there before, and still are.
  const before = ownLegs(world, engine)
  const carried = await engine.reconcile()
  if (engine.hasPhones) await touchPhoneLegs(db, carried)
  const ends = await findLegEnds(db, carried)
  const over = carried.filter(({ legId }) => !ends.has(legId) || ends.get(legId) !== undefined)
  const lateMs = platform.now() - serverLimits.callStrayAfterMs
  const strays = over.filter(({ legId }) => (ends.get(legId) ?? 0) <= lateMs)
  if (strays.length > 0) {
    const legs = strays.map(({ callId, legId }) => ({ callId, legId }))
    log.warn({ engine: engine.name, legs }, 'an engine of calls carried legs that had ended')
  }
  await Promise.all(over.map((leg) => engine.remove(leg)))
  const known = new Set(carried.map(({ legId }) => legId))
  const present = new Set(ownLegs(world, engine).map(({ legId }) => legId))
  const lost = before.filter(({ legId }) => present.has(legId) && !known.has(legId))
  for (const leg of lost) await loseLeg(world, leg)
  return strays.length
}

function ownLegs({ hub }: ComparedWorld, { name }: MediaEngine): readonly LegName[] {
  return hub.sessions().flatMap(({ admitted, legs, requestCount }) => {
    if (requestCount > 0) return []
    const own = [...legs].filter(([, { engine }]) => engine === name)
    const { resourceId } = admitted
    return own.map(([callId, { legId }]) => ({ resourceId, callId, legId }))
  })
}

async function loseLeg(world: ComparedWorld, { resourceId, callId, legId }: LegName) {
  const isMeant = (leg: { readonly legId: string }) => leg.legId === legId
  const ending = { isMeant, reason: 'lost' as const, atMs: world.platform.now() }
  await endLegsOf(world, { resourceId, callId }, ending)
}
