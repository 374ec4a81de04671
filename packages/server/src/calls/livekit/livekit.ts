/**
 * The engine for many: LiveKit carries the media, and its clients reach it themselves, with a token
 * that is signed here for half a minute and for one leg.
 *
 * What LiveKit knows of a leg begins when its client connects, which is later than `admit`. Between
 * the two a leg is expected: it is counted and listed by the node that let it in, as long as its
 * token could still be used. A leg that is removed while it is expected has a token that nobody can
 * take back, as LiveKit keeps no list of those who are not there; so it is barred: looked for each
 * half second until its token is over, and sent out if it came. Whoever crashes in between leaves
 * that to `reconcile`.
 *
 * No server of LiveKit was run with this: `tests/livekit` answers as its documentation says.
 */
import { type CallMedia, fail, ok, type Result } from '@parley/protocol'
import { serverLimits } from '../../contract/limits.ts'
import type { LivekitPlace } from '../../foundation/livekit-settings.ts'
import type { Log } from '../../foundation/log.ts'
import type { Platform } from '../../foundation/platform.ts'
import { systemTimers, type Timers } from '../../foundation/timers.ts'
import type {
  EngineCall,
  EngineEvent,
  EngineFault,
  EngineLeg,
  MediaEngine,
} from '../media-engine.ts'
import type { LegPermissions } from '../permissions.ts'
import { type LivekitRooms, openLivekitRooms } from './rooms.ts'

/** What the engine needs. */
export interface LivekitWorld {
  /** Comes when the SDK is loaded. */
  readonly rooms: Promise<LivekitRooms>
  /** The address that clients connect to, `wss://...`. */
  readonly clientUrl: string
  readonly now: () => number
  readonly timers: Timers
  readonly log: Log
}

/** Time within which a client has to connect, in seconds. */
const livekitTokenSeconds = 30
const barredLookMs = 500

/** A leg that was let in and has not been seen yet. */
interface Expected {
  readonly leg: EngineLeg
  readonly untilMs: number
  readonly permissions: LegPermissions
  /** Whether its token says something else. */
  readonly isChanged: boolean
}

/** What the engine of this process keeps in mind. */
interface Life {
  readonly expected: Map<string, Expected>
  /** Legs that were removed before they were seen, and until when they could still come. */
  readonly barred: Map<string, { readonly leg: EngineLeg; readonly untilMs: number }>
  /** Legs that were sent out, and until when that is remembered: it is asked for repeatedly. */
  readonly gone: Map<string, number>
  readonly connected: Map<string, EngineLeg>
  readonly media: Map<string, CallMedia>
  readonly listeners: ((event: EngineEvent) => void)[]
  isLooking: boolean
  isStopped: boolean
}

/** Opens the engine at a LiveKit that settings name. */
export function openLivekit(
  { log, platform }: { readonly log: Log; readonly platform: Pick<Platform, 'now'> },
  place: LivekitPlace,
): MediaEngine {
  const rooms = openLivekitRooms(place)
  const { clientUrl } = place
  return createLivekit({ rooms, clientUrl, now: platform.now, timers: systemTimers, log })
}

/** Creates the engine of this process. */
export function createLivekit(world: LivekitWorld): MediaEngine {
  const life: Life = {
    ...{
      expected: new Map(),
      barred: new Map(),
      gone: new Map(),
      connected: new Map(),
      media: new Map(),
    },
    ...{ listeners: [], isLooking: false, isStopped: false },
  }
  const unable = (detail: string): Result<never, EngineFault> => fail({ kind: 'unable', detail })
  return {
    name: 'livekit',
    hasPhones: false,
    legsMax: () => serverLimits.livekitLegsMax,
    async open({ media, ...call }) {
      const made = await (await world.rooms).create(call, { legsMax: serverLimits.livekitLegsMax })
      if (made.ok) life.media.set(nameOf(call), media)
      return made
    },
    admit: (leg, permissions) => admit(world, life, leg, permissions),
    signal: async () => unable('clients of LiveKit talk to it themselves'),
    setPermissions: (leg, permissions) => setPermissions(world, life, leg, permissions),
    dial: async () => unable('phones are not called through LiveKit'),
    remove: (leg) => remove(world, life, leg),
    async close(call) {
      barExpected(world, life, call)
      forgetCall(life, call)
      const gone = await (await world.rooms).remove(call)
      if (!gone.ok) world.log.warn({ detail: gone.fault.detail }, 'a room was not deleted')
    },
    reconcile: () => reconcile(world, life),
    async release({ legId }) {
      life.expected.delete(legId)
      life.connected.delete(legId)
    },
    follow: (listener) => void life.listeners.push(listener),
    async stop() {
      life.isStopped = true
      life.listeners.length = 0
    },
  }
}

async function admit(
  world: LivekitWorld,
  life: Life,
  { resourceId, callId, legId }: EngineLeg,
  permissions: LegPermissions,
): ReturnType<MediaEngine['admit']> {
  const [rooms, now] = [await world.rooms, world.now]
  const [call, leg] = [
    { resourceId, callId },
    { resourceId, callId, legId },
  ]
  const there = await rooms.has(call)
  if (!there.ok) return there
  if (!there.value) return fail({ kind: 'refused', detail: 'there is no such room' })
  const legIds = await carried(world, life, call)
  if (!legIds.ok) return legIds
  const isFull = legIds.value.size >= serverLimits.livekitLegsMax
  if (isFull && !legIds.value.has(legId)) return fail({ kind: 'refused', detail: 'full' })
  const untilMs = now() + livekitTokenSeconds * 1000
  life.gone.delete(legId)
  life.expected.set(legId, { leg, untilMs, permissions, isChanged: false })
  // Another node may have opened the call; without its media nothing is taken away.
  const media = life.media.get(nameOf(call)) ?? 'video'
  const token = await rooms.tokenFor({ ...leg, media }, permissions, livekitTokenSeconds)
  return ok({ mode: 'external', url: world.clientUrl, token })
}

async function setPermissions(
  { rooms: opened, now }: LivekitWorld,
  life: Life,
  leg: EngineLeg,
  permissions: LegPermissions,
): Promise<Result<undefined, EngineFault>> {
  const permitted = await (await opened).permit(leg, permissions)
  const expected = expectedAt(life, leg, now())
  if (permitted.ok || permitted.fault.kind !== 'refused' || expected === undefined) return permitted
  life.expected.set(leg.legId, { ...expected, permissions, isChanged: true })
  return ok(undefined)
}

async function remove(
  world: LivekitWorld,
  life: Life,
  { resourceId, callId, legId }: EngineLeg,
): Promise<void> {
  const leg = { resourceId, callId, legId }
  if (life.gone.has(legId)) return
  const gone = await (await world.rooms).removeLeg(leg, world.now())
  life.expected.delete(legId)
  life.connected.delete(legId)
  if (gone.ok) {
    life.gone.set(legId, world.now() + livekitTokenSeconds * 1000)
    return
  }
  // It had not come, or nobody knows: it is looked for until it cannot come any more.
  if (gone.fault.kind !== 'refused') {
    world.log.warn({ detail: gone.fault.detail }, 'a leg was not removed; it is tried again')
  }
  life.barred.set(legId, { leg, untilMs: world.now() + livekitTokenSeconds * 1000 })
  lookForBarred(world, life)
}

/** A LiveKit that creates rooms for whoever comes would let them into an empty one. */
function barExpected(world: LivekitWorld, life: Life, call: EngineCall): void {
  for (const { leg, untilMs } of life.expected.values()) {
    if (nameOf(leg) === nameOf(call)) life.barred.set(leg.legId, { leg, untilMs })
  }
  lookForBarred(world, life)
}

function lookForBarred(world: LivekitWorld, life: Life): void {
  if (life.isLooking || life.isStopped || life.barred.size === 0) return
  life.isLooking = true
  world.timers.callAfter(barredLookMs, async () => {
    await removeBarred(world, life)
    life.isLooking = false
    lookForBarred(world, life)
  })
}

async function removeBarred({ rooms: opened, now }: LivekitWorld, life: Life): Promise<void> {
  for (const [legId, { leg, untilMs }] of life.barred) {
    const gone = await (await opened).removeLeg(leg, now())
    // Once it was sent out its token is void; one that could not be asked about stays.
    const isOver = now() >= untilMs && !gone.ok && gone.fault.kind === 'refused'
    if (gone.ok || isOver) life.barred.delete(legId)
  }
}

async function reconcile(world: LivekitWorld, life: Life): Promise<readonly EngineLeg[]> {
  const calls = await (await world.rooms).listCalls()
  // Whoever asks takes a leg that is not listed for lost: no list is better than a short one.
  if (!calls.ok) throw new Error(calls.fault.detail)
  const found: EngineLeg[] = []
  for (const call of calls.value) {
    const legIds = await (await world.rooms).listLegs(call)
    if (!legIds.ok) throw new Error(legIds.fault.detail)
    found.push(...legIds.value.map((legId) => ({ ...call, legId })))
  }
  await settle(world, life, found)
  const names = new Set(found.map(({ legId }) => legId))
  const expected = [...life.expected.values()].filter(({ leg }) => !names.has(leg.legId))
  return [...found, ...expected.map(({ leg }) => leg)].filter(
    ({ legId }) => !life.barred.has(legId),
  )
}

/** Tells what has changed since it was looked at last. */
async function settle(world: LivekitWorld, life: Life, found: readonly EngineLeg[]): Promise<void> {
  const tell = (event: EngineEvent) => {
    for (const listener of life.listeners) listener(event)
  }
  for (const leg of found) {
    const expected = life.expected.get(leg.legId)
    if (expected === undefined) continue
    if (expected.isChanged) await (await world.rooms).permit(leg, expected.permissions)
    life.expected.delete(leg.legId)
    life.connected.set(leg.legId, leg)
    tell({ kind: 'connected', leg })
  }
  const names = new Set(found.map(({ legId }) => legId))
  for (const [legId, leg] of life.connected) {
    if (names.has(legId)) continue
    life.connected.delete(legId)
    tell({ kind: 'disconnected', leg })
  }
  for (const [legId, { untilMs }] of life.expected) {
    if (world.now() >= untilMs) life.expected.delete(legId)
  }
  for (const [legId, untilMs] of life.gone) if (world.now() >= untilMs) life.gone.delete(legId)
}

/** The ids of those who are in a call or may still come. */
async function carried(
  { rooms: opened, now }: LivekitWorld,
  life: Life,
  call: EngineCall,
): Promise<Result<ReadonlySet<string>, EngineFault>> {
  const connected = await (await opened).listLegs(call)
  if (!connected.ok) return connected
  const expected = [...life.expected.values()].filter(
    ({ leg, untilMs }) => nameOf(leg) === nameOf(call) && now() < untilMs,
  )
  return ok(new Set([...connected.value, ...expected.map(({ leg }) => leg.legId)]))
}

function expectedAt(life: Life, { legId }: EngineLeg, atMs: number): Expected | undefined {
  const expected = life.expected.get(legId)
  return expected !== undefined && atMs < expected.untilMs ? expected : undefined
}

function forgetCall(life: Life, call: EngineCall): void {
  life.media.delete(nameOf(call))
  for (const legs of [life.expected, life.connected] as const) {
    for (const [legId, one] of legs) {
      const leg = 'leg' in one ? one.leg : one
      if (nameOf(leg) === nameOf(call)) legs.delete(legId)
    }
  }
}

function nameOf({ resourceId, callId }: EngineCall): string {
  return `${resourceId}/${callId}`
}
