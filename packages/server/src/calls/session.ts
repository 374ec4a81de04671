/**
 * One client of calls at its socket, or away from it for a moment: what it was told, and what is
 * under way for it.
 *
 * What is told waits while a request of the client is under way, so that no answer comes after
 * what happened later. Requests of a client are worked on one after the other.
 */
import type { CallAnswer } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import {
  addOne,
  countNow,
  createSlidingCount,
  type SlidingCount,
} from '../foundation/sliding-count.ts'
import type { Admitted } from './admission.ts'
import type { DeviceNotice } from './notification-text.ts'

/** How frames reach a client. */
export interface CallTransport {
  readonly send: (frame: string) => void
  /** Bytes that the client has not taken yet. */
  readonly pendingBytes: () => number
  readonly close: (code: number, reason: string) => void
}

/** A client that was let in. */
export interface CallSession {
  /** By its present token. */
  admitted: Admitted
  readonly deviceId: string
  readonly sessionId: string
  /** What takes the place of the socket. */
  readonly resume: string
  /** `undefined` while it is away. */
  transport: CallTransport | undefined
  letGo: () => void
  isOver: boolean
  /** The number of what it was told last. */
  toldSeq: number
  /** What was told while a request was under way. */
  held: DeviceNotice[]
  /** Requests that are under way or wait. */
  requestCount: number
  work: Promise<void>
  isReading: boolean
  isToReadAgain: boolean
  /** When it was heard of last, and since when it is away, by the node's own clock. */
  seenAtMs: number
  readonly rate: SlidingCount
  /** Its legs, by call: what is cut at once when its token is void. */
  readonly legs: Map<string, { readonly legId: string; readonly engine: string }>
}

/** A client that has just come. */
export function createCallSession(
  guest: Pick<CallSession, 'admitted' | 'deviceId' | 'sessionId' | 'resume' | 'transport'>,
  atMs: number,
): CallSession {
  return {
    ...guest,
    letGo: () => undefined,
    isOver: false,
    toldSeq: 0,
    held: [],
    requestCount: 0,
    work: Promise.resolve(),
    isReading: false,
    isToReadAgain: false,
    seenAtMs: atMs,
    rate: createSlidingCount(10_000, atMs),
    legs: new Map(),
  }
}

/** Counts a frame; false when there are too many. */
export function countFrame(session: CallSession, atMs: number): boolean {
  session.seenAtMs = atMs
  if (countNow(session.rate, atMs) >= serverLimits.callFramesInTenSecondsMax) return false
  addOne(session.rate)
  return session.requestCount < serverLimits.callFramesWaitingMax
}

/** Sends what a client is told, once. */
export function sendFrame(
  session: CallSession,
  frame: { readonly seq: number; readonly body: string },
): void {
  const { transport } = session
  if (transport === undefined || frame.seq <= session.toldSeq) return
  session.toldSeq = frame.seq
  transport.send(`{"seq":${frame.seq},${frame.body.slice(1)}`)
}

/** Sends an answer. */
export function sendAnswer(session: Pick<CallSession, 'transport'>, answer: CallAnswer): void {
  session.transport?.send(JSON.stringify(answer))
}

/** Whether a client must be cut off, for it is silent or too slow. */
export function isFailing({ transport, seenAtMs }: CallSession, monotonicMs: number): boolean {
  if (transport === undefined) return false
  if (monotonicMs - seenAtMs > serverLimits.callSilentMs) return true
  return transport.pendingBytes() > serverLimits.callSocketBufferBytesMax
}
