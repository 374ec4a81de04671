/**
 * All clients at the sockets of this node.
 *
 * A client is entered, and held by what its token depends on, in the turn in which the token was
 * found good; only then is it looked up how far it had heard. What comes in between waits, so that
 * nothing falls into the gap; what comes by both ways is told by its number.
 */
import { serverLimits } from '../../contract/limits.ts'
import type { Database } from '../../database/connect.ts'
import type { Openings } from '../../events/openings.ts'
import { createGather, type Gather } from '../../foundation/gather.ts'
import type { Log } from '../../foundation/log.ts'
import type { Platform } from '../../foundation/platform.ts'
import { type PrintedNotice, printBody } from './bodies.ts'
import {
  type Endpoint,
  type EndpointAsk,
  openEndpoints,
  type Place,
  type Returned,
  savePlaces,
} from './endpoint-store.ts'
import { frames } from './frames.ts'
import type { Heard } from './heard.ts'
import { shortIdCharacters, shortIdOf, type ToldNotice } from './notice-text.ts'
import {
  catchUp,
  createSession,
  type Guest,
  give,
  isFailing,
  placeOf,
  receive,
  type Session,
  tend,
} from './session.ts'

/** The clients of a node. */
export interface Hub {
  /** Whether an identity may have one more client here. */
  readonly hasRoom: (identity: Pick<Endpoint, 'resourceId' | 'identityId'>) => boolean
  /** Enters a client. Call it in the turn in which its token was found good. */
  readonly enter: (guest: Guest) => Entered
  /** Gives a notice to those of its recipients that are here. */
  readonly deliver: (notice: ToldNotice) => void
  readonly count: () => number
  /** Closes all sockets for good, and records how far their clients have heard. */
  readonly close: () => Promise<void>
}

/** A client that was entered. */
export interface Entered {
  /** Takes a frame of the client. */
  readonly receive: (frame: string) => void
  /** Notes that the client is there. */
  readonly touch: () => void
  /** To be called when the socket is gone, for whatever reason. */
  readonly leave: () => void
}

/** What a hub needs. */
export interface HubWorld {
  readonly db: Database
  readonly openings: Openings
  readonly platform: Pick<Platform, 'now' | 'monotonicNow'>
  readonly log: Log
  readonly heard: Pick<Heard, 'floorSeq' | 'lastSeq'>
  /** Waits until this node knows whose sockets are to be closed; false when it does not in time. */
  readonly whenCurrent: () => Promise<boolean>
}

const limits = {
  /** Clients that are looked up in one statement, and whose places are recorded in one. */
  asksMax: 64,
  savesMax: 512,
  waitingMax: 60_000,
  /** Time between two looks at all clients, in milliseconds. */
  lookEveryMs: 1000,
  /** In looks: how often places are recorded of those who have heard something, and of all. */
  saveEvery: 5,
  saveAllEvery: 60,
  tendEvery: 15,
}

/** The clients of one resource by the short ids of their identities. */
type Members = Map<string, Session[]>

interface Life extends HubWorld {
  readonly resources: Map<string, Members>
  /** Places that are being recorded, by client. */
  readonly saving: Map<string, Promise<unknown>>
  readonly asks: Gather<EndpointAsk, Returned | undefined>
  readonly saves: Gather<Endpoint & Place, undefined>
  count: number
  isClosed: boolean
  looks: number
}

/** Creates an empty hub. */
export function createHub(world: HubWorld): Hub {
  const { db } = world
  const keyOf = ({ resourceId }: Endpoint) => resourceId
  const { waitingMax, asksMax, savesMax } = limits
  const life: Life = {
    ...world,
    resources: new Map(),
    saving: new Map(),
    asks: createGather<EndpointAsk, Returned | undefined>({
      ...{ keyOf, waitingMax, asksMax },
      answerAll: (resourceId, asks) => openEndpoints(db, resourceId, asks),
    }),
    saves: createGather<Endpoint & Place, undefined>({
      ...{ keyOf, waitingMax, asksMax: savesMax },
      async answerAll(resourceId, places) {
        await savePlaces(db, resourceId, places)
        return places.map(() => undefined)
      },
    }),
    count: 0,
    isClosed: false,
    looks: 0,
  }
  const timer = setInterval(() => look(life), limits.lookEveryMs).unref()
  return {
    hasRoom: (identity) => hasRoom(life, identity),
    enter: (guest) => enter(life, guest),
    deliver: (notice) => deliver(life, notice),
    count: () => life.count,
    async close() {
      clearInterval(timer)
      life.isClosed = true
      for (const session of sessionsOf(life)) end(life, session)
      await Promise.all(life.saving.values())
    },
  }
}

function hasRoom(
  life: Life,
  { resourceId, identityId }: Pick<Endpoint, 'resourceId' | 'identityId'>,
) {
  if (life.isClosed || life.count >= serverLimits.chatSocketsMax) return false
  const own = life.resources.get(resourceId)?.get(shortIdOf(identityId))
  return (own?.length ?? 0) < serverLimits.chatSocketsOfIdentityMax
}

function sessionsOf(life: Life): readonly Session[] {
  return [...life.resources.values()].flatMap((members) => [...members.values()].flat())
}

function enter(life: Life, guest: Guest): Entered {
  const { resourceId, identityId, endpointId, transport } = guest
  const session = createSession(guest, shortIdOf(identityId), life.platform.monotonicNow())
  const members = life.resources.get(resourceId) ?? new Map()
  life.resources.set(resourceId, members)
  const own: Session[] = members.get(session.shortId) ?? []
  // A client has one connection: the former one is half open, or about to be.
  for (const former of own.filter((one) => one.endpointId === endpointId)) end(life, former)
  members.set(session.shortId, [...(members.get(session.shortId) ?? []), session])
  life.resources.set(resourceId, members)
  life.count += 1
  session.letGo = life.openings.hold(guest.subjects, () => end(life, session), guest.needed)
  if (!guest.isGreeted) transport.send(frames.connected)
  void begin(life, session)
  return {
    receive(frame) {
      if (session.isOver) return
      if (!receive(session, frame, life.platform.monotonicNow())) end(life, session)
    },
    touch() {
      session.seenAtMs = life.platform.monotonicNow()
    },
    leave: () => end(life, session),
  }
}

/** Looks up how far the client had heard, and gives it the rest. */
async function begin(life: Life, session: Session): Promise<void> {
  const { resourceId, identityId, endpointId, sessionId } = session
  try {
    await life.saving.get(nameOf(session))
    const floorSeq = life.heard.lastSeq()
    const ask = { resourceId, identityId, endpointId, sessionId, floorSeq }
    const returned = await life.asks.ask(ask)
    // Whoever is still welcome comes again.
    if (!(await life.whenCurrent())) return end(life, session)
    if (session.isOver) return
    catchUp(session, { returned, baseSeq: floorSeq }, life.platform.monotonicNow())
  } catch (error) {
    life.log.error({ err: error }, 'a client of chat could not be entered')
    end(life, session)
  }
}

function nameOf({ resourceId, identityId, endpointId }: Endpoint): string {
  return `${resourceId}/${identityId}/${endpointId}`
}

/** Takes a client out, closes its socket and records how far it has heard. */
function end(life: Life, session: Session): void {
  if (session.isOver) return
  session.isOver = true
  session.letGo()
  life.count -= 1
  const members = life.resources.get(session.resourceId)
  const left = (members?.get(session.shortId) ?? []).filter((one) => one !== session)
  if (left.length > 0) members?.set(session.shortId, left)
  else members?.delete(session.shortId)
  if (members?.size === 0) life.resources.delete(session.resourceId)
  session.transport.close()
  // One that had not caught up has heard nothing that is not recorded.
  if (session.waiting === undefined) void save(life, session)
}

function save(life: Life, session: Session): Promise<void> {
  const { resourceId, identityId, endpointId, sessionId } = session
  const name = nameOf(session)
  session.isAhead = false
  const place = placeOf(session, life.heard)
  const saving = life.saves
    .ask({ resourceId, identityId, endpointId, sessionId, ...place })
    .then(() => undefined)
    .catch((error: unknown) => {
      // The client hears again what it has heard since the last time.
      life.log.warn({ err: error }, 'how far a client of chat has heard could not be recorded')
    })
    .finally(() => {
      if (life.saving.get(name) === saving) life.saving.delete(name)
    })
  life.saving.set(name, saving)
  return saving
}

function deliver(life: Life, notice: ToldNotice): void {
  const { recipients, body, seq, resourceId } = notice
  const members = life.resources.get(resourceId)
  if (members === undefined) return
  const atMs = life.platform.monotonicNow()
  let printed: PrintedNotice | undefined
  for (let at = 0; at < recipients.length; at += shortIdCharacters) {
    const own = members.get(recipients.slice(at, at + shortIdCharacters))
    if (own === undefined) continue
    printed ??= printBody(body)
    for (const session of own) {
      give(session, { seq, printed }, atMs)
      const isSlow = session.transport.pendingBytes() > serverLimits.chatSocketBufferBytesMax
      if (isSlow) end(life, session)
    }
  }
}

function look(life: Life): void {
  life.looks += 1
  const { platform, looks } = life
  const at = { monotonicMs: platform.monotonicNow(), nowMs: platform.now() }
  const isEachSaved = looks % limits.saveAllEvery === 0
  const isSaving = isEachSaved || looks % limits.saveEvery === 0
  const isTending = looks % limits.tendEvery === 0
  for (const session of sessionsOf(life)) {
    if (isFailing(session, at)) {
      end(life, session)
      continue
    }
    if (isTending) tend(session, at.monotonicMs)
    if (session.waiting !== undefined) continue
    if (isEachSaved || (isSaving && session.isAhead)) void save(life, session)
  }
}
