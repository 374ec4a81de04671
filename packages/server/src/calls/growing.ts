/** How a call that has become too large for its engine goes on by one with more room. */
import { ok } from '@parley/protocol'
import { findCall } from './call-store.ts'
import { moved } from './engine-events.ts'
import { liveLegs, refuse } from './model.ts'
import { type CallName, type CallWorld, change } from './steps.ts'

/**
 * Moves a full call to an engine that has room for one more; all who are in it join again there.
 *
 * @returns whether there is one now with more room than before.
 */
export async function grow(world: CallWorld, named: CallName): Promise<boolean> {
  const { engines, db, log, platform } = world
  const found = await findCall(db, named.resourceId, named.callId)
  if (found === undefined || found.end !== undefined) return false
  const larger = engines.instead(found, liveLegs(found).length + 1)
  // Opened before anybody is told: an engine that is away would end a call that goes well.
  if (larger === undefined || !(await larger.open(found)).ok) return false
  const { name } = larger
  const { resourceId, callId } = named
  log.info({ resourceId, callId, from: found.engine, to: name }, 'a call has outgrown its engine')
  const grown = await change(world, named, (call) => {
    // Another one that wanted to come in may have moved it already.
    if (call.engine === name) return ok({ call, tellings: [] })
    if (call.engine !== found.engine) return refuse('Unavailable')
    return ok(moved(call, { engine: name, atMs: platform.now() }))
  })
  return grown.ok
}
