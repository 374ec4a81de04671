/** What engines of this node carry for a client, and when they stop. */
import type { Engines } from './engines.ts'
import type { EngineLeg, MediaEngine } from './media-engine.ts'
import type { CallSession } from './session.ts'

/** Cuts all legs of a client, in this turn. */
export async function removeLegs(engines: Engines, session: CallSession): Promise<void> {
  await forEachLeg(engines, session, (engine, leg) => engine.remove(leg))
}

/** Forgets the legs of a client that is at another node from now on. */
export async function releaseLegs(engines: Engines, session: CallSession): Promise<void> {
  await forEachLeg(engines, session, (engine, leg) => engine.release(leg))
}

async function forEachLeg(
  engines: Engines,
  { admitted, legs }: CallSession,
  act: (engine: MediaEngine, leg: EngineLeg) => Promise<void>,
): Promise<void> {
  const { resourceId } = admitted
  const acts = [...legs].map(([callId, { legId, engine }]) =>
    act(engines.of({ engine }), { resourceId, callId, legId }),
  )
  await Promise.all(acts)
}

const endPattern =
  /^\{"type":"call\.ended","callId":"([0-9a-f-]{36})"(?:,"legId":"([0-9a-f-]{36})")?/

/** Cuts the leg of a client that is told of its end, in this turn, whichever node has ended it. */
export async function removeEndedLeg(
  engines: Engines,
  { legs, admitted }: CallSession,
  body: string,
): Promise<void> {
  const [isMatch, callId = '', endedId] = endPattern.exec(body) ?? []
  const own = isMatch === undefined ? undefined : legs.get(callId)
  // It may have come in again since that leg ended.
  if (own === undefined || (endedId !== undefined && endedId !== own.legId)) return
  legs.delete(callId)
  const { legId } = own
  await engines.of(own).remove({ resourceId: admitted.resourceId, callId, legId })
}
