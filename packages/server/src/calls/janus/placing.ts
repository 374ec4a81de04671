/**
 * Which of several Januses carries a call.
 *
 * Every node asks them which one has the room of the call; where none has, all nodes choose the
 * same one of those that they reach, by a hash of both names. So nothing is stored of it, a Janus
 * that has died is passed over, and one that is back gets calls that begin from then on. Should
 * nodes differ in which ones they reach, a call may for a time be at two; `sweep.ts` mends that.
 */
import { createHash } from 'node:crypto'
import type { EngineCall } from '../media-engine.ts'
import { roomFor } from './names.ts'
import type { RoomPlugin } from './rooms.ts'
import type { JanusServer } from './server.ts'

/** Time for which a call waits for a Janus when none is reached, in milliseconds. */
const waitMs = 3000

/** Finds the Janus of a call, or chooses one; `undefined` when none is reached. */
export async function placeCall(
  servers: readonly JanusServer[],
  plugin: RoomPlugin,
  call: EngineCall,
): Promise<JanusServer | undefined> {
  const reached = await reachedOf(servers)
  const inOrder = byPreference(reached, call)
  if (inOrder.length < 2) return inOrder[0]
  const answers = await Promise.all(inOrder.map(({ rooms }) => rooms.has(plugin, call)))
  return inOrder[Math.max(0, answers.indexOf(true))]
}

async function reachedOf(servers: readonly JanusServer[]): Promise<readonly JanusServer[]> {
  const up = () => servers.filter(({ connection }) => connection.isUp())
  if (up().length > 0) return up()
  await Promise.race(servers.map(({ connection }) => connection.whenUp(waitMs)))
  return up()
}

/**
 * Orders Januses for a call, the best first: each by a hash of its name and the call's, so that one
 * that goes changes nothing for the calls of the others.
 */
export function byPreference<Server extends Pick<JanusServer, 'url'>>(
  servers: readonly Server[],
  call: EngineCall,
): readonly Server[] {
  const weightOf = ({ url }: Server) =>
    createHash('sha256')
      .update(`${url} ${roomFor(call)}`)
      .digest('hex')
  return servers
    .map((server) => ({ server, weight: weightOf(server) }))
    .sort((one, other) => (one.weight < other.weight ? -1 : 1))
    .map(({ server }) => server)
}
