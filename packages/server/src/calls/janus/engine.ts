/**
 * The engine for groups: one or several Januses, which clients never talk to themselves. Each sends
 * its media once, whoever else is in the call.
 *
 * Sound alone is mixed (`audiobridge`), so that a client receives one stream as well; in a call
 * with video everybody's streams are passed on (`videoroom`). A leg is carried by the session of
 * the node at which its client is: with the node, or its way to Janus, the leg's media end, and its
 * client begins anew wherever it comes back.
 *
 * To cut a leg out takes three acts: its token is taken off the list of the room, so that it cannot
 * come back; it is kicked, so that the others do not hear it; and its handles are detached. That
 * is not to be left out: to one that is only kicked out of a mix, Janus goes on sending the mix.
 */
import { type CallMedia, fail, ok, type Result } from '@parley/protocol'
import { serverLimits } from '../../contract/limits.ts'
import type { JanusPlace } from '../../foundation/janus-settings.ts'
import type { Log } from '../../foundation/log.ts'
import type { Platform } from '../../foundation/platform.ts'
import type {
  EngineCall,
  EngineEvent,
  EngineFault,
  EngineLeg,
  MediaEngine,
} from '../media-engine.ts'
import { createJanusLeg, type JanusLeg } from './leg.ts'
import { roomFor } from './names.ts'
import { placeCall } from './placing.ts'
import { pluginFor, type RoomPlugin, roomPlugins } from './rooms.ts'
import { type JanusServer, openJanusServer } from './server.ts'
import { type ForeignLeg, lookAt, misplacedIn, type Seen } from './sweep.ts'

/** What the engine needs. */
export interface JanusEngineWorld {
  /** At least one. */
  readonly servers: readonly JanusServer[]
  readonly newGuid: () => string
  readonly log: Pick<Log, 'warn'>
}

interface JanusCall {
  readonly call: EngineCall
  readonly media: CallMedia
  readonly plugin: RoomPlugin
  readonly server: JanusServer
  readonly legs: Map<string, JanusLeg>
}

interface Life extends JanusEngineWorld {
  readonly calls: Map<string, JanusCall>
  readonly listeners: ((event: EngineEvent) => void)[]
  /** Legs of others, as they were last seen. */
  foreign: ReadonlyMap<string, ForeignLeg>
  /** Rooms that were empty when they were last seen. */
  empty: ReadonlySet<string>
}

/** Creates the engine of a node at the Januses that settings name. */
export function openJanus(
  { log, platform }: { readonly log: Log; readonly platform: Pick<Platform, 'newGuid'> },
  { servers: addresses, ...secrets }: JanusPlace,
): MediaEngine {
  const servers = addresses.map((address) => openJanusServer(address, secrets, log))
  return createJanus({ servers, newGuid: platform.newGuid, log })
}

/** Creates the engine of a node. */
export function createJanus(world: JanusEngineWorld): MediaEngine {
  const life: Life = {
    ...world,
    ...{ calls: new Map(), listeners: [], foreign: new Map(), empty: new Set() },
  }
  for (const server of world.servers) {
    server.connection.follow((isUp) => isUp || failCallsAt(life, server))
  }
  return {
    name: 'janus',
    hasPhones: false,
    legsMax: () => serverLimits.janusLegsMax,
    open: (call) => open(life, call),
    async admit(leg, permissions) {
      return admit(life, leg, permissions)
    },
    async signal({ resourceId, callId, legId }, signal) {
      const name = { resourceId, callId, legId }
      const taken = (await legOf(life, name)?.signal(signal)) ?? refused('leg')
      if (!taken.ok) life.log.warn({ ...name, fault: taken.fault }, 'a client was not understood')
      return taken
    },
    setPermissions: async (leg, permissions) =>
      legOf(life, leg)?.setPermissions(permissions) ?? refused('leg'),
    dial: async () => fail({ kind: 'unable', detail: 'no line to phones is configured' }),
    remove: (leg) => remove(life, leg),
    release: (leg) => release(life, leg),
    close: (call) => close(life, call),
    reconcile: () => reconcile(life),
    follow: (listener) => void life.listeners.push(listener),
    async stop() {
      life.listeners.length = 0
      await Promise.all(life.servers.map((server) => server.close()))
    },
  }
}

function refused(detail: string): Result<never, EngineFault> {
  return fail({ kind: 'refused', detail })
}

function tell(life: Life, event: EngineEvent): void {
  for (const listener of life.listeners) listener(event)
}

function legOf({ calls }: Life, leg: EngineLeg): JanusLeg | undefined {
  return calls.get(roomFor(leg))?.legs.get(leg.legId)
}

async function open(
  life: Life,
  { resourceId, callId, media }: EngineCall & { readonly media: CallMedia },
): Promise<Result<undefined, EngineFault>> {
  const call = { resourceId, callId }
  const room = roomFor(call)
  if (life.calls.get(room)?.server.connection.isUp() === true) return ok(undefined)
  const plugin = pluginFor(media)
  const server = await placeCall(life.servers, plugin, call)
  if (server === undefined) return fail({ kind: 'unreachable', detail: 'no Janus is reached' })
  const made = await server.rooms.ensure(plugin, call)
  if (!made.ok) return fail({ kind: made.fault.kind, detail: made.fault.detail })
  const known = life.calls.get(room)
  // Two may have opened it at once, at the same place; what is at another place is lost already.
  if (known?.server === server) return ok(undefined)
  const legs = known?.legs ?? new Map<string, JanusLeg>()
  life.calls.set(room, { call, media, plugin, server, legs })
  return ok(undefined)
}

function admit(
  life: Life,
  { resourceId, callId, legId }: EngineLeg,
  permissions: Parameters<MediaEngine['admit']>[1],
): Awaited<ReturnType<MediaEngine['admit']>> {
  const found = life.calls.get(roomFor({ resourceId, callId }))
  if (found === undefined) return refused('call')
  const { legs, server, plugin, media } = found
  const known = legs.get(legId)
  if (known === undefined && legs.size >= serverLimits.janusLegsMax) return refused('full')
  if (known !== undefined && !known.isLost() && known.server === server) {
    return ok({ mode: 'sdp', session: known.session })
  }
  void known?.detach()
  const name = { resourceId, callId, legId }
  const leg = createJanusLeg({
    ...{ name, media, plugin, server, permissions, session: life.newGuid() },
    connected: () => tell(life, { kind: 'connected', leg: name }),
    lost() {
      // What is lost with Janus itself is told once for the whole call.
      if (server.connection.isUp()) tell(life, { kind: 'media-lost', leg: name })
    },
    tell: (signal) => tell(life, { kind: 'signal', leg: name, signal }),
  })
  legs.set(legId, leg)
  return ok({ mode: 'sdp', session: leg.session })
}

function failCallsAt(life: Life, server: JanusServer): void {
  for (const found of [...life.calls.values()]) if (found.server === server) failCall(life, found)
}

function failCall(life: Life, { call, legs }: JanusCall): void {
  for (const leg of legs.values()) void leg.detach()
  if (legs.size > 0) tell(life, { kind: 'failed', call })
}

/** Takes a leg off what this node holds, and forgets a call of which it holds nothing else. */
function forget(life: Life, leg: EngineLeg): { held?: JanusLeg; of?: JanusCall } {
  const room = roomFor(leg)
  const of = life.calls.get(room)
  const held = of?.legs.get(leg.legId)
  of?.legs.delete(leg.legId)
  if (of?.legs.size === 0 && held !== undefined) life.calls.delete(room)
  return { ...(held === undefined ? {} : { held }), ...(of === undefined ? {} : { of }) }
}

async function remove(life: Life, leg: EngineLeg): Promise<void> {
  const { resourceId, callId, legId } = leg
  const name = { resourceId, callId, legId }
  const { held, of } = forget(life, name)
  const foreign = life.foreign.get(legId)
  const places = placesOf(life, of)
  await Promise.all([
    ...places.flatMap(({ server, plugin }) => [
      server.rooms.forbid(plugin, name),
      server.rooms.kick(plugin, name),
    ]),
    held?.detach(),
    ...(foreign?.handles ?? []).map((handle) => foreign?.server.administration?.detach(handle)),
  ])
}

/** Where a call may be: where it is known to be, or anywhere. */
function placesOf(
  { servers }: Life,
  of: JanusCall | undefined,
): readonly { readonly server: JanusServer; readonly plugin: RoomPlugin }[] {
  if (of !== undefined) return [of]
  return servers.flatMap((server) => roomPlugins.map((plugin) => ({ server, plugin })))
}

/** The leg goes on elsewhere under the same name, so nothing is done to that name. */
async function release(life: Life, leg: EngineLeg): Promise<void> {
  const { held } = forget(life, leg)
  await held?.detach()
}

async function close(life: Life, call: EngineCall): Promise<void> {
  const room = roomFor(call)
  const found = life.calls.get(room)
  life.calls.delete(room)
  await Promise.all([
    ...[...(found?.legs.values() ?? [])].map((leg) => leg.detach()),
    ...placesOf(life, found).map(({ server, plugin }) => server.rooms.destroy(plugin, call)),
  ])
}

async function reconcile(life: Life): Promise<readonly EngineLeg[]> {
  const seen = await Promise.all(life.servers.map(lookAt))
  const foreign = seen.flatMap(({ legs }) => legs)
  life.foreign = new Map(foreign.map((one) => [one.leg.legId, one]))
  for (const found of life.calls.values()) {
    if (!misplacedIn(seen, found)) continue
    life.log.warn({ ...found.call, url: found.server.url }, 'a call was at two Januses')
    failCall(life, found)
    life.calls.delete(roomFor(found.call))
  }
  await destroyEmptyRooms(life, seen)
  const held = [...life.calls.values()].flatMap(({ legs }) => [...legs.values()])
  const names = new Map(held.map(({ name }) => [name.legId, name]))
  for (const { leg } of foreign) names.set(leg.legId, leg)
  return [...names.values()]
}

/** A room that is empty twice in a row is left over; whoever comes yet makes it anew. */
async function destroyEmptyRooms(life: Life, seen: readonly Seen[]): Promise<void> {
  const empty = seen.flatMap(({ server, rooms }) =>
    rooms
      .filter(({ call, participantsCount }) => {
        return participantsCount === 0 && !life.calls.has(roomFor(call))
      })
      .map((room) => ({ ...room, server, name: `${server.url} ${roomFor(room.call)}` })),
  )
  const left = empty.filter(({ name }) => life.empty.has(name))
  await Promise.all(left.map(({ server, plugin, call }) => server.rooms.destroy(plugin, call)))
  life.empty = new Set(empty.map(({ name }) => name))
}
