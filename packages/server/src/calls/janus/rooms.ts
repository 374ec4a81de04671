/**
 * The rooms of a Janus: one for each call, of the plugin that mixes sound (`audiobridge`) or of the
 * one that passes video on (`videoroom`). Both understand the same orders, under other codes.
 *
 * Nobody comes in without the token of its leg, and no room is made or changed without a secret: so
 * that somebody who reaches Janus in spite of everything is no further for it.
 */
import { type CallMedia, fail, ok, type Result } from '@parley/protocol'
import { serverLimits } from '../../contract/limits.ts'
import type { EngineCall, EngineLeg } from '../media-engine.ts'
import type { JanusConnection, JanusHandle, JanusReply } from './connection.ts'
import { parseRoom, roomFor, roomSecretFor, tokenFor } from './names.ts'
import type { JanusFault } from './socket.ts'

/** The plugin that holds the rooms of calls of some media. */
export type RoomPlugin = 'audiobridge' | 'videoroom'

/** Both of them. */
export const roomPlugins: readonly RoomPlugin[] = ['audiobridge', 'videoroom']

/** The plugin for the media of a call. */
export function pluginFor(media: CallMedia): RoomPlugin {
  return media === 'video' ? 'videoroom' : 'audiobridge'
}

/** Codes with which plugins refuse what can be mended. */
export const roomCodes = {
  exists: { audiobridge: 486, videoroom: 427 },
  noSuchRoom: { audiobridge: 485, videoroom: 426 },
  idInUse: { audiobridge: 490, videoroom: 436 },
} as const

/** Whether something was refused with a code. */
export function isRefusedWith(
  result: Result<unknown, JanusFault>,
  codes: Readonly<Record<RoomPlugin, number>>,
  plugin: RoomPlugin,
): boolean {
  return !result.ok && result.fault.kind === 'refused' && result.fault.code === codes[plugin]
}

type Ordered = Promise<Result<JanusReply, JanusFault>>

/** A room that a Janus has. */
export interface HeldRoom {
  readonly plugin: RoomPlugin
  readonly call: EngineCall
  readonly participantsCount: number
}

/** The rooms of one Janus. */
export interface JanusRooms {
  /** Makes the room of a call, if there is none. */
  readonly ensure: (plugin: RoomPlugin, call: EngineCall) => Promise<Result<undefined, JanusFault>>
  readonly allow: (plugin: RoomPlugin, leg: EngineLeg) => Ordered
  readonly forbid: (plugin: RoomPlugin, leg: EngineLeg) => Ordered
  /** Sends a leg out; its handle stays, and is to be detached as well. */
  readonly kick: (plugin: RoomPlugin, leg: EngineLeg) => Ordered
  /** Keeps what a leg sends from the others, or lets it pass again. */
  readonly moderate: (
    plugin: RoomPlugin,
    leg: EngineLeg,
    asked: { readonly isSilent: boolean; readonly mids: readonly string[] },
  ) => Promise<Result<undefined, JanusFault>>
  /** Whether there is a room for a call. */
  readonly has: (plugin: RoomPlugin, call: EngineCall) => Promise<boolean>
  readonly destroy: (plugin: RoomPlugin, call: EngineCall) => Ordered
  /** Lists our rooms. */
  readonly list: () => Promise<readonly HeldRoom[]>
  /** The ids of those in a room. */
  readonly participants: (plugin: RoomPlugin, call: EngineCall) => Promise<readonly string[]>
}

/** What is wanted of who makes rooms, and of who changes one. */
export interface RoomSecrets {
  readonly apiSecret: string
  readonly adminKey: string
}

/** Gives orders to the rooms of a Janus, by a handle at each plugin. */
export function createRooms(connection: JanusConnection, secrets: RoomSecrets): JanusRooms {
  const { apiSecret, adminKey } = secrets
  const order = createOrders(connection)
  const to = (plugin: RoomPlugin, call: EngineCall, body: object) =>
    order(plugin, { room: roomFor(call), secret: roomSecretFor(apiSecret, call), ...body })
  const changeList = (action: 'add' | 'remove') => (plugin: RoomPlugin, leg: EngineLeg) =>
    to(plugin, leg, { request: 'allowed', action, allowed: [tokenFor(apiSecret, leg)] })
  return {
    async ensure(plugin, call) {
      const made = await to(plugin, call, { ...shapes[plugin], admin_key: adminKey })
      const isThere = made.ok || isRefusedWith(made, roomCodes.exists, plugin)
      return isThere ? ok(undefined) : made
    },
    allow: changeList('add'),
    forbid: changeList('remove'),
    kick: (plugin, leg) => to(plugin, leg, { request: 'kick', id: leg.legId }),
    async moderate(plugin, leg, { isSilent, mids }) {
      const { legId: id } = leg
      const orders =
        plugin === 'audiobridge'
          ? [{ request: isSilent ? 'mute' : 'unmute', id }]
          : mids.map((mid) => ({ request: 'moderate', id, mid, mute: isSilent }))
      const done = await Promise.all(orders.map((body) => to(plugin, leg, body)))
      return (
        (done.find((one) => !one.ok) as Result<undefined, JanusFault> | undefined) ?? ok(undefined)
      )
    },
    async has(plugin, call) {
      const asked = await to(plugin, call, { request: 'exists' })
      return asked.ok && asked.value.data['exists'] === true
    },
    destroy: (plugin, call) => to(plugin, call, { request: 'destroy' }),
    async list() {
      const lists = roomPlugins.map(async (plugin) => {
        const listed = await order(plugin, { request: 'list', admin_key: adminKey })
        return listed.ok ? parseRooms(plugin, listed.value) : []
      })
      return (await Promise.all(lists)).flat()
    },
    async participants(plugin, call) {
      const listed = await to(plugin, call, { request: 'listparticipants' })
      const { participants } = listed.ok ? listed.value.data : {}
      if (!Array.isArray(participants)) return []
      return participants.map(({ id }: { readonly id?: unknown }) => String(id))
    },
  }
}

/** What is asked for when a room is made. Nothing is recorded; nobody else finds it in a list. */
const shapes = {
  audiobridge: {
    ...{ request: 'create', is_private: true, record: false, allowed: [] },
    ...{ sampling_rate: 48_000, default_prebuffering: 3 },
  },
  videoroom: {
    ...{ request: 'create', is_private: true, record: false, allowed: [] },
    ...{ publishers: serverLimits.janusLegsMax, audiocodec: 'opus', videocodec: 'vp8,h264' },
    ...{ opus_fec: true, transport_wide_cc_ext: true, bitrate: 1_500_000 },
  },
} as const

/** Orders over one handle for each plugin, which is made when it is first needed. */
function createOrders(connection: JanusConnection): (plugin: RoomPlugin, body: object) => Ordered {
  const handles = new Map<RoomPlugin, Promise<Result<JanusHandle, JanusFault>>>()
  const attach = (plugin: RoomPlugin) => {
    const forget = () => void handles.delete(plugin)
    const attached = connection.attach(plugin, 'rooms', ({ kind }) => {
      if (kind === 'gone') forget()
    })
    handles.set(plugin, attached)
    void attached.then((result) => result.ok || forget())
    return attached
  }
  return async (plugin, body) => {
    if (!connection.isUp()) return fail({ kind: 'unreachable', detail: 'not connected' })
    const handle = await (handles.get(plugin) ?? attach(plugin))
    return handle.ok ? handle.value.ask(body) : handle
  }
}

function parseRooms(plugin: RoomPlugin, { data }: JanusReply): readonly HeldRoom[] {
  const { list } = data
  if (!Array.isArray(list)) return []
  return list.flatMap((row: { readonly room?: unknown; readonly num_participants?: unknown }) => {
    const call = parseRoom(row.room)
    const participantsCount = Number(row.num_participants ?? 0)
    return call === undefined ? [] : [{ plugin, call, participantsCount }]
  })
}
