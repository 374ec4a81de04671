/**
 * One client at its socket: what was sent to it, what it has answered, and so how far it has heard.
 */
import type { CarriedGeneration, CarriedScope } from '@parley/protocol'
import { serverLimits } from '../../contract/limits.ts'
import { type PrintedNotice, printBody, printDelivery } from './bodies.ts'
import type { Endpoint, Place, Returned } from './endpoint-store.ts'
import { frames, parseAnswer, parseFrame, printAck, printReady } from './frames.ts'
import type { Heard } from './heard.ts'

/** How frames reach a client. */
export interface Transport {
  readonly send: (frame: string) => void
  /** Bytes that the client has not taken yet. */
  readonly pendingBytes: () => number
  readonly close: () => void
}

/** A client that was found good. */
export interface Guest extends Endpoint {
  /** The identity as the wire names it. */
  readonly rawId: string
  readonly expiresAtMs: number
  /** What its token depends on. */
  readonly subjects: readonly CarriedGeneration[]
  /** The scopes of its token any one of which is enough. */
  readonly needed: readonly CarriedScope[]
  readonly transport: Transport
  /** Whether the client was told elsewhere that it is connected, and is not to be told again. */
  readonly isGreeted: boolean
}

interface Waiting {
  readonly seq: number
  readonly printed: PrintedNotice
}

/** A delivery that was not answered yet. */
interface Open {
  readonly seq: number
  readonly atMs: number
}

/** A client and everything known of its connection. */
export interface Session extends Guest {
  readonly shortId: string
  letGo: () => void
  isOver: boolean
  /** What came before the client had caught up; `undefined` from then on. */
  waiting: Waiting[] | undefined
  /** Of the last delivery. */
  number: number
  unanswered: Map<number, Open> | undefined
  /** Where this client began to hear. */
  baseSeq: number
  /** Answered, and above the floor when it was looked at last. */
  answered: number[]
  /** What it heard by catching up, which may come once more on the ordinary way. */
  caughtUp: { readonly seqs: ReadonlySet<number>; readonly atMs: number } | undefined
  /** When the client was heard of last, by the node's own clock. */
  seenAtMs: number
  /** Whether it has heard more than is recorded. */
  isAhead: boolean
}

/** Limits of a session. */
export const sessionLimits = {
  /** Time without a word after which a client is asked for one, and after which it is gone. */
  quietMs: 45_000,
  silentMs: 100_000,
  /** Time for which what was caught up with may come again, in milliseconds. */
  caughtUpMs: 30_000,
  /** Seconds for which a client takes its connection to be good. */
  ttlSeconds: 3600,
}

/** A client that has just been entered, and has not caught up. */
export function createSession(guest: Guest, shortId: string, atMs: number): Session {
  return {
    ...guest,
    shortId,
    letGo: () => undefined,
    isOver: false,
    waiting: [],
    number: 0,
    unanswered: undefined,
    baseSeq: 0,
    answered: [],
    caughtUp: undefined,
    seenAtMs: atMs,
    isAhead: false,
  }
}

/** Gives a client what it missed, and then what has come since it was entered. */
export function catchUp(
  session: Session,
  found: { readonly returned: Returned | undefined; readonly baseSeq: number },
  atMs: number,
): void {
  const { returned, baseSeq } = found
  if (!session.isGreeted) session.transport.send(printReady(sessionLimits.ttlSeconds))
  session.baseSeq = returned?.floorSeq ?? baseSeq
  session.answered = [...(returned?.heardSeqs ?? [])]
  const waiting = session.waiting ?? []
  session.waiting = undefined
  const missed = returned?.missed ?? []
  for (const { seq, body } of missed) send(session, { seq, printed: printBody(body) }, atMs)
  if (returned !== undefined) {
    const seqs = new Set([...returned.heardSeqs, ...missed.map(({ seq }) => seq)])
    session.caughtUp = { seqs, atMs }
  }
  for (const one of waiting) give(session, one, atMs)
}

/** Gives a client a notice, now or when it has caught up. */
export function give(session: Session, notice: Waiting, atMs: number): void {
  if (session.waiting !== undefined) session.waiting.push(notice)
  else if (!session.caughtUp?.seqs.has(notice.seq)) send(session, notice, atMs)
}

function send(session: Session, { seq, printed }: Waiting, atMs: number): void {
  const { rawId, transport } = session
  session.number += 1
  if (seq > 0) {
    session.unanswered ??= new Map()
    session.unanswered.set(session.number, { seq, atMs })
  }
  transport.send(printDelivery(printed, { number: session.number, rawId }))
}

/**
 * Takes a frame of the client.
 *
 * @returns whether the session goes on.
 */
export function receive(session: Session, text: string, atMs: number): boolean {
  const frame = parseFrame(text)
  session.seenAtMs = atMs
  switch (frame?.kind) {
    case 'message':
      noteAnswer(session, frame.text)
      return true
    case 'event':
      if (frame.ackId !== undefined) session.transport.send(printAck(frame.ackId))
      return true
    case 'heartbeat':
    case 'other':
      return true
    default:
      return false
  }
}

function noteAnswer(session: Session, text: string): void {
  const number = parseAnswer(text)
  const open = number === undefined ? undefined : session.unanswered?.get(number)
  if (number === undefined || open === undefined) return
  session.unanswered?.delete(number)
  if (session.unanswered?.size === 0) session.unanswered = undefined
  session.answered.push(open.seq)
  session.isAhead = true
}

/**
 * How far a client has heard: it has answered everything up to the floor of its node, unless
 * something below that still waits for its answer.
 */
export function placeOf(session: Session, heard: Pick<Heard, 'floorSeq'>): Place {
  let floorSeq = heard.floorSeq()
  for (const { seq } of session.unanswered?.values() ?? []) floorSeq = Math.min(floorSeq, seq - 1)
  floorSeq = Math.max(floorSeq, session.baseSeq)
  session.answered = session.answered.filter((seq) => seq > floorSeq)
  return { floorSeq, heardSeqs: session.answered }
}

/** Whether a client must be cut off, for it is gone, expired or too slow. */
export function isFailing(
  session: Session,
  at: { readonly monotonicMs: number; readonly nowMs: number },
): boolean {
  const { seenAtMs, unanswered, transport, waiting } = session
  if (at.nowMs >= session.expiresAtMs) return true
  if (at.monotonicMs - seenAtMs > sessionLimits.silentMs) return true
  if (transport.pendingBytes() > serverLimits.chatSocketBufferBytesMax) return true
  if ((waiting?.length ?? 0) > serverLimits.chatUnansweredMax) return true
  if (unanswered === undefined) return false
  const [oldest] = unanswered.values()
  const isLate = at.monotonicMs - (oldest?.atMs ?? 0) > serverLimits.chatAnswerWithinMs
  return isLate || unanswered.size > serverLimits.chatUnansweredMax
}

/** What is done for a session now and then. */
export function tend(session: Session, monotonicMs: number): void {
  const { caughtUp, seenAtMs, transport } = session
  if (caughtUp !== undefined && monotonicMs - caughtUp.atMs > sessionLimits.caughtUpMs) {
    session.caughtUp = undefined
  }
  if (monotonicMs - seenAtMs > sessionLimits.quietMs) transport.send(frames.heartbeat)
}
