/**
 * The engines that this node has, and which of them carries a call.
 *
 * An engine is chosen once, when the call is created, and named in its row, so that every node asks
 * the same one. Mesh is always there. An engine that is configured joins the list by one line in
 * `openEngines`; which calls it gets is decided in `chooseEngine`.
 */
import { type CallMedia, fail } from '@parley/protocol'
import type { Log } from '../foundation/log.ts'
import type { Platform } from '../foundation/platform.ts'
import type { Settings } from '../foundation/settings.ts'
import { openJanus } from './janus/engine.ts'
import { openLivekit } from './livekit/livekit.ts'
import type { EngineFault, MediaEngine } from './media-engine.ts'
import { createMesh } from './mesh.ts'

/** The engines of a node. */
export interface Engines {
  /** Names the engine of a new call. */
  readonly choose: (asked: AskedEngine) => MediaEngine
  /** The engine of a call. One that this node does not have refuses everything. */
  readonly of: (call: { readonly engine: string }) => MediaEngine
  /** Another one that could carry a call whose engine has failed; `undefined`: none. */
  readonly instead: (
    call: { readonly engine: string; readonly media: CallMedia },
    legsCount: number,
  ) => MediaEngine | undefined
  readonly all: readonly MediaEngine[]
  /** Ends what they hold. */
  readonly stop: () => Promise<void>
}

/** What is known of a call when it is created. */
export interface AskedEngine {
  /** Whether more than two may be in it: a room, a joinable call, several callees. */
  readonly isGroup: boolean
  /** Whether a phone is called. */
  readonly isToPhone: boolean
}

/** What engines need. */
export interface EnginesWorld {
  readonly settings: Pick<Settings, 'janus' | 'livekit' | 'callsOfTwo'>
  readonly log: Log
  readonly platform: Pick<Platform, 'newGuid' | 'now'>
}

/** Creates the engines that settings name; mesh is the last. */
export function openEngines(world: EnginesWorld, others: readonly MediaEngine[] = []): Engines {
  const { janus, livekit, callsOfTwo } = world.settings
  const engines: MediaEngine[] = []
  if (janus !== undefined) engines.push(openJanus(world, janus))
  if (livekit !== undefined) engines.push(openLivekit(world, livekit))
  return gatherEngines([...engines, createMesh(), ...others], callsOfTwo)
}

/** Puts engines together. */
export function gatherEngines(
  all: readonly MediaEngine[],
  callsOfTwo: Settings['callsOfTwo'] = 'direct',
): Engines {
  return {
    all,
    choose: (asked) => chooseEngine(all, { ...asked, callsOfTwo }),
    of: ({ engine: name }) => all.find((engine) => engine.name === name) ?? absentEngine(name),
    instead: ({ engine: former, media }, legsCount) =>
      all.find(({ name, legsMax }) => name !== former && legsMax(media) >= legsCount),
    async stop() {
      await Promise.all(all.map((engine) => engine.stop()))
    },
  }
}

/**
 * Chooses the engine of a new call: two talk to each other without a server between them, which is
 * the shortest way and sealed from end to end; a group takes the engine with the most room; a phone
 * the one with a line.
 */
function chooseEngine(
  all: readonly MediaEngine[],
  asked: AskedEngine & Pick<Settings, 'callsOfTwo'>,
): MediaEngine {
  const { isToPhone } = asked
  const isGroup = asked.isGroup || asked.callsOfTwo === 'server'
  const byRoom = all.toSorted((one, other) => other.legsMax('video') - one.legsMax('video'))
  const fitting = isToPhone ? byRoom.filter(({ hasPhones }) => hasPhones) : byRoom
  const pair = all.find(({ name }) => name === 'mesh')
  const chosen = isGroup || isToPhone ? fitting[0] : (pair ?? fitting[0])
  return chosen ?? absentEngine('none')
}

/** What stands for an engine that another node has and this one has not. */
function absentEngine(name: string): MediaEngine {
  const refuse = async () => {
    const detail = `this node has no engine "${name}"`
    return fail<EngineFault>({ kind: 'unreachable', detail })
  }
  const nothing = async () => undefined
  return {
    name,
    hasPhones: false,
    legsMax: () => 0,
    ...{ open: refuse, admit: refuse, signal: refuse, setPermissions: refuse, dial: refuse },
    ...{ remove: nothing, release: nothing, close: nothing, stop: nothing },
    reconcile: async () => [],
    follow: () => undefined,
  }
}
