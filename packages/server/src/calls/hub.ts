/**
 * All clients of calls at this node.
 *
 * A client is held by what its token depends on from the turn in which the token was found good.
 * When that ends, the token is judged again: what a change of the resource has left good goes on,
 * and everything else is cut in that turn, the socket and the media; the rows follow. Whoever lost
 * its socket is still held, so that a revocation does not wait for its coming back.
 */
import { type CallAnswer, callingCloseCodes as codes, type LegEndReason } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import type { Openings } from '../events/openings.ts'
import type { Platform } from '../foundation/platform.ts'
import { type AdmissionWorld, type Admitted, admitCaller, type Refusal } from './admission.ts'
import { markDeviceLost, touchDevices } from './device-store.ts'
import { listFramesAfter } from './frame-store.ts'
import { endDevice, giveUpRings } from './going.ts'
import type { DeviceNotice } from './notification-text.ts'
import { type Act, queueRequest } from './queue.ts'
import { type CallSession, isFailing, sendFrame } from './session.ts'
import { releaseLegs, removeEndedLeg, removeLegs } from './session-legs.ts'
import type { CallWorld } from './steps.ts'

/** What a hub needs. */
export interface CallHubWorld extends CallWorld, AdmissionWorld {
  readonly platform: Platform
  readonly openings: Openings
  readonly isCurrent: () => boolean
  /** Waits until this node may accept tokens; false when it does not in time. */
  readonly whenCurrent: () => Promise<boolean>
}

/** The clients of a node. */
export interface CallHub {
  readonly hasRoom: () => boolean
  /** Says that a client is about to be entered. @returns says that it was, or will not be. */
  readonly expect: (sessionId: string) => () => void
  /** Enters a client; call it in the turn in which its token was found good. */
  readonly enter: (session: CallSession) => void
  /** Takes a new token in the place of the present one. */
  readonly renew: (session: CallSession, admitted: Admitted) => void
  /** Lets a client hear what it is told from now on, and what it was told before. */
  readonly begin: (session: CallSession, heardSeq: number) => void
  /** Works on a request after those before it, and answers. */
  readonly work: (session: CallSession, re: CallAnswer['re'], act: Act) => void
  /** Its socket is gone. */
  readonly lose: (session: CallSession) => void
  /** Closes a client for good. */
  readonly end: (session: CallSession, how: SessionEnd) => void
  /** Gives a notice to the device that it is for, where that is here. */
  readonly deliver: (resourceId: string, notice: DeviceNotice) => void
  /** What was told may have been missed: everybody reads. */
  readonly readAll: () => void
  /** Judges every token again. */
  readonly judgeAll: () => void
  readonly sessions: () => readonly CallSession[]
  readonly count: () => number
  /** Closes all sockets; their clients may come back elsewhere. */
  readonly close: () => Promise<void>
}

/** Why a client is closed. */
export interface SessionEnd {
  readonly code: number
  readonly reason: LegEndReason
}

const refusalEnds: Readonly<Record<Refusal, SessionEnd>> = {
  void: { code: codes.tokenRevoked, reason: 'revoked' },
  scope: { code: codes.scopeForbidden, reason: 'revoked' },
  expired: { code: codes.tokenExpired, reason: 'expired' },
}

const intervals = {
  /** Time between two looks at all clients, in milliseconds, and of those the ones that touch. */
  lookEveryMs: 1000,
  touchEvery: 5,
}

interface Life extends CallHubWorld {
  /** By resource and device. */
  readonly devices: Map<string, CallSession>
  /** Sessions that are about to be entered. */
  readonly coming: Set<string>
  /** What is being stored. */
  readonly pending: Set<Promise<unknown>>
  isClosed: boolean
  looks: number
}

/** Creates an empty hub. */
export function createCallHub(world: CallHubWorld): CallHub {
  const empty = { devices: new Map(), coming: new Set<string>(), pending: new Set<Promise<void>>() }
  const life: Life = { ...world, ...empty, isClosed: false, looks: 0 }
  const timer = setInterval(() => look(life), intervals.lookEveryMs).unref()
  const sessions = () => [...life.devices.values()]
  return {
    hasRoom: () => !life.isClosed && life.devices.size < serverLimits.callSocketsMax,
    expect(sessionId) {
      life.coming.add(sessionId)
      return () => life.coming.delete(sessionId)
    },
    enter: (session) => enter(life, session),
    renew(session, admitted) {
      session.letGo()
      session.admitted = admitted
      hold(life, session)
    },
    begin(session, heardSeq) {
      session.toldSeq = heardSeq
      void read(life, session)
    },
    work: (session, re, act) =>
      queueRequest(life, session, {
        ...{ re, act },
        onLate: () => endAgain(life, session),
        onIdle() {
          for (const notice of session.held.splice(0)) deliver(life, session, notice)
        },
      }),
    lose: (session) => lose(life, session),
    end: (session, how) => end(life, session, how),
    deliver(resourceId, notice) {
      const session = life.devices.get(nameOf(resourceId, notice.deviceId))
      if (session !== undefined) deliver(life, session, notice)
    },
    readAll() {
      for (const session of sessions()) void read(life, session)
    },
    judgeAll() {
      for (const session of sessions()) judgeAgain(life, session)
    },
    sessions,
    count: () => life.devices.size,
    async close() {
      clearInterval(timer)
      life.isClosed = true
      for (const session of sessions()) {
        session.transport?.close(codes.goingAway, 'the server stops')
        lose(life, session)
        drop(life, session)
      }
      while (life.pending.size > 0) await Promise.all(life.pending)
    },
  }
}

function nameOf(resourceId: string, deviceId: string): string {
  return `${resourceId}/${deviceId}`
}

function enter(life: Life, session: CallSession): void {
  const name = nameOf(session.admitted.resourceId, session.deviceId)
  const former = life.devices.get(name)
  if (former !== undefined) {
    former.transport?.close(codes.replaced, 'the device has another socket')
    drop(life, former)
  }
  life.devices.set(name, session)
  hold(life, session)
}

function hold(life: Life, session: CallSession): void {
  const { subjects, needed } = session.admitted
  session.letGo = life.openings.hold(subjects, () => judgeAgain(life, session, true), needed)
}

/** Ends who is not welcome any more; `isReleased` where the hold has ended by itself. */
function judgeAgain(life: Life, session: CallSession, isReleased = false): void {
  if (session.isOver) return
  const judged = admitCaller(life, session.admitted.token)
  if (judged.ok) {
    session.admitted = judged.value
    if (isReleased) hold(life, session)
  } else {
    end(life, session, refusalEnds[judged.fault])
  }
}

/** Forgets a client here, and changes nothing of what is stored. */
function drop(life: Life, session: CallSession): void {
  session.isOver = true
  session.transport = undefined
  session.letGo()
  const name = nameOf(session.admitted.resourceId, session.deviceId)
  if (life.devices.get(name) === session) life.devices.delete(name)
}

function end(life: Life, session: CallSession, { code, reason }: SessionEnd): void {
  if (session.isOver) return
  const { deviceId, sessionId, transport } = session
  const { resourceId } = session.admitted
  const atMs = life.platform.now()
  transport?.close(code, reason)
  drop(life, session)
  follow(life, removeLegs(life.engines, session))
  const ended = endDevice(life, { resourceId, deviceId, sessionId }, { reason, atMs })
  const named = { resourceId, identityId: session.admitted.identityId }
  follow(life, reason === 'revoked' ? ended.then(() => giveUpRings(life, named)) : ended)
}

function lose(life: Life, session: CallSession): void {
  if (session.isOver || session.transport === undefined) return
  session.transport = undefined
  session.seenAtMs = life.platform.monotonicNow()
  const { deviceId, sessionId } = session
  const { resourceId } = session.admitted
  const device = { resourceId, deviceId, sessionId, atMs: life.platform.now() }
  follow(life, markDeviceLost(life.db, device))
}

/** What fails here is healed by the recurring work, which finds a device that nobody speaks for. */
function follow(life: Life, pending: Promise<unknown>): void {
  const followed = pending
    .catch((error: unknown) => life.log.error({ err: error }, 'a device of calls was not ended'))
    .finally(() => life.pending.delete(followed))
  life.pending.add(followed)
}

function endAgain(life: Life, session: CallSession): void {
  const { deviceId, sessionId, admitted } = session
  const device = { resourceId: admitted.resourceId, deviceId, sessionId }
  follow(life, endDevice(life, device, { reason: 'revoked', atMs: life.platform.now() }))
}

function deliver(life: Life, session: CallSession, notice: DeviceNotice): void {
  if (session.isOver) return
  if (notice.kind === 'taken') {
    if (notice.sessionId === session.sessionId) return
    session.transport?.close(codes.replaced, 'the device has another socket')
    drop(life, session)
    // A socket of this node goes on with what the engine holds here.
    if (!life.coming.has(notice.sessionId)) follow(life, releaseLegs(life.engines, session))
    return
  }
  if (notice.kind === 'frame') follow(life, removeEndedLeg(life.engines, session, notice.body))
  if (session.transport === undefined) return
  if (session.requestCount > 0) {
    session.held.push(notice)
    return
  }
  const isNext = notice.kind === 'frame' && notice.seq === session.toldSeq + 1
  if (isNext && !session.isReading && life.isCurrent()) sendFrame(session, notice)
  else if (notice.kind === 'read' || notice.seq > session.toldSeq) void read(life, session)
}

/** Reads what a client was not told yet, and tells it. */
async function read(life: Life, session: CallSession): Promise<void> {
  session.isToReadAgain = true
  if (session.isReading) return
  session.isReading = true
  try {
    while (session.isToReadAgain && !session.isOver) {
      session.isToReadAgain = false
      const { deviceId, admitted } = session
      const device = { resourceId: admitted.resourceId, deviceId }
      const frames = await listFramesAfter(life.db, device, session.toldSeq)
      while (!life.isCurrent() && !session.isOver && !life.isClosed) await life.whenCurrent()
      for (const frame of frames) {
        follow(life, removeEndedLeg(life.engines, session, frame.body))
        sendFrame(session, frame)
      }
    }
  } catch (error) {
    // It comes again, and reads then.
    life.log.warn({ err: error }, 'what a client of calls was told could not be read')
    session.transport?.close(codes.unavailable, 'try again')
    lose(life, session)
  } finally {
    session.isReading = false
  }
}

function look(life: Life): void {
  life.looks += 1
  const { platform } = life
  const monotonicMs = platform.monotonicNow()
  const nowMs = platform.now()
  for (const session of life.devices.values()) {
    if (session.admitted.expiresAtMs <= nowMs) end(life, session, refusalEnds.expired)
    else if (isFailing(session, monotonicMs)) {
      session.transport?.close(codes.goingAway, 'silent')
      lose(life, session)
    } else if (session.transport === undefined) {
      // Its legs are ended by the recurring work of whichever node comes first.
      const isLong = monotonicMs - session.seenAtMs > 2 * serverLimits.callResumeMs
      if (isLong) drop(life, session)
    }
  }
  if (life.looks % intervals.touchEvery === 0) touchAll(life)
}

function touchAll(life: Life): void {
  const present = [...life.devices.values()].filter(({ transport }) => transport !== undefined)
  if (present.length === 0) return
  const devices = present.map(({ admitted, deviceId, sessionId }) => ({
    ...{ resourceId: admitted.resourceId, deviceId, sessionId },
  }))
  follow(life, touchDevices(life.db, devices))
}
