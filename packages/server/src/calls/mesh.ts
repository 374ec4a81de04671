/**
 * The engine that needs nothing: each leg sends to each other one, and the server passes on what
 * they say to find each other.
 *
 * A leg sends its media once for each peer, which its line bounds: hence few legs. The server never
 * touches the media, so it cannot cut a connection between two clients which both go on in spite of
 * being told to stop; a client that was not changed closes at `participant.left`.
 */
import { type CallMedia, fail, ok, type Result } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import type { EngineCall, EngineFault, EngineLeg, MediaEngine } from './media-engine.ts'

/** Creates the engine of this process; it knows the legs that were admitted here. */
export function createMesh(): MediaEngine {
  const calls = new Map<string, MeshCall>()
  const unable = (detail: string): Result<never, EngineFault> => fail({ kind: 'unable', detail })
  const legIn = (leg: EngineLeg): Result<undefined, EngineFault> =>
    calls.get(nameOf(leg))?.legs.has(leg.legId) === true ? ok(undefined) : refused('leg')
  return {
    name: 'mesh',
    hasPhones: false,
    legsMax,
    async open({ resourceId, callId, media }) {
      const call = { resourceId, callId }
      const found = calls.get(nameOf(call)) ?? { call, media, legs: new Map(), isIdle: false }
      calls.set(nameOf(call), { ...found, isIdle: false })
      return ok(undefined)
    },
    async admit({ resourceId, callId, legId }) {
      const found = calls.get(nameOf({ resourceId, callId }))
      if (found === undefined) return refused('call')
      const isFull = found.legs.size >= legsMax(found.media)
      if (isFull && !found.legs.has(legId)) return refused('full')
      found.legs.set(legId, { resourceId, callId, legId })
      return ok({ mode: 'p2p' })
    },
    signal: async () => unable('clients of a mesh talk to each other'),
    setPermissions: async (leg) => legIn(leg),
    dial: async () => unable('a mesh has no line to phones'),
    remove: async (leg) => forget(calls, leg),
    release: async (leg) => forget(calls, leg),
    async close(call) {
      calls.delete(nameOf(call))
    },
    async reconcile() {
      dropIdle(calls)
      return [...calls.values()].flatMap(({ legs }) => [...legs.values()])
    },
    follow: () => undefined,
    stop: async () => undefined,
  }
}

interface MeshCall {
  readonly call: EngineCall
  readonly media: CallMedia
  readonly legs: Map<string, EngineLeg>
  /** Whether it was without legs at the last comparison. */
  readonly isIdle: boolean
}

type Calls = Map<string, MeshCall>

function forget(calls: Calls, leg: EngineLeg): void {
  calls.get(nameOf(leg))?.legs.delete(leg.legId)
}

/** A call whose legs are all at other nodes now is closed there and not here. */
function dropIdle(calls: Calls): void {
  for (const [name, call] of calls) {
    const isIdle = call.legs.size === 0
    if (isIdle && call.isIdle) calls.delete(name)
    else calls.set(name, { ...call, isIdle })
  }
}

function legsMax(media: CallMedia): number {
  return media === 'video' ? serverLimits.meshVideoLegsMax : serverLimits.meshAudioLegsMax
}

function nameOf({ resourceId, callId }: EngineCall): string {
  return `${resourceId}/${callId}`
}

function refused(detail: string): Result<never, EngineFault> {
  return fail({ kind: 'refused', detail })
}
