/**
 * What a Janus has that this node has not put there: legs of other nodes, which live or are left
 * over, whoever came in past us, and rooms that nobody is in any more.
 */
import type { EngineCall, EngineLeg } from '../media-engine.ts'
import type { ForeignHandle } from './administration.ts'
import { legIn, parseOpaqueId, roomFor } from './names.ts'
import { byPreference } from './placing.ts'
import type { HeldRoom } from './rooms.ts'
import type { JanusServer } from './server.ts'

/** A leg that somebody else has brought in, and the handles that carry it as far as is known. */
export interface ForeignLeg {
  readonly leg: EngineLeg
  readonly server: JanusServer
  readonly handles: readonly ForeignHandle[]
}

/** What was seen at a Janus. */
export interface Seen {
  readonly server: JanusServer
  readonly legs: readonly ForeignLeg[]
  readonly rooms: readonly HeldRoom[]
}

/** Looks at a Janus; what is carried by this node's own session is not looked at. */
export async function lookAt(server: JanusServer): Promise<Seen> {
  if (!server.connection.isUp()) return { server, legs: [], rooms: [] }
  const [rooms, handles] = await Promise.all([
    server.rooms.list(),
    server.administration?.listHandles(server.connection.sessionId()),
  ])
  if (handles === undefined) return { server, legs: await participantsOf(server, rooms), rooms }
  const byLeg = new Map<string, { leg: EngineLeg; handles: ForeignHandle[] }>()
  for (const handle of handles) {
    const { room, id } = handle.specific
    const leg = parseOpaqueId(handle.opaqueId) ?? legIn(room, id)
    if (leg === undefined) continue
    const known = byLeg.get(leg.legId)
    if (known === undefined) byLeg.set(leg.legId, { leg, handles: [handle] })
    else known.handles.push(handle)
  }
  return { server, rooms, legs: [...byLeg.values()].map((one) => ({ ...one, server })) }
}

/** Without administration only those are seen who are in a room. */
async function participantsOf(
  server: JanusServer,
  rooms: readonly HeldRoom[],
): Promise<readonly ForeignLeg[]> {
  const full = rooms.filter(({ participantsCount }) => participantsCount > 0)
  const found = full.map(async ({ plugin, call }) => {
    const ids = await server.rooms.participants(plugin, call)
    return ids.flatMap((id) => legIn(roomFor(call), id) ?? [])
  })
  return (await Promise.all(found)).flat().map((leg) => ({ leg, server, handles: [] }))
}

/**
 * The calls at a Janus which a better one has as well: the nodes did not reach the same ones when
 * they chose.
 */
export function misplacedIn(
  all: readonly Seen[],
  { server, call }: { readonly server: JanusServer; readonly call: EngineCall },
): boolean {
  const room = roomFor(call)
  const having = all.filter(({ rooms }) =>
    rooms.some((one) => roomFor(one.call) === room && one.participantsCount > 0),
  )
  const [best] = byPreference(
    having.map((seen) => seen.server),
    call,
  )
  return best !== undefined && best !== server
}
